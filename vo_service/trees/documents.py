"""What a tree says of itself, as it is now: with addresses, and without what is closed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from hips.trees.cell_sets import CellSet
from hips.trees.coverage import coverage_file
from hips.trees.held import BLOCK_STEPS
from hips.trees.page import tree_page
from hips.trees.properties import Properties, list_record
from vo_service.sky.cell_ranges import ORDER, common, complement
from vo_service.trees.served import ServedTree

PAGE_POLICY: Final = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Of pages with pictures of ours; they need no more."""
_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "td,th{padding:.2em 1.5em .2em 0;vertical-align:top;text-align:left}code{background:#f4f4f4}"
)
_SHOWN = (("hips_tile_format", "Formats"), ("hips_order", "Deepest order"), ("hips_release_date", "Released"))


def tree_address(address: str, name: str) -> str:
    """The address of the root of a tree, without a slash at its end."""
    return f"{address}/hips/{name}"


def properties_text(tree: ServedTree, address: str, closed: CellSet) -> bytes:
    """``properties``, with the address of the tree. What is measured on pixels is not told of those that are
    closed: the range of values is left out, and the part of the sky is that which can be seen."""
    return (
        _properties(tree, closed)
        .changed({"hips_service_url": tree_address(address, tree.name)})
        .text()
        .encode()
    )


def page(stored: bytes, tree: ServedTree, address: str, closed: CellSet) -> bytes:
    """``index.html``. Its links hold with and without a slash at the end of the address (HIPS-087)."""
    if len(closed):
        stored = tree_page(_properties(tree, closed)).encode()
    return with_base(stored, address, tree.name)


def with_base(page: bytes, address: str, name: str) -> bytes:
    """The page of a tree, whose links are relative to the root of the tree wherever it is opened."""
    base = f"<head>\n<base href={quoteattr(tree_address(address, name) + '/')}>"
    return page.replace(b"<head>", base.encode(), 1)


def coverage_left(tree: ServedTree, closed: CellSet) -> bytes:
    """``Moc.fits`` of what can be seen where some of a tree is closed (HIPS-080)."""
    did = tree.properties.get("creator_did") or ""
    order = min(ORDER, tree.order + BLOCK_STEPS)
    return coverage_file(_left(tree, closed), order, did, _released(tree))


def list_text(trees: Iterable[ServedTree], address: str, more: Iterable[str] = ()) -> bytes:
    """The list of this node: a record for each tree, and ``more`` that are written already, blank lines
    between them (HIPS-110 to -113)."""
    records = [list_record(tree.properties, tree_address(address, tree.name)) for tree in trees]
    records += more
    return ("\n".join(records) or "# There is no tree yet.\n").encode()


def trees_page(trees: Iterable[ServedTree], address: str) -> bytes:
    """All trees for people, in well-formed HTML without scripts."""
    rows = "\n".join(_row(tree, address) for tree in trees)
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


def _row(tree: ServedTree, address: str) -> str:
    title = tree.properties.get("obs_title") or tree.name
    link = f"<a href={quoteattr(tree_address(address, tree.name))}>{escape(title)}</a>"
    cells = [escape(tree.properties.get(key) or "") for key, _ in _SHOWN]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in (link, *cells))}</tr>"


def _properties(tree: ServedTree, closed: CellSet) -> Properties:
    if not len(closed):
        return tree.properties
    kept = Properties.of(pair for pair in tree.properties if pair[0] != "hips_data_range")
    return kept.changed({"moc_sky_fraction": _left(tree, closed).sky_fraction})


def _left(tree: ServedTree, closed: CellSet) -> CellSet:
    assert tree.held is not None  # or nothing were closed
    covered = tree.held.covered
    return CellSet(*common((covered.starts, covered.stops), complement(closed.starts, closed.stops)))


def _released(tree: ServedTree) -> datetime:
    return datetime.fromisoformat(tree.properties.get("hips_release_date") or "")
