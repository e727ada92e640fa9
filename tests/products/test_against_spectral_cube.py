"""Plain cuts of plain cubes are those of spectral-cube: the same pixels in the same places."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from cut_files import box_of, cut_at
from numpy.typing import NDArray
from product_files import FREQUENCY, SKY, write_product
from random_images import beams_of

from vo_service.pixels.cutout.box import Box
from vo_service.products.selection import Constraints
from vo_service.sky import Circle, Range
from vo_service.spectral import C

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for what astropy will drop
    from regions import CircleSkyRegion
    from spectral_cube import SpectralCube

REST = 230.538e9
AXES: dict[str, dict[str, object]] = {
    "FREQ": FREQUENCY,
    "FREQ down": FREQUENCY | {"CDELT3": -1e6},
    "VRAD": {"CTYPE3": "VRAD", "CRVAL3": 5e5, "CDELT3": 1.3e3, "CRPIX3": 1.0, "CUNIT3": "m/s"},
    "VOPT": {"CTYPE3": "VOPT", "CRVAL3": 5e5, "CDELT3": -1.3e3, "CRPIX3": 1.0, "CUNIT3": "m/s"},
}
SKY_CARDS = SKY | {"RADESYS": "ICRS", "SPECSYS": "BARYCENT", "RESTFRQ": REST}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def write_cube(path: Path, name: str, with_beams: bool = False) -> None:
    """Twelve channels of numbers that are all different."""
    write_product(
        path, (12, 48, 64), **SKY_CARDS, **AXES[name], CTYPE4=None, CRVAL4=None, CRPIX4=None, CDELT4=None
    )
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[:] = np.arange(hdus[0].data.size).reshape(hdus[0].data.shape)
        if with_beams:
            hdus[0].header["CASAMBM"] = True
            for key in ("BMAJ", "BMIN", "BPA"):
                del hdus[0].header[key]
            hdus.append(beams_of(12, 1, True))


def same(path: Path, box: Box, theirs: SpectralCube) -> None:
    """What spectral-cube reads of our file is what it cut itself."""
    out = path.with_name("cut.fits")
    out.write_bytes(cut_at(path, box))
    ours = SpectralCube.read(out)
    assert np.array_equal(ours.unmasked_data[:].value, theirs.unmasked_data[:].value)
    one, other = ours.wcs.wcs, theirs.wcs.wcs
    assert one.crpix.tolist() == pytest.approx(other.crpix.tolist(), abs=1e-9)
    for world, expected in zip(ours.world[:], theirs.world[:], strict=True):
        assert np.allclose(world.value, expected.value, rtol=1e-12, atol=0.0)
    if hasattr(theirs, "beams"):
        assert ours.beams.major.value.tolist() == theirs.beams.major.value.tolist()


def frequency_of(cube: SpectralCube, name: str, channel: float) -> float:
    """Hz at a channel, from 0, between the values that spectral-cube has."""
    value = np.interp(channel, np.arange(cube.shape[0]), cube.spectral_axis.value)
    rest = {"VRAD": u.doppler_radio, "VOPT": u.doppler_optical}.get(name)
    if rest is None:
        return float(value)
    return float((value * u.m / u.s).to_value(u.Hz, rest(REST * u.Hz)))


@pytest.mark.parametrize("with_beams", [False, True], ids=["one beam", "a beam each"])
@pytest.mark.parametrize("name", sorted(AXES))
def test_slabs(tmp_path: Path, name: str, with_beams: bool) -> None:
    # SODA-040, SODA-043: from within one channel to within another, both are kept
    path = tmp_path / "cube.fits"
    write_cube(path, name, with_beams)
    cube = SpectralCube.read(path)
    for first, last in ((2.2, 7.3), (3.7, 4.4)):
        ends = [np.interp(place, np.arange(12), cube.spectral_axis.value) for place in (first, last)]
        slab = cube.spectral_slab(*(end * cube.spectral_axis.unit for end in ends))
        band = sorted(frequency_of(cube, name, place) for place in (first, last))
        wavelengths = [C / band[1], C / band[0]]
        box = box_of(path, Constraints(frequencies=(C / wavelengths[1], C / wavelengths[0])))
        same(path, box, slab)


def test_a_range_of_the_sky_and_a_slab(tmp_path: Path) -> None:
    # SODA-018: spectral-cube takes the pixels whose middles are nearest to the corners
    path = tmp_path / "cube.fits"
    write_cube(path, "FREQ")
    cube = SpectralCube.read(path)
    step = 1e-4 / np.cos(np.radians(-29.87))
    east, west = 204.25 + 12.1 * step, 204.25 - 8.2 * step
    south, north = -29.87 - 6.3e-4, -29.87 + 9.8e-4
    channels = [frequency_of(cube, "FREQ", channel) * u.Hz for channel in (3.1, 8.1)]
    theirs = cube.subcube(
        xlo=east * u.deg,
        xhi=west * u.deg,
        ylo=south * u.deg,
        yhi=north * u.deg,
        zlo=channels[0],
        zhi=channels[1],
    )
    wanted = Constraints(shape=Range(west, east, south, north), frequencies=tuple(c.value for c in channels))
    same(path, box_of(path, wanted), theirs)


def test_a_circle_holds_that_of_spectral_cube(tmp_path: Path) -> None:
    # it takes the pixels whose middles lie within: at most one less on each side
    path = tmp_path / "cube.fits"
    write_cube(path, "FREQ")
    cube = SpectralCube.read(path)
    region = CircleSkyRegion(cube.wcs.celestial.pixel_to_world(30.3, 20.4), 7.7e-4 * u.deg)
    theirs: NDArray[np.float32] = cube.subcube_from_regions([region]).unmasked_data[:].value
    centre = region.center.icrs
    box = box_of(path, Constraints(shape=Circle(centre.ra.deg, centre.dec.deg, 7.7e-4)))
    with fits.open(path) as hdus:
        ours = hdus[0].data[:, slice(*box.spans[1]), slice(*box.spans[0])]
    assert set(theirs.ravel().tolist()) <= set(ours.ravel().tolist())
    assert all(0 <= one - other <= 2 for one, other in zip(ours.shape[1:], theirs.shape[1:], strict=True))
