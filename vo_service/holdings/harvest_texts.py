"""Archive tables as lines of text (CSV, ECSV): a fast reader, and a patient one for files with broken lines.

Every column comes as text: what is a number is decided column by column later, so that one bad cell costs one
row and not the file. A line that is broken costs its row alone.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv as pacsv

from vo_service.holdings.archive import UNREADABLE

BATCH_ROWS = 8_000
BLOCK_BYTES = 16 << 20
_GZIP = b"\x1f\x8b"
_LONGEST_ROW = 200
"""Lines that one row may span, in a file whose quotation marks do not pair off."""


@dataclass(frozen=True, slots=True)
class TextLayout:
    """``skip_lines`` stand before the line of names; ``units`` by column, where the file declares them."""

    delimiter: str
    skip_lines: int
    units: Mapping[str, str]


@contextmanager
def reading(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The bytes of a file, unpacked where it is gzipped."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        if packed:
            with gzip.open(raw) as stream:
                yield stream
        else:
            yield raw


def text_tables(path: Path, layout: TextLayout) -> Iterator[pa.Table]:
    """The table in batches of rows, every column a text. Rows that cannot be read say why in the column
    UNREADABLE, which only tables with such rows have."""
    names = _column_names(path, layout)
    done = 0
    if _pairs_off(path):
        try:
            for table in _fast_tables(path, layout, names):
                yield table
                done += table.num_rows
        except pa.ArrowInvalid:
            pass  # a line that is broken: the patient reader goes on from here and tells which
        else:
            return
    yield from _patient_tables(path, layout, names, done)


def _pairs_off(path: Path) -> bool:
    """Whether quotation marks come in pairs. Where one is not closed the fast reader would take all that
    follows for a part of that cell, without a word."""
    with reading(path) as stream:
        blocks = iter(lambda: stream.read(BLOCK_BYTES), b"")
        return sum(block.count(b'"') for block in blocks) % 2 == 0


def _fast_tables(path: Path, layout: TextLayout, names: list[str]) -> Iterator[pa.Table]:
    with reading(path) as stream:
        reader = pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(
                block_size=BLOCK_BYTES, column_names=names, skip_rows=layout.skip_lines + 1
            ),
            parse_options=pacsv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        for batch in reader:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield pa.Table.from_batches([batch.slice(start, BATCH_ROWS)])


def _patient_tables(path: Path, layout: TextLayout, names: list[str], done: int) -> Iterator[pa.Table]:
    """The rows after the first ``done``."""
    csv.field_size_limit(sys.maxsize)
    schema = pa.schema([*((name, pa.string()) for name in names), (UNREADABLE, pa.string())])
    with reading(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", "") as text:
        lines = itertools.islice(enumerate(text, 1), layout.skip_lines + 1, None)
        rows = itertools.islice(_rows(lines, layout.delimiter, len(names)), done, None)
        while batch := list(itertools.islice(rows, BATCH_ROWS)):
            columns = [pa.array(cells, pa.string()) for cells in zip(*batch)]
            yield pa.Table.from_arrays(columns, schema=schema)


def _rows(lines: Iterator[tuple[int, str]], delimiter: str, count: int) -> Iterator[list[str | None]]:
    """For each row its cells and None, or no cells and why there are none."""
    waiting: deque[tuple[int, str]] = deque()

    def following() -> tuple[int, str] | None:
        return waiting.popleft() if waiting else next(lines, None)

    while (first := following()) is not None:
        number, text = first
        if not text.strip():
            continue
        more: list[tuple[int, str]] = []
        cells = _split(text, delimiter)
        while cells is None and len(more) < _LONGEST_ROW and (line := following()) is not None:
            more.append(line)
            text += line[1]
            cells = _split(text, delimiter) if '"' in line[1] else None
        reason = _fault(cells, count, number)
        if reason is not None:
            waiting.extendleft(reversed(more))  # what was taken for its rest may be rows of their own
            yield [*([None] * count), reason]
        elif cells is not None:
            yield [*cells, None]


def _split(text: str, delimiter: str) -> list[str] | None:
    """The cells of one row; None where a quotation mark in it is not closed, or closed too early."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _fault(cells: list[str] | None, count: int, number: int) -> str | None:
    place = f"(line {number} of the file)"
    if cells is None:
        return f"a quotation mark is not closed, or stands within a quoted field {place}"
    if len(cells) != count:
        return f"{len(cells)} fields where the table has {count} columns {place}"
    if any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell):
        return f"bytes that are no UTF-8 {place}"
    return None


def _column_names(path: Path, layout: TextLayout) -> list[str]:
    """The names in the first line, each made unique, as pandas and spreadsheets repeat or omit some."""
    with reading(path) as stream:
        for _ in range(layout.skip_lines):
            stream.readline()
        line = stream.readline().decode("utf-8-sig").rstrip("\r\n")
    names = [name.strip().strip('"') for name in line.split(layout.delimiter)]
    return [name if names.index(name) == at else f"{name}.{at}" for at, name in enumerate(names)]
