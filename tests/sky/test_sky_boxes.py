"""Boxes without a width or a height: pieces of great circles, held against thin boxes and astropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from vo_service.sky import Circle, Polygon, RegionError, parse_region, unit_vectors
from vo_service.sky.boxes import FlatBox, make_box

BOXES = [
    FlatBox(10.0, 20.0, 0.0, 3.0),
    FlatBox(10.0, 20.0, 3.0, 0.0),
    FlatBox(359.9, 89.5, 0.0, 4.0),
    FlatBox(200.0, -60.0, 170.0, 0.0),
]


def along(box: FlatBox, share: float, aside_deg: float = 0.0) -> np.ndarray:
    """A place on the arm, ``share`` of its half from the centre, and so far beside it."""
    frame = SkyCoord(box.lon, box.lat, unit="deg").skyoffset_frame()
    reach = share * (box.width + box.height) / 2.0
    if box.width:
        there = SkyCoord(reach * u.deg, aside_deg * u.deg, frame=frame)
    else:  # the arm is a meridian of that frame
        lon = math.degrees(math.atan2(math.tan(math.radians(aside_deg)), math.cos(math.radians(reach))))
        lat = math.degrees(math.asin(math.sin(math.radians(reach)) * math.cos(math.radians(aside_deg))))
        there = SkyCoord(lon * u.deg, lat * u.deg, frame=frame)
    place = there.transform_to("icrs")
    return unit_vectors(float(place.ra.deg), float(place.dec.deg))


@pytest.mark.parametrize("box", BOXES)
def test_what_is_on_the_arm_is_inside(box: FlatBox) -> None:
    # ADQL-138
    for share in (0.0, 0.3, -0.999, 1.0 - 1e-9, -1.0 + 1e-9):
        assert box.contains(along(box, share))[0]
        assert box.distance(along(box, share))[0] < 1e-14
    for share, aside in ((1.0 + 1e-9, 0.0), (-1.1, 0.0), (0.5, 1e-9), (0.0, -1e-9)):
        assert not box.contains(along(box, share, aside))[0]
    assert box.distance(along(box, 0.2, 0.1))[0] == pytest.approx(math.radians(0.1), rel=1e-6)
    assert box.area() == 0.0 and box.depth(along(box, 0.0))[0] == 0.0
    assert not box.contains(-along(box, 0.0))[0]


@pytest.mark.parametrize("box", BOXES)
def test_relations(box: FlatBox) -> None:
    # ADQL-151
    middle = Circle(box.lon, box.lat, 0.1)
    reach = (box.width + box.height) / 2.0
    assert box.intersects(middle) and middle.intersects(box) and box.covers(Circle(box.lon, box.lat, 0.0))
    assert not middle.covers(box) and not box.covers(middle)
    assert Circle(box.lon, box.lat, reach).covers(box)
    assert not Circle(box.lon, box.lat, reach * 0.999).covers(box)
    assert box.covers(box) and box.cap().radius == pytest.approx(math.radians(reach))
    assert not box.intersects(Circle(box.lon + 180.0, -box.lat, 0.1))
    crossed = Polygon(
        ((box.lon - 2, box.lat - 1), (box.lon + 2, box.lat - 1), (box.lon, min(89.9, box.lat + 1)))
    )
    assert box.intersects(crossed)


def test_what_is_no_flat_box() -> None:
    for numbers in (
        (1.0, 2.0, 0.0, 0.0),
        (1.0, 2.0, 1.0, 1.0),
        (1.0, 2.0, 180.0, 0.0),
        (1.0, 91.0, 1.0, 0.0),
    ):
        with pytest.raises(RegionError):
            FlatBox(*numbers)


def test_texts() -> None:
    assert FlatBox(10.0, 0.0, 0.0, 4.0).to_stcs() == "Box ICRS 10 0 0 4"
    words = FlatBox(10.0, 0.0, 0.0, 4.0).to_dali().split()
    assert words[0] == "polygon" and np.allclose(
        [float(word) for word in words[1:]], [10, 2, 10, 2, 10, -2, 10, -2]
    )
    for text in ("Box ICRS 10 20 0 3", "Box ICRS 10 20 3 0"):
        assert parse_region(text).to_stcs() == text
    assert parse_region("Box ICRS 10 20 0 0") == Circle(10.0, 20.0, 0.0)


def test_boxes_are_polygons() -> None:
    # ADQL-138, ADQL-244
    box = make_box(180.0, 60.0, 10.0, 10.0)
    assert isinstance(box, Polygon)
    assert [round(lon - 180.0, 2) for lon, _ in box.vertices] == [11.65, -11.65, -8.64, 8.64]
    for numbers in ((1.0, 2.0, -1.0, 1.0), (1.0, 2.0, 1.0, 180.0), (1.0, 95.0, 1.0, 1.0)):
        with pytest.raises(RegionError):
            make_box(*numbers)
