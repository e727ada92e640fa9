"""Maps of rows that somebody picked: how fine they are, and that they can be given up."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from hips.mocs.answers import ANSWERS, Fields, map_of_fields
from hips.mocs.datasets import Dataset
from hips.mocs.maps import SpaceMap
from hips.mocs.names import Dimension
from hips.mocs.orders import Orders


def fields(*rows: tuple[str | None, float, float, float]) -> Fields:
    """Region, position in right ascension on the equator, width, beam."""
    ra, width, beam = (np.array([row[at] for row in rows], dtype=float) for at in (1, 2, 3))
    return Fields(pa.array([row[0] for row in rows], pa.string()), ra, np.zeros(len(rows)), width, beam)


def circles(count: int, radius: float) -> Fields:
    lons = np.linspace(0.0, 180.0, count)
    return fields(*((f"Circle ICRS {lon} 0 {radius}", lon, np.nan, np.nan) for lon in lons))


def never() -> None:
    """Nobody has left."""


@pytest.mark.parametrize(
    ("region", "width", "beam"),
    [
        ("Circle ICRS 10 0 0.05", None, None),
        ("Circle ICRS 10 0 0.05", 3.0, 5.0),
        ("Polygon ICRS 10 0 10.01 0 10.01 0.02", None, 0.1),
        ("Circle ICRS 10 0 0", 0.02, None),
        (None, 0.02, 0.5),
        (None, None, None),
        ("no region", 0.1, None),
    ],
)
def test_of_one_row_it_is_that_of_the_data_set(
    region: str | None, width: float | None, beam: float | None
) -> None:
    one = fields((region, 10.0, np.nan if width is None else width, np.nan if beam is None else beam))
    row = Dataset(region=region, s_ra=10.0, s_dec=0.0, s_fov=width, s_resolution=beam)
    found = map_of_fields(one, never)
    wanted = row.moc(Dimension.SPACE)
    assert isinstance(wanted, SpaceMap)
    assert (found.order, found.moc) == (wanted.order, wanted.moc) and found.moc.count


def test_many_fields_are_coarser() -> None:
    """MOC-015: one order for each doubling, once their borders are as long as a file may be."""
    few, many, more = (map_of_fields(circles(count, 0.01), never) for count in (500, 1_400, 3_000))
    assert few.order == 18 and many.order == 17 and more.order == 16
    assert max(each.volume for each in (few, many, more)) <= ANSWERS.volume


def test_a_wide_field_makes_narrow_ones_no_coarser_than_it_must() -> None:
    wide = "Circle ICRS 90 60 5"
    narrow = ("Circle ICRS 10 0 0.01", 10.0, np.nan, np.nan)
    found = map_of_fields(fields(narrow, (wide, 90.0, np.nan, np.nan)), never)
    alone = map_of_fields(fields((wide, 90.0, np.nan, np.nan)), never)
    assert alone.order < 12 and 18 >= found.order >= 17 and found.volume <= ANSWERS.volume


def test_what_does_not_fit_is_lowered() -> None:
    small = Orders(volume=1000)
    found = map_of_fields(circles(300, 0.05), never, small)
    full = map_of_fields(circles(300, 0.05), never)
    assert found.volume <= 1000 and 5 < found.order < full.order
    assert found.moc.complement().common(full.moc).count == 0


def test_of_nothing_it_is_empty() -> None:
    none = map_of_fields(fields(), never)
    assert (none.order, none.moc.count) == (14, 0)
    nowhere = map_of_fields(fields((None, np.nan, 0.1, 1.0)), never)
    assert nowhere.moc.count == 0


def test_it_can_be_given_up() -> None:
    looks = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        map_of_fields(circles(5_000, 0.001), look)
