"""Rows of an archive, counted by where they look and with which bands: what maps are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.sky import healpix29
from vo_service.sky.cell_ranges import ORDER, Numbers
from vo_service.sky.vectors import Floats

POSITION: Final = ("s_ra", "s_dec")
BANDS: Final = "band_list"
EXPOSURE: Final = "t_exptime"
OBSERVATION: Final = "obs_id"
EXTENT: Final = ("t_min", "t_max", "em_min", "em_max")
COLUMNS: Final = (*POSITION, BANDS, EXPOSURE, OBSERVATION, *EXTENT)
"""What rows are to come with, beside the text of their region."""
PIXEL_ORDER: Final = 12
"""Of the pixels of the maps, 51 arcsec wide."""

_LONGEST: Final = 2.0**32
"""Seconds, 136 years: what is longer, or below 0, is no time of an exposure."""
_FINEST: Final = 2.0**-20
"""Sums of multiples of this, up to `_LONGEST`, are exact in whichever order they are made."""
_MERGE_FROM: Final = 1 << 18
_DIGEST: Final = 16
_KEYS: Final = ("text", "band", "pixel", "observation")
_HOW: Final = [("rows", "sum"), ("timed", "sum"), ("exposure", "sum"), ("exposure", "max")] + [
    (name, name.rpartition("_")[2]) for name in EXTENT
]
_SCHEMA: Final = pa.schema(
    [(name, pa.int64()) for name in (*_KEYS, "rows", "timed")]
    + [(name, pa.float64()) for name in ("exposure", *EXTENT)]
)

Places = NDArray[np.intp]
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """Rows that have the same region, pixel, bands and observation, together, in an order that follows from
    these alone.

    ``texts`` are the distinct texts of regions, ``text`` the number of each tally's (-1 for none), ``pixel``
    the cell of `PIXEL_ORDER` at the position (-1 for none), ``band`` the number of its words of band_list in
    ``bands`` (-1 for none, which are the last), ``observation`` a number that follows from obs_id (0 for
    none). ``timed`` of the ``rows`` have a time of exposure; ``exposure`` is the longest of these in seconds
    where the observation is known, else their sum. ``extent`` has the least t_min and em_min, the greatest
    t_max and em_max, NaN for none. ``digest`` ``(n, 2)`` tells regions from each other, whatever their
    numbers."""

    texts: pa.Array
    text: Places
    pixel: Numbers
    bands: tuple[Words, ...]
    band: Places
    observation: Numbers
    rows: Numbers
    timed: Numbers
    exposure: Floats
    extent: dict[str, Floats]
    digest: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.rows)


def tally(batches: Iterable[pa.RecordBatch], region: str) -> Tallies:
    """Count rows; ``region`` is the column of their STC-S or DALI text. Raises KeyError for a column that is
    not there."""
    texts, lists = _Numbered(), _Numbered()
    merged, waiting = _SCHEMA.empty_table(), []
    for batch in batches:
        keys = {"text": texts.numbers(batch.column(region)), "band": lists.numbers(batch.column(BANDS))}
        waiting.append(pa.table(keys | _counted(batch)).cast(_SCHEMA))
        if sum(len(part) for part in waiting) > max(_MERGE_FROM, len(merged)):
            merged, waiting = _grouped(pa.concat_tables([merged, *waiting])), []
    return _in_order(_grouped(pa.concat_tables([merged, *waiting])), texts, lists)


class _Numbered:
    """Distinct texts, numbered as they come."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def numbers(self, column: pa.Array) -> Places:
        """Of each text, -1 for null and for the empty one."""
        coded = column.cast(pa.string()).dictionary_encode()
        known = [
            self._known.setdefault(text, len(self._known)) if text else -1
            for text in coded.dictionary.to_pylist()
        ]
        codes: Places = pc.fill_null(coded.indices, len(known)).to_numpy(zero_copy_only=False)
        return np.array([*known, -1], dtype=np.intp)[codes]


def _counted(batch: pa.RecordBatch) -> dict[str, object]:
    """The other columns of a batch, each row on its own."""
    lon, lat = (_doubles(batch.column(name)) for name in POSITION)
    cells = healpix29(lon, lat)
    seconds = _doubles(batch.column(EXPOSURE))
    with np.errstate(invalid="ignore"):
        timed = (seconds >= 0.0) & (seconds < _LONGEST)
    columns: dict[str, object] = {
        "pixel": np.where(cells < 0, -1, cells >> (2 * (ORDER - PIXEL_ORDER))),
        "observation": _observations(batch.column(OBSERVATION)),
        "rows": np.ones(len(batch), dtype=np.int64),
        "timed": timed.astype(np.int64),
        "exposure": np.round(np.where(timed, seconds, 0.0) / _FINEST) * _FINEST,
    }
    for name in EXTENT:
        values = _doubles(batch.column(name))
        columns[name] = pa.array(values, mask=~np.isfinite(values))
    return columns


def _observations(column: pa.Array) -> Numbers:
    """A number of 63 bits for each text, 0 for null and for the empty one."""
    coded = column.cast(pa.string()).dictionary_encode()
    texts = coded.dictionary.to_pylist()
    found = b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts)
    known = np.where([bool(text) for text in texts], np.frombuffer(found, dtype="<i8") >> 1 | 1, 0)
    codes: Places = pc.fill_null(coded.indices, len(texts)).to_numpy(zero_copy_only=False)
    return np.append(known, 0).astype(np.int64)[codes]


def _doubles(column: pa.Array) -> Floats:
    """Numbers, NaN for null."""
    values: Floats = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)
    return values


def _grouped(table: pa.Table) -> pa.Table:
    """One row for all that have the same keys."""
    found = table.group_by(list(_KEYS), use_threads=False).aggregate(_HOW)
    columns = {name: found[name] for name in _KEYS} | {name: found[f"{name}_{how}"] for name, how in _HOW}
    unknown = pc.equal(found["observation"], 0)
    columns["exposure"] = pc.if_else(unknown, found["exposure_sum"], found["exposure_max"])
    return pa.table(columns).select(_SCHEMA.names)


def _in_order(table: pa.Table, texts: Iterable[str], lists: Iterable[str]) -> Tallies:
    columns = {name: table[name].to_numpy() for name in _SCHEMA.names}
    digest = _digests(texts)[columns["text"]]
    words = [tuple(one.split()) for one in lists] + [()]
    rank = np.argsort(sorted(range(len(words)), key=lambda number: words[number]))
    last = (columns["observation"], rank[columns["band"]])
    order = np.lexsort((*last, columns["pixel"], digest[:, 1], digest[:, 0]))
    columns = {name: values[order] for name, values in columns.items()}
    return Tallies(
        pa.array(texts, pa.large_string()),
        columns["text"],
        columns["pixel"],
        tuple(words),
        columns["band"],
        columns["observation"],
        columns["rows"],
        columns["timed"],
        columns["exposure"],
        {name: columns[name] for name in EXTENT},
        digest[order],
    )


def _digests(texts: Iterable[str]) -> NDArray[np.uint64]:
    """A number of 128 bits for each text, as two; zeros at the end, which -1 is the number of."""
    found = b"".join(blake2b(one.encode(), digest_size=_DIGEST).digest() for one in texts)
    return np.frombuffer(found + bytes(_DIGEST), dtype=np.uint64).reshape(-1, 2)
