"""Which fields share a run: nothing is left out, nothing is done twice, and no tile is two fields'."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_fields import ARCSEC, FileField, header_of, plane_of

from hips.images.engine import Wanted
from hips.images.hipsgen import lots
from hips.images.hipsgen.lots import Job, jobs_of, lots_of
from hips.tiles.grid import WIDTH, order_for, pixel_vectors
from hips.tiles.touched import touched_cells
from vo_service.pixels.sky_plane import SkyPlane

Placed = tuple[Wanted, SkyPlane, tuple[int, int]]


def placed(
    ra: float, dec: float, pixel: float, size: tuple[int, int], turned: float, orders: list[int]
) -> Placed:
    sky = plane_of(header_of(ra, dec, pixel * ARCSEC, size, "SIN", turned), size)
    field = FileField(name=f"{ra} {dec} {turned}", path=None, pixel_scale=pixel * ARCSEC, resolution=0.0)  # type: ignore[arg-type]
    return Wanted(field, {order: touched_cells(sky, size, order) for order in orders}), sky, size


def all_jobs(fields: list[Placed]) -> list[Job]:
    return [job for number, (one, sky, size) in enumerate(fields) for job in jobs_of(number, one, sky, size)]


def on_image(sky: SkyPlane, size: tuple[int, int], cell: int) -> np.ndarray:
    every = np.arange(0.0, WIDTH, 5.0)
    x, y = sky.pixels(pixel_vectors(9, cell, every, every).reshape(-1, 3)).T
    return (x >= 0.5) & (x <= size[0] + 0.5) & (y >= 0.5) & (y <= size[1] + 0.5)


@st.composite
def mosaics(draw: st.DrawFn) -> list[Placed]:
    """Fields of 1 and 4 arcsec round one place, all wanted at order 9."""
    offset = st.floats(-0.2, 0.2)
    return [
        placed(
            83.0 + draw(offset),
            draw(st.sampled_from([-5.0, 41.8, 89.95])) + draw(st.floats(-0.04, 0.04)),
            draw(st.sampled_from([1.0, 4.0])),
            (draw(st.integers(1, 300)), draw(st.integers(1, 300))),
            draw(st.floats(0.0, 90.0)),
            [9],
        )
        for _ in range(draw(st.integers(1, 8)))
    ]


@given(mosaics())
def test_all_that_is_wanted_is_done_once_and_alone(fields: list[Placed]) -> None:
    jobs = all_jobs(fields)
    done = list(lots_of(jobs))
    assert sorted(map(id, jobs)) == sorted(id(job) for lot in done for job in lot)
    for number, (wanted, sky, size) in enumerate(fields):
        cells = np.concatenate([job.cells for job in jobs if job.number == number] or [np.empty(0, int)])
        assert len(np.unique(cells)) == len(cells) and np.isin(cells, wanted.cells[9]).all()
        for cell in np.setdiff1d(wanted.cells[9], cells):  # may touch the image, and does not
            assert not on_image(sky, size, int(cell)).any()
    for lot in done:
        assert sum(len(job.cells) for job in lot) <= lots.MOST_CELLS
        for job in lot:
            wanted, _, _ = fields[job.number]
            others = [other for other in lot if other is not job]
            # what the field touches is not asked of another, whether it is wanted of this one or not
            assert all(not np.isin(wanted.cells[9], other.cells).any() for other in others)


@given(
    place=st.tuples(st.floats(0.0, 360.0), st.floats(-90.0, 90.0)),
    size=st.tuples(st.integers(1, 1500), st.integers(1, 1500)),
    turned=st.floats(0.0, 360.0),
    most=st.sampled_from([30_000, 300_000]),
)
def test_a_box_has_all_pixels_that_its_tiles_need(place, size, turned, most) -> None:
    wanted, sky, _ = placed(*place, 1.0, size, turned, [9])
    before = lots.MOST_PIXELS
    lots.MOST_PIXELS = most
    try:
        jobs = list(jobs_of(0, wanted, sky, size))
    finally:
        lots.MOST_PIXELS = before
    every = np.arange(0.0, WIDTH, 15.0)
    for job in jobs:
        (left, right), (low, high) = job.box
        assert 0 <= left < right <= size[0] and 0 <= low < high <= size[1]
        assert (right - left) * (high - low) <= most or len(job.cells) == 1
        places = [pixel_vectors(9, int(cell), every, every).reshape(-1, 3) for cell in job.cells]
        x, y = sky.pixels(np.concatenate(places)).T - 1.0
        on = (x > -0.5) & (x < size[0] - 0.5) & (y > -0.5) & (y < size[1] - 0.5)
        for at, first, last, length in ((x, left, right, size[0]), (y, low, high, size[1])):
            assert (np.maximum(np.floor(at[on]), 0) >= first).all()
            assert (np.minimum(np.ceil(at[on]), length - 1) <= last - 1).all()


def test_fields_far_apart_share_a_run() -> None:
    fields = [placed(ra, 10.0, 1.0, (200, 200), 0.0, [9]) for ra in range(0, 200, 10)]
    assert len(list(lots_of(all_jobs(fields)))) == 1


def test_a_field_under_a_deep_one_is_cheap_to_plan() -> None:
    # 25 arcsec pixels on a tile of 0.05 arcsec: a cell of order 13 is a hundredth of a pixel's area
    wanted, sky, size = placed(83.0, -5.0, 25.0, (500, 500), 0.0, [order_for(25.0 * ARCSEC)])
    deep = Wanted(wanted.field, {13: touched_cells(sky, (2, 2), 13)[:3]})
    [job] = jobs_of(0, deep, sky, size)
    assert len(job.reach.cells) < 3000 and job.reach.meets(job.cells, 13)


@pytest.mark.parametrize("count", [1, 7])
def test_lots_are_bounded(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "MOST_CELLS", count)
    jobs = all_jobs([placed(ra, 10.0, 1.0, (300, 300), 0.0, [9]) for ra in (5, 15, 25)])
    assert all(sum(len(job.cells) for job in lot) <= count for lot in lots_of(jobs))
