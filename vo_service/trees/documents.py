"""What a tree says of itself, as it is now: with addresses, and without what is closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from hips.trees.cell_sets import CellSet
from hips.trees.coverage import coverage_file
from hips.trees.description import fits_date
from hips.trees.held import BLOCK_STEPS
from hips.trees.page import tree_page
from hips.trees.properties import Properties
from vo_service.sky import healpix29
from vo_service.sky.cell_ranges import ORDER, common, complement
from vo_service.trees.served import ServedTree
from vo_service.trees.withheld import Withheld

PAGE_POLICY: Final = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Of pages with pictures of ours; they need no more."""
_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "td,th{padding:.2em 1.5em .2em 0;vertical-align:top;text-align:left}code{background:#f4f4f4}"
)
_MEASURED: Final = frozenset(("hips_data_range", "hips_pixel_cut", "hips_processing"))
"""What properties tell of pixels: their range, and by their noise and peak how greys were chosen."""
_FIRST_SEEN: Final = frozenset(("hips_initial_ra", "hips_initial_dec", "hips_initial_fov"))
"""Where clients begin to look: at the brightest pixel."""
_SHOWN = (("hips_tile_format", "Formats"), ("hips_order", "Deepest order"), ("hips_release_date", "Released"))


def tree_address(address: str, name: str) -> str:
    """The address of the root of a tree, without a slash at its end."""
    return f"{address}/hips/{name}"


def properties_text(tree: ServedTree, address: str, withheld: Withheld) -> bytes:
    """``properties``, with the address of the tree. Where pixels are closed nothing is told that was measured
    on any: neither the range of values nor how greys follow from them; the part of the sky is that which can
    be seen. The date is that of the last change, as far as this process saw it (HIPS-056, `Changes`)."""
    return (
        properties_now(tree, withheld)
        .changed({"hips_service_url": tree_address(address, tree.name)})
        .text()
        .encode()
    )


def page(stored: bytes, tree: ServedTree, address: str, withheld: Withheld) -> bytes:
    """``index.html``. Its links hold with and without a slash at the end of the address (HIPS-087)."""
    if withheld.since is not None:
        stored = tree_page(properties_now(tree, withheld)).encode()
    return with_base(stored, address, tree.name)


def with_base(page: bytes, address: str, name: str) -> bytes:
    """The page of a tree, whose links are relative to the root of the tree wherever it is opened."""
    base = f"<head>\n<base href={quoteattr(tree_address(address, name) + '/')}>"
    return page.replace(b"<head>", base.encode(), 1)


def coverage_left(tree: ServedTree, withheld: Withheld) -> bytes:
    """``Moc.fits`` of what can be seen where some of a tree is closed (HIPS-080)."""
    did = tree.properties.get("creator_did") or ""
    order = min(ORDER, tree.order + BLOCK_STEPS)
    return coverage_file(_left(tree, withheld.closed), order, did, withheld.since or tree.released)


def shows_anything(tree: ServedTree, withheld: Withheld) -> bool:
    """Whether any pixel of a tree can be seen."""
    return not len(withheld.closed) or len(_left(tree, withheld.closed)) > 0


def properties_now(tree: ServedTree, withheld: Withheld) -> Properties:
    """What a tree says of itself, but for its address."""
    properties = tree.properties
    if len(withheld.closed):
        unsaid = _MEASURED | _FIRST_SEEN if _begins_in(withheld.closed, tree) else _MEASURED
        told = Properties.of(pair for pair in properties if pair[0] not in unsaid)
        properties = told.changed({"moc_sky_fraction": _left(tree, withheld.closed).sky_fraction})
    if withheld.since is not None:
        properties = properties.changed({"hips_release_date": fits_date(withheld.since)})
    return properties


def list_text(records: Iterable[str]) -> bytes:
    """The list of this node: records of trees, blank lines between them (HIPS-110 to -113)."""
    return ("\n".join(records) or "# There is no tree yet.\n").encode()


def trees_page(trees: Mapping[str, Properties], address: str) -> bytes:
    """Trees, by their names, for people, in well-formed HTML without scripts."""
    rows = "\n".join(_row(name, told, address) for name, told in trees.items())
    heads = "".join(f"<th>{label}</th>" for label in ("Tree", *(label for _, label in _SHOWN)))
    listed = f"{address}/hips/hipslist"
    return (
        "<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" lang="en">\n'
        f'<head><meta charset="utf-8"/><title>Trees of tiles (HiPS)</title><style>{_STYLE}</style></head>\n'
        "<body>\n<h1>Trees of tiles (HiPS)</h1>\n"
        "<p>Aladin, Aladin Lite and ESASky take the address of a tree; programs read the list at"
        f" <a href={quoteattr(listed)}><code>{escape(listed)}</code></a>. Each image and cube is a tree by"
        " itself as well, channel by channel and in its own unit, at"
        f" <code>{escape(address)}/hips/<em>dataset_id</em></code>.</p>\n"
        f"<table>\n<tr>{heads}</tr>\n{rows}\n</table>\n</body>\n</html>\n"
    ).encode()


def _row(name: str, told: Properties, address: str) -> str:
    title = told.get("obs_title") or name
    link = f"<a href={quoteattr(tree_address(address, name))}>{escape(title)}</a>"
    cells = [escape(told.get(key) or "") for key, _ in _SHOWN]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in (link, *cells))}</tr>"


def _begins_in(cells: CellSet, tree: ServedTree) -> bool:
    lon, lat = (tree.properties.get(f"hips_initial_{axis}") for axis in ("ra", "dec"))
    if lon is None or lat is None:
        return False
    return cells.meets(ORDER, int(healpix29(np.array([float(lon)]), np.array([float(lat)]))[0]))


def _left(tree: ServedTree, closed: CellSet) -> CellSet:
    assert tree.held is not None  # or nothing were closed
    covered = tree.held.covered
    return CellSet(*common((covered.starts, covered.stops), complement(closed.starts, closed.stops)))
