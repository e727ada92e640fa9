"""What is measured of shapes of rows where SQL cannot: area and centre of polygons and stored shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from vo_service.adql.probes.asking import Ask
from vo_service.adql.probes.read import read
from vo_service.adql.probes.shapes import Form, Shapes, schema_of
from vo_service.sky import Region
from vo_service.sky.centres import centroid

MEASURES: Final = ("area", "centre_lon", "centre_lat")


@dataclass(frozen=True, slots=True)
class MeasureProbe:
    """The different shapes of a source with area (deg2) and centre (degrees), NULL where there is none."""

    name: str
    sql: str
    form: Form
    what: str
    reads: tuple[str, ...] = ()

    @property
    def purpose(self) -> str:
        """As `Probe.purpose`."""
        return f"areas and centres of the shapes of {self.what}"

    def answer(self, ask: Ask) -> pa.Table:
        """As `Probe.answer`."""
        table = read(ask, self.sql, ask.rows, self.what, schema_of(self.form))
        regions = Shapes(self.form, table).regions(np.arange(table.num_rows), ask)
        rows = [_measured(region) for region in regions]
        answer = table.select(self.form.names)
        for index, name in enumerate(MEASURES):
            answer = answer.append_column(name, pa.array([row[index] for row in rows], pa.float64()))
        return answer


def _measured(region: Region | None) -> tuple[float | None, float | None, float | None]:
    if region is None:
        return None, None, None
    centre = centroid(region)
    return (region.area(), *((None, None) if centre is None else centre))
