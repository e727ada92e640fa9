"""What pictures of maps that are no images of brightness show, and how deep trees of odd pixels are."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from live_house import ARCSEC, Array, LiveDoor, LiveHouse, disc, noise, opened
from mocpy import MOC
from PIL import Image

SIDE = 60


def slope(low: float, high: float, sigma: float) -> Array:
    """From one value to another along rows, with some noise."""
    x = np.linspace(low, high, SIDE) + np.zeros((SIDE, 1))
    return disc(x + noise(SIDE, SIDE, sigma=sigma), 28.0)


def channels() -> Array:
    """A cube far from zero, each channel a bit further."""
    return np.stack([slope(1500.0 + 30.0 * z, 1530.0 + 30.0 * z, 1.0) for z in range(4)])


def with_outliers(values: Array) -> Array:
    """A few pixels that say nothing, as indices have where there is hardly anything."""
    found = values.copy()
    found[30, 28:32] = 4000.0, -3000.0, 500.0, -900.0
    return found


WCOORD = ".integrated.moment.weighted_coord.fits"
MAPS = {
    "rotation": (slope(-101.0, -76.0, 1.0), "km/s", WCOORD, "moment1"),
    "recession": (slope(1501.0, 1732.0, 3.0), "km/s", WCOORD, "moment1"),
    "index": (slope(-2.98, -1.85, 0.01), "", ".alpha.fits", "alpha"),
    "outliers": (with_outliers(slope(-2.98, -1.85, 0.01)), "", ".alpha.fits", "alpha"),
    "offset": (slope(1501.0, 1732.0, 3.0), "Jy/beam", ".fits", "image"),
    "absorption": (slope(-9.0, -5.0, 0.1), "Jy/beam", ".fits", "image"),
    "cube-far": (channels(), "K", ".fits", "cube"),
    "constant": (disc(np.full((SIDE, SIDE), -4.0), 28.0), "Jy/beam", ".fits", "image"),
}
"""Values, unit, how the name ends, and the role that this gives."""
ORDER = {"oblong": 10, "turned": 10, "square": 7}
"""HIPS-006 for the shorter side, 0.5 and 5 arcsec: pixels have 0.403 arcsec at order 10, 3.22 at order 7."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    house = LiveHouse(tmp_path_factory.mktemp("greys"))
    for at, (name, (values, unit, ending, _)) in enumerate(MAPS.items()):
        told = {"BTYPE": "Velocity"} if unit == "km/s" else {}
        house.write(name, values, (10.0 * at + 5.0, 10.0), BUNIT=unit, ending=ending, **told)
    values = slope(0.0, 1.0, 0.1)
    house.write("oblong", values, (10.0, 50.0), CDELT1=-5.0 * ARCSEC)
    turned = {"PC1_1": 0.0, "PC1_2": 1.0, "PC2_1": -1.0, "PC2_2": 0.0}
    house.write("turned", values, (30.0, 50.0), CDELT2=5.0 * ARCSEC, **turned)
    house.write("square", values, (50.0, 50.0), pixel=5.0)
    house.release()
    return house


@pytest.fixture(scope="module")
def door(house: LiveHouse) -> Iterator[LiveDoor]:
    with opened(house) as door:
        yield door


def shown(door: LiveDoor, name: str, frame: int = 0) -> tuple[Array, Array]:
    """Values and greys of the deepest tiles of a frame, where there are any."""
    order = int(door.properties(name)["hips_order"])
    moc = MOC.from_fits(io.BytesIO(door.tree(name, "Moc.fits").content))
    values, greys = [], []
    for cell in moc.to_order(order).flatten().tolist():
        stem = f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}{f'_{frame}' if frame else ''}"
        tile = door.values(name, f"{stem}.fits")[::-1]
        picture = Image.open(io.BytesIO(door.tree(name, f"{stem}.png").content)).convert("LA")
        known = np.isfinite(tile)
        values.append(tile[known])
        greys.append(np.asarray(picture)[..., 0][known])
    return np.concatenate(values), np.concatenate(greys).astype(int)


def test_the_roles_are_those_that_are_meant(house: LiveHouse, door: LiveDoor) -> None:
    roles = {row["dataset_id"]: row["role"] for row in house.read("holdings.product") if row["is_primary"]}
    assert {name: roles[door.names[name]] for name in MAPS} == {name: each[3] for name, each in MAPS.items()}


@pytest.mark.parametrize("name", sorted(MAPS.keys() - {"constant", "cube-far"}))
def test_maps_are_seen(door: LiveDoor, name: str) -> None:
    """HIPS-029, HIPS-068: the range that greys have, and that a client takes for FITS tiles, is theirs."""
    values, greys = shown(door, name)
    spread = np.percentile(greys, 95) - np.percentile(greys, 5)
    assert spread > 150 and len(np.unique(greys)) > 150
    low, high = map(float, door.properties(name)["hips_pixel_cut"].split())
    assert ((values >= low) & (values <= high)).mean() > 0.98
    straight = 1 + 254 * np.clip((values.astype(np.float64) - low) / (high - low), 0.0, 1.0)
    assert np.abs(greys - straight).max() < 1.5
    assert "in proportion to the values of the image" in door.properties(name)["hips_processing"]


def test_all_frames_are_seen(door: LiveDoor) -> None:
    low, high = map(float, door.properties("cube-far")["hips_pixel_cut"].split())
    truth = channels()
    assert (low, high) == pytest.approx((np.nanmin(truth), np.nanmax(truth)), rel=1e-4)
    middles = [np.median(shown(door, "cube-far", frame)[1]) for frame in range(4)]
    assert (np.diff(middles) > 40).all()


def test_a_single_value_is_neither_black_nor_white(door: LiveDoor) -> None:
    assert (np.abs(shown(door, "constant")[1] - 128) < 3).all()


@pytest.mark.parametrize("name", ORDER)
def test_the_order_is_that_of_the_shorter_side(door: LiveDoor, name: str) -> None:
    # HIPS-006
    assert int(door.properties(name)["hips_order"]) == ORDER[name]
