"""What is kept of each footprint besides its cap."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tap_schema import published
from vo_service.holdings.finish import footprint_rows
from vo_service.sky import Polygon, centroid

TABLE = published().storage["_hidden.footprint"]


def test_area_and_centre_of_footprints() -> None:
    """# ADQL-141, ADQL-142, ADQL-158: what AREA and CENTROID of a region column read."""
    square = Polygon(((359, -1), (1, -1), (1, 1), (359, 1)))
    texts = ["Circle ICRS 10 20 2", square.to_stcs(), "PositionInterval ICRS 0 -10 360 10", None]
    rows = footprint_rows(pa.array(texts), TABLE, set()).sort_by("area").to_pylist()
    circle, polygon, band = sorted(rows, key=lambda row: texts.index(row["region"]))
    assert circle["area"] == pytest.approx(12.5651, rel=1e-4)
    assert (circle["centre_lon"], circle["centre_lat"]) == (10.0, 20.0)
    assert polygon["area"] == pytest.approx(square.area(), rel=1e-12)
    place = centroid(square)
    assert place is not None
    assert polygon["centre_lon"] % 359.99 == pytest.approx(place[0] % 359.99, abs=1e-9)
    assert polygon["centre_lat"] == pytest.approx(place[1], abs=1e-9)
    assert band["area"] == pytest.approx(360 * 2 * 9.9493, rel=1e-4)
    assert band["centre_lon"] is None and band["centre_lat"] is None
