"""Geometries as candidates bring them: columns of keys, caps round them, regions where they are needed.

A candidate's geometry takes as many columns as it has keys. A region column's key is looked up among the
footprints: the statement brings the footprint that the viewer sees and its cap along, and the texts of those
that matter are read afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.adql.meaning.shape_regions import region_of
from vo_service.adql.nodes.resolved_shapes import Disc, Geometry, Point, Shape
from vo_service.adql.probes.asking import Ask
from vo_service.sky import Region, is_long, parse_region, unit_vectors
from vo_service.sky import shapes as sky_shapes

Floats = NDArray[np.float64]
WANTED: Final = "wanted"
"""Name of the handed table of footprints whose texts are read."""
CAP: Final = ("x", "y", "z", "r")
_ROUNDING = 1e-12
_AT_ONCE = 2000
_NOTHING = pa.array([None], pa.string())


@dataclass(frozen=True, slots=True)
class Form:
    """A geometry of candidates: its form, and the types of its columns from ``first`` on.

    ``texts`` is the SQL that reads the regions of the footprints in the table ``WANTED``, for geometries that
    are found by a key.
    """

    geometry: Geometry
    first: int
    types: tuple[pa.DataType, ...]
    texts: str | None = None

    @property
    def shown(self) -> str:
        """The column with the footprint that the viewer sees, before those of its cap."""
        return f"f{self.first}"

    @property
    def names(self) -> list[str]:
        """The columns of the keys."""
        return [f"c{index}" for index in range(self.first, self.first + len(self.types))]

    @property
    def schema(self) -> pa.Schema:
        """Of the columns of the keys."""
        return pa.schema(list(zip(self.names, self.types)))


def schema_of(*forms: Form) -> pa.Schema:
    """Of all columns that candidates with these geometries have."""
    columns = [field for form in forms for field in form.schema]
    for form in forms:
        if form.texts is not None:
            columns.append(pa.field(form.shown, pa.int64()))
            columns += [pa.field(f"{form.shown}{part}", pa.float64()) for part in CAP]
    return pa.schema(columns)


@dataclass(frozen=True, slots=True)
class Shapes:
    """The geometries of one side, row by row."""

    form: Form
    table: pa.Table

    def caps(self, ask: Ask) -> Floats:
        """Rows ``x y z r`` (radians); NaN where there is no geometry."""
        geometry = self.form.geometry
        rows = self.table.num_rows
        if self.form.texts is not None:
            return np.column_stack([_doubles(self.table[f"{self.form.shown}{part}"]) for part in CAP])
        if isinstance(geometry, Shape):
            cap = geometry.region.cap()
            return np.tile([cap.x, cap.y, cap.z, cap.radius], (rows, 1))
        if isinstance(geometry, Point | Disc):
            return self._round(isinstance(geometry, Disc))
        caps = np.full((rows, 4), np.nan)
        for index, region in enumerate(self._made(range(rows), ask)):
            if region is not None:
                cap = region.cap()
                caps[index] = (cap.x, cap.y, cap.z, cap.radius)
        return caps

    def _round(self, has_radius: bool) -> Floats:
        lon, lat, *rest = (_doubles(self.table[name]) for name in self.form.names)
        radius = rest[0] if has_radius else np.zeros(len(lon))
        caps = np.column_stack([np.full((len(lon), 3), np.nan), np.radians(np.minimum(radius, 180.0))])
        known = np.isfinite(lon) & (np.abs(lat) <= 90.0) & (radius >= 0.0) & np.isfinite(radius)
        caps[known, :3] = unit_vectors(lon[known], lat[known])
        caps[known, 3] = np.minimum(np.pi, caps[known, 3] + _ROUNDING)
        caps[~known] = np.nan
        return caps

    def columns(self, rows: NDArray[np.int64], ask: Ask) -> sky_shapes.Shapes:
        """Some rows as columns for tests of many; a row that is there several times is made once, and a
        constant is one row for all."""
        geometry = self.form.geometry
        if isinstance(geometry, Shape):
            return sky_shapes.Shapes.of([geometry.region])
        different, where = np.unique(rows, return_inverse=True)
        return self._columns(different, ask).take(where)

    def _columns(self, rows: NDArray[np.int64], ask: Ask) -> sky_shapes.Shapes:
        geometry = self.form.geometry
        if self.form.texts is not None:
            shown = self.table[self.form.shown].take(pa.array(rows)).fill_null(-1).to_numpy()
            keys, texts = self._known(shown, ask)
            at = np.searchsorted(keys, shown)
            places = np.where(np.isin(shown, keys), at, len(keys))
            return sky_shapes.Shapes.of_texts(pa.concat_arrays([texts, _NOTHING])).take(places)
        if isinstance(geometry, Point | Disc):
            taken = pa.array(rows)
            lon, lat, *rest = (_doubles(self.table[name].take(taken)) for name in self.form.names)
            radius = np.minimum(rest[0], 180.0) if rest else np.zeros(len(lon))
            return sky_shapes.Shapes.of_circles(lon, lat, radius)
        return sky_shapes.Shapes.of(self.regions(rows, ask))

    def _known(self, shown: NDArray[np.int64], ask: Ask) -> tuple[NDArray[np.int64], pa.Array]:
        """The footprints among the keys that there are, in their order, and their regions as texts."""
        assert self.form.texts is not None
        wanted = pa.table({"footprint_id": pa.array(np.unique(shown[shown >= 0]), pa.int64())})
        keys, texts = [np.empty(0, np.int64)], [pa.array([], pa.string())]
        for batch in ask(self.form.texts, {WANTED: wanted}):
            keys.append(batch.column(0).to_numpy())
            texts.append(batch.column(1).cast(pa.string()))
        numbers = np.concatenate(keys)
        order = np.argsort(numbers)
        return numbers[order], pa.concat_arrays(texts).take(pa.array(order))

    def regions(self, rows: NDArray[np.int64], ask: Ask) -> list[Region | None]:
        """The regions of some rows, None where there is none."""
        if isinstance(self.form.geometry, Shape):
            return [self.form.geometry.region] * len(rows)
        if self.form.texts is None:
            return list(self._made(rows.tolist(), ask))
        shown = self.table[self.form.shown].take(pa.array(rows)).to_pylist()
        wanted = pa.table({"footprint_id": pa.array({key for key in shown if key is not None}, pa.int64())})
        known: dict[int, Region] = {}
        for batch in ask(self.form.texts, {WANTED: wanted}):
            for key, text in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist()):
                known[key] = parse_region(text)
        return [known.get(key) for key in shown]

    def _made(self, rows: Sequence[int] | range, ask: Ask) -> Iterator[Region | None]:
        columns = [self.table[name] for name in self.form.names]
        for start in range(0, len(rows), _AT_ONCE):
            ask.check()
            taken = pa.array(rows[start : start + _AT_ONCE], pa.int64())
            values = [column.take(taken).to_pylist() for column in columns]
            for index in range(len(taken)):
                keys = [column[index] for column in values]
                if isinstance(keys[0], str) and is_long(keys[0]):
                    ask.check()
                yield region_of(self.form.geometry, keys)


def is_known(caps: Floats) -> NDArray[np.bool_]:
    """Which rows have a geometry."""
    known: NDArray[np.bool_] = np.isfinite(caps[:, 3])
    return known


def meet(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Which pairs of caps, row by row, may have a point in common."""
    reach = np.minimum(one[:, 3] + other[:, 3] + _ROUNDING, np.pi)
    away = one[:, :3] - other[:, :3]
    touching: NDArray[np.bool_] = np.einsum("ij,ij->i", away, away) <= (2.0 * np.sin(0.5 * reach)) ** 2 * (
        1.0 + 1e-14
    )
    return touching | (reach >= np.pi)


def _doubles(column: pa.ChunkedArray) -> Floats:
    """Numbers with NaN for NULL."""
    numbers: Floats = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    return numbers
