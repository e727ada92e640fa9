"""Coverage maps as files: FITS, JSON and ASCII (MOC 2.0, sections 4.3, 5.2, 6 and appendix D).

Maps of space are written as NUNIQ cells, which old readers know too (MOC-043), those with a second axis as
ranges.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from textwrap import wrap
from typing import Final
from unicodedata import combining, normalize

import numpy as np
from astropy.io import fits

from hips.mocs.axes import FREQUENCY, SPACE, TIME, Axis, Places, largest_cells
from hips.mocs.frequencies import PADDING
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.times import PADDING_SECONDS
from vo_service import __version__
from vo_service.sky.cell_ranges import Numbers


class Form(StrEnum):
    """A kind of file."""

    FITS = "fits"
    JSON = "json"
    ASCII = "ascii"


@dataclass(frozen=True, slots=True)
class Label:
    """What a FITS file says of itself (MOC-051): a name for its extension, the IVOID of what is covered, that
    of the publisher, and when the map was made."""

    name: str
    covered: str | None
    publisher: str | None
    made: datetime


_CARD: Final = 70
_TOOL: Final = f"vo-service {__version__}"
_HISTORY: Final = {
    TIME: f"Times: UTC at the observatory, as TCB; {PADDING_SECONDS} s more at both ends for the light "
    "time to the barycentre, which is not corrected for.",
    FREQUENCY: "Frequencies: Hz, barycentric, log10 from 1e-18 to 1e38 Hz in 2**52 cells of order 51; "
    f"where the frame is not known {PADDING:g} of the frequency more at both ends. Experimental: this "
    "dimension is not in MOC 2.0.",
}


def write_map(one: SpaceMap | JointMap, form: Form, label: Label) -> bytes:
    """A map as a file."""
    if form is Form.FITS:
        return fits_of(one, label)
    text = json_of(one) if form is Form.JSON else ascii_of(one)
    return text.encode("ascii")


def fits_of(one: SpaceMap | JointMap, label: Label) -> bytes:
    """An empty primary HDU and a table of one column (MOC-040); the same bytes for the same map and label."""
    if isinstance(one, SpaceMap):
        title, numbers = "UNIQ", _uniq(one)
    else:
        title, numbers = "INTERLEAVED_SETS_OF_FLAGGED_RANGES", one.words
    table = fits.BinTableHDU.from_columns([fits.Column(title, "1K", array=numbers.astype(">i8"))])
    for key, value, comment in (*_keywords(one), *_facts(label)):
        table.header[key] = (value, comment)
    if isinstance(one, JointMap):
        for line in wrap(_HISTORY[one.axis], _CARD):
            table.header.add_history(line)
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)
    return file.getvalue()


def _keywords(one: SpaceMap | JointMap) -> Iterator[tuple[str, str | int, str]]:
    """Those by which readers know what the numbers mean (MOC-044 to MOC-050)."""
    yield "MOCVERS", "2.0", "version of the MOC standard"
    if isinstance(one, SpaceMap):
        yield "MOCDIM", SPACE.word, "dimension"
        yield "ORDERING", "NUNIQ", "4 * 4**order + cell, NESTED"
        yield "COORDSYS", "C", "ICRS"
        yield "MOCORD_S", one.order, "order of space"
        yield "MOCORDER", one.order, "the same, for readers of MOC 1.1"
        return
    yield "MOCDIM", f"{one.axis.word}.{SPACE.word}", "dimensions, the outer one first"
    yield "ORDERING", "RANGE", "start and end in turn, ends exclusive"
    yield "COORDSYS", "C", "ICRS"
    if one.axis is TIME:
        yield "TIMESYS", "TCB", "at the barycentre"
    yield "MOCORD_S", one.space_order, "order of space"
    yield f"MOCORD_{one.axis.letter.upper()}", one.outer_order, f"order of {one.axis.word.lower()}"


def _facts(label: Label) -> Iterator[tuple[str, str, str]]:
    """Who made the map, of what, when (MOC-051)."""
    yield "EXTNAME", _ascii(label.name), ""
    yield "MOCTYPE", "IMAGE", ""
    yield "MOCTOOL", _TOOL, ""
    if label.covered is not None:
        yield "MOCID", _ascii(label.covered), ""
    if label.publisher is not None:
        yield "ORIGIN", _ascii(label.publisher), ""
    yield "DATE", label.made.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "UTC"


def _ascii(text: str) -> str:
    """What a header may hold (FITS 4.0, 4.2.1.1): letters without accents, ``?`` for what else is no ASCII
    text."""
    letters = (letter for letter in normalize("NFKD", text) if not combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in letters)


def _uniq(one: SpaceMap) -> Numbers:
    """The cells, ascending (MOC-041)."""
    parts = [numbers + 4 * 4**order for order, numbers in one.moc.cells()]
    return np.concatenate([np.empty(0, np.int64), *parts])


def ascii_of(one: SpaceMap | JointMap) -> str:
    """Runs of cells by order, and the order of the map where no cell has it (MOC-060, MOC-061); of two axes
    blocks in turn, closed by both orders without cells (MOC-062)."""
    if isinstance(one, SpaceMap):
        text = one.moc.to_ascii() if one.moc.count else ""
        return f"{text} {'' if one.order in one.moc.orders else f'{one.order}/'}".strip() + "\n"
    letter = one.axis.letter
    blocks = [
        f"{letter}{_spelt(outer)} {SPACE.letter}{_spelt(space)}"
        for outer, space in zip(_by_set(one.axis, one.element, one.starts, one.stops), _sets_of_space(one))
    ]
    return " ".join([*blocks, f"{letter}{one.outer_order}/ {SPACE.letter}{one.space_order}/"]) + "\n"


def json_of(one: SpaceMap | JointMap) -> str:
    """Lists of indices by order (MOC-066), the order of the map among them; of two axes a list of such,
    closed by both orders without cells (MOC-067). Indices from order 26 on are larger than those of
    JavaScript (MOC-068)."""
    if isinstance(one, SpaceMap):
        cells = {str(order): numbers.tolist() for order, numbers in one.moc.cells()}
        return (
            json.dumps({**cells, str(one.order): cells.get(str(one.order), [])}, separators=(",", ":")) + "\n"
        )
    letter = one.axis.letter
    blocks = [
        {letter: _listed(outer), SPACE.letter: _listed(space)}
        for outer, space in zip(_by_set(one.axis, one.element, one.starts, one.stops), _sets_of_space(one))
    ]
    blocks.append({letter: {str(one.outer_order): []}, SPACE.letter: {str(one.space_order): []}})
    return json.dumps(blocks, separators=(",", ":")) + "\n"


Run = tuple[int, int, int]
"""Order, first cell, and one past the last."""


def _sets_of_space(one: JointMap) -> Iterator[list[Run]]:
    return _by_set(SPACE, one.space_element, one.space_starts, one.space_stops)


def _by_set(axis: Axis, element: Places, starts: Numbers, stops: Numbers) -> Iterator[list[Run]]:
    """The largest cells of each set of a map."""
    runs = largest_cells(axis, element, starts, stops)
    columns = zip(runs.owner.tolist(), runs.order.tolist(), runs.first.tolist(), runs.last.tolist())
    for _, of_set in groupby(columns, itemgetter(0)):
        yield [(order, first, last) for _, order, first, last in of_set]


def _spelt(runs: list[Run]) -> str:
    words = []
    for order, of_order in groupby(runs, itemgetter(0)):
        cells = [f"{first}" if last == first + 1 else f"{first}-{last - 1}" for _, first, last in of_order]
        words.append(f"{order}/{' '.join(cells)}")
    return " ".join(words)


def _listed(runs: list[Run]) -> dict[str, list[int]]:
    return {
        str(order): [cell for _, first, last in of_order for cell in range(first, last)]
        for order, of_order in groupby(runs, itemgetter(0))
    }
