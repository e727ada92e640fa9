"""``/moc`` for people: the maps that there are, in every form, in well-formed HTML without scripts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC
from itertools import groupby
from operator import itemgetter
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from hips.mocs.kept import Build
from hips.mocs.names import Dimension, Name
from vo_service.moc.map_forms import ENDINGS

_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "td,th{padding:.2em 1.5em .2em 0;vertical-align:top;text-align:left}code{background:#f4f4f4}"
)
_TITLES: Final = {"holdings": "All", "band": "Receiver bands", "year": "Years", "project": "Projects"}
_HEADS: Final = {
    Dimension.SPACE: "Space",
    Dimension.TIME: "Space and time",
    Dimension.FREQUENCY: "Space and frequency",
}
_NONE: Final = (
    "<p>There are no maps of the holdings yet: the operator makes them with <code>vo-service moc</code>.</p>"
)
_MORE: Final = """\
<h2>Others</h2>
<ul>
<li><code>{0}/dataset/ID.fits</code>: of one data set, by its dataset_id, or by its obs_publisher_did with
percent escapes; <code>{0}/time/dataset/ID.fits</code> and <code>{0}/frequency/dataset/ID.fits</code> as
well.</li>
<li><code>{0}?POS=CIRCLE+204.25+-29.87+1&amp;BAND=0.001+0.0015</code>: of all data sets that a search
for images (<code>/sia2/query</code>) finds by these parameters.</li>
<li><code>{0}/search?MOC=6/30000-30010</code>: the data sets that meet a map.</li>
</ul>
<p>Without an ending the form is that of RESPONSEFORMAT (fits, json, ascii), else of the header Accept, else
FITS. <code>order=8</code> makes a map coarser; of those of space and time, or frequency, it is
the order of space, and <code>timeorder</code>, <code>frequencyorder</code> that of the other axis. Indices
of order 26 and deeper are larger than JavaScript's whole numbers: read those as FITS.</p>
"""


def maps_page(address: str, build: Build | None, refused: Collection[Name]) -> bytes:
    """The page of the service at ``address``; ``refused`` are the maps that are not shown now."""
    base = f"{address}/moc"
    listed = _NONE if build is None else _listed(base, build, refused)
    return (
        "<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" lang="en">\n'
        f'<head><meta charset="utf-8"/><base href={quoteattr(base + "/")}/>'
        f"<title>Coverage maps (MOC)</title><style>{_STYLE}</style></head>\n"
        "<body>\n<h1>Coverage maps (MOC)</h1>\n"
        "<p>Where the archive has looked, as Multi-Order Coverage maps, which Aladin and TOPCAT take."
        "</p>\n"
        f"{listed}{_MORE.format(escape(base))}</body>\n</html>\n"
    ).encode()


def _listed(base: str, build: Build, refused: Collection[Name]) -> str:
    moment = build.made.astimezone(UTC)
    made = f"<p>Made {moment:%Y-%m-%d %H:%M} UTC, of snapshot {build.pointer.snapshot}.</p>\n"
    return made + "".join(
        _table(kind, names, refused) for kind, names in groupby(_sorted(build), itemgetter(0))
    )


def _sorted(build: Build) -> list[Name]:
    """Kinds in the order of their titles; numbers by their size."""
    kinds = list(_TITLES)

    def rank(name: Name) -> tuple[int, int, str]:
        text = name[-1]
        return kinds.index(name[0]), int(text) if text.isdecimal() else 0, text

    return sorted(build.names(), key=rank)


def _table(kind: str, names: Iterable[Name], refused: Collection[Name]) -> str:
    heads = "".join(f"<th>{head}</th>" for head in _HEADS.values())
    rows = "\n".join(_row(name, name in refused) for name in names)
    return f"<h2>{_TITLES[kind]}</h2>\n<table>\n<tr><th></th>{heads}</tr>\n{rows}\n</table>\n"


def _row(name: Name, is_refused: bool) -> str:
    title = escape(name[1] if len(name) > 1 else name[0])
    if is_refused:
        return f'<tr><td>{title}</td><td colspan="3">being made anew</td></tr>'
    cells = "".join(f"<td>{_links(name, dimension)}</td>" for dimension in _HEADS)
    return f"<tr><td>{title}</td>{cells}</tr>"


def _links(name: Name, dimension: Dimension) -> str:
    start = "" if dimension is Dimension.SPACE else f"{dimension}/"
    path = start + "/".join(quote(part, safe="") for part in name)
    return " ".join(f"<a href={quoteattr(f'{path}.{ending}')}>{ending}</a>" for ending in ENDINGS)
