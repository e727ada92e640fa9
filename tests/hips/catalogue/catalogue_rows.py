"""Rows of ivoa.obscore as they come out of a store, and catalogues read as clients read them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cdshealpix.nested
import numpy as np
import pyarrow as pa
from astropy.coordinates import Latitude, Longitude
from astropy.io.votable import parse_single_table

from hips.catalogue.sheet import READ
from hips.trees.description import Description
from tap_schema import Column, published

Row = Mapping[str, object]


def columns() -> dict[str, Column]:
    """What is published of ivoa.obscore."""
    return {column.name: column for column in published()["ivoa.obscore"].columns}


def batches_of(rows: Sequence[Row], size: int = 7) -> list[pa.RecordBatch]:
    """Rows, null where they say nothing."""
    known = columns()
    schema = pa.schema([(name, known[name].arrow_type) for name in READ])
    return pa.Table.from_pylist([dict(row) for row in rows], schema).to_batches(max_chunksize=size)


def describe(name: str) -> Description:
    """What is true of all trees of the archive."""
    return Description(
        creator_did=f"ivo://example.org/hips/{name}",
        title="Example",
        text="",
        unit="",
        progenitors=("ivo://example.org/ivoa.obscore",),
    )


def cells_of(ra: Sequence[float], dec: Sequence[float], order: int) -> np.ndarray:
    lon, lat = Longitude(list(ra), "deg"), Latitude(list(dec), "deg")
    return np.asarray(cdshealpix.nested.lonlat_to_healpix(lon, lat, order), dtype=np.int64)


@dataclass(frozen=True)
class Tile:
    """What is in one file; ``given`` and ``total`` are those of its first line."""

    order: int
    cell: int | None
    given: int
    total: int
    names: list[str]
    rows: list[dict[str, str]]


def read_table(path: Path, order: int, cell: int | None) -> Tile:
    """Lines end with LF, tabs between fields (HIPS-090, -093)."""
    content = path.read_bytes()
    assert content.endswith(b"\n")
    assert b"\r" not in content
    first, names, *lines = content.decode("utf-8").split("\n")[:-1]
    words = first.split(" ")
    assert words[:3] == ["#", "Completeness", "="]
    assert words[4] == "/"
    assert len(words) == 6
    fields = [line.split("\t") for line in lines]
    assert all(len(field) == len(names.split("\t")) for field in fields)
    rows = [dict(zip(names.split("\t"), field)) for field in fields]
    return Tile(order, cell, int(words[3]), int(words[5]), names.split("\t"), rows)


def tiles_of(tree: Path) -> list[Tile]:
    """All tiles, those of low orders first (HIPS-001)."""
    found = []
    for path in tree.glob("Norder*/Dir*/Npix*.tsv"):
        order, cell = int(path.parts[-3].removeprefix("Norder")), int(path.stem.removeprefix("Npix"))
        assert path.parent.name == f"Dir{cell // 10000 * 10000}"
        found.append(read_table(path, order, cell))
    return sorted(found, key=lambda tile: (tile.order, tile.cell))


def seen_by_aladin_lite(tree: Path) -> Iterator[dict[str, str]]:
    """Every source that a client has which reads Metadata.xml, the tables of orders 1 and 2, tiles below
    them, drops two lines of each file unread, and tells columns by their place in Metadata.xml (HIPS-095)."""
    names = [field.name for field in metadata_of(tree, "Metadata.xml").fields]
    paths = [tree / f"Norder{order}" / "Allsky.tsv" for order in (1, 2)]
    paths += [
        path for path in tree.glob("Norder*/Dir*/*.tsv") if path.parts[-3] not in ("Norder1", "Norder2")
    ]
    for path in paths:
        for line in path.read_text("utf-8").split("\n")[2:]:
            fields = line.split("\t")
            if len(fields) >= len(names):
                yield dict(zip(names, fields))


def metadata_of(tree: Path, name: str) -> object:
    """The table without rows that says what the columns are."""
    return parse_single_table(io.BytesIO((tree / name).read_bytes()))
