"""Spectra of regions: against numpy in any order of axes, fluxes against astropy's units and radio_beam."""

from __future__ import annotations

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from array_reader import ArrayReader, cubes, edges
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from sky_images import plane_of, sky_header
from test_cutout_beams import stored, table_of

from vo_service.pixels import FitsError
from vo_service.pixels.compute.channel_beams import ChannelBeams, beams_of
from vo_service.pixels.compute.channels import ChannelScale, NotComputable
from vo_service.pixels.compute.pixel_areas import PixelAreas
from vo_service.pixels.compute.region_spectrum import Aperture, RegionSpectrum, region_spectrum
from vo_service.pixels.cutout.box import Box
from vo_service.sky import Circle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for what astropy will drop
    from radio_beam import Beam
    from spectral_cube import SpectralCube

REST = 100.01e9
SCALE = 1.0 / 360.0


def distances(header: fits.Header, columns: int, rows: int, ra: float, dec: float) -> np.ndarray:
    """Degrees (rows, columns) from a place to the centres of pixels, by astropy."""
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    lon, lat = np.radians(WCS(header).wcs_pix2world(x, y, 0))
    a, b = math.radians(ra), math.radians(dec)
    cosine = np.sin(lat) * math.sin(b) + np.cos(lat) * math.cos(b) * np.cos(lon - a)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("kind", ["mean", "sum"])
@given(given_cube=cubes(), data=st.data())
def test_every_order_of_axes(
    kind: str, given_cube: tuple[np.ndarray, tuple[str, ...], Box], data: st.DataObject
) -> None:
    values, names, box = given_cube
    axis = {name: names.index(name) for name in names}
    swapped = axis["y"] < axis["x"]
    columns, rows = (6, 7) if swapped else (7, 6)
    header = sky_header(columns, rows, scale=SCALE)
    radius = data.draw(st.sampled_from([None, 0.4 * SCALE, 2.2 * SCALE, 90.0]))
    ra, dec = (83.6 + data.draw(st.floats(-3, 3)) * SCALE, -5.4 + data.draw(st.floats(-3, 3)) * SCALE)
    shape = None if radius is None else Circle(ra, dec, radius)
    first, second = sorted((axis["x"], axis["y"]))
    aperture = Aperture((first + 1, second + 1), plane_of(columns, rows, header), shape)
    borders = data.draw(edges(box.shape[axis["channel"]]))
    labels = ("I", "V")[: box.shape[axis["stokes"]]]
    reader, small = ArrayReader(values), data.draw(st.sampled_from([8, 100, 1 << 20]))
    found = region_spectrum(
        reader, box, axis["channel"] + 1, ChannelScale(borders, "radio", REST), aperture, kind,
        unit="K", labels=labels, piece_pixels=small, slab_bytes=small,
    )  # fmt: skip

    inside = np.ones((rows, columns), bool)
    if radius is not None:
        apart = distances(header, columns, rows, ra, dec) - radius
        inside = apart <= 0
        if (np.abs(apart) < 1e-9).any():
            return
    order = [len(names) - 1 - each for each in (axis["stokes"], axis["channel"], second, first)]
    part = values[tuple(slice(*span) for span in box.spans[::-1])].transpose(order).astype(np.float64)
    inside = inside[slice(*box.spans[second]), slice(*box.spans[first])]
    part = np.where(inside & np.isfinite(part), part, np.nan)
    pixels = np.isfinite(part).sum(axis=(2, 3))
    wanted = np.where(pixels, np.nansum(part, axis=(2, 3)), np.nan)
    if kind == "mean":
        wanted = wanted / np.maximum(pixels, 1)
    assert (found.pixels == pixels).all() and found.unit == "K" and found.labels == labels
    assert np.allclose(found.values, wanted, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert (found.channel == np.arange(*box.spans[axis["channel"]]) + 1).all()
    assert np.allclose(found.frequency, (borders[1:] + borders[:-1]) / 2, rtol=1e-15)
    speed = (found.frequency * u.Hz).to_value(u.km / u.s, u.doppler_radio(REST * u.Hz))
    assert np.allclose(found.velocity, speed, rtol=1e-9, atol=1e-6) and np.isnan(found.barycentric).all()
    assert reader.reads.max() <= 1


def cube_of(channels: int = 4, columns: int = 9, rows: int = 8) -> tuple[np.ndarray, fits.Header, Aperture]:
    data = np.random.default_rng(5).uniform(0.5, 2.0, (channels, rows, columns))
    data[1, 2, 3] = np.nan
    header = sky_header(columns, rows, scale=SCALE)
    return data, header, Aperture((1, 2), plane_of(columns, rows, header), Circle(83.6, -5.4, 2.5 * SCALE))


def spectrum_of(
    data: np.ndarray, aperture: Aperture, kind: str, unit: str | None = None, **more: object
) -> RegionSpectrum:
    borders = 100e9 + np.arange(len(data) + 1) * 25e9  # far apart, so that the frequency tells
    box = Box.whole(data.shape[::-1])
    return region_spectrum(
        ArrayReader(data), box, 3, ChannelScale(borders), aperture, kind, unit=unit, **more
    )


def masked(data: np.ndarray, header: fits.Header) -> np.ndarray:
    """The sum in each channel of what is in the circle."""
    inside = distances(header, data.shape[2], data.shape[1], 83.6, -5.4) <= 2.5 * SCALE
    return np.nansum(np.where(inside, data, np.nan), axis=(1, 2))


@pytest.mark.parametrize("unit", ["Jy/beam", "mJy/beam", "uJy/beam", "kJy/beam"])
def test_flux_by_the_beam_of_each_channel(unit: str) -> None:
    data, header, aperture = cube_of()
    major, minor = np.array([[4.0, 4.5, 5.0, 5.5]]) * SCALE, np.array([[3.0, 3.0, 2.0, 3.5]]) * SCALE
    found = spectrum_of(data, aperture, "flux", unit, beams=ChannelBeams(major, minor, np.zeros((1, 4))))
    pixel = (SCALE * u.deg) ** 2
    wanted = [
        (total * u.Unit(unit) * u.beam * pixel / Beam(one * u.deg, other * u.deg).sr).to_value(u.Jy)
        for total, one, other in zip(masked(data, header), major[0], minor[0], strict=True)
    ]
    assert found.unit == "Jy" and np.allclose(found.values[0], wanted, rtol=1e-6)
    same = spectrum_of(data, aperture, "flux", unit, beams=ChannelBeams.one(4 * SCALE, 3 * SCALE, None))
    assert same.values[0, 0] == found.values[0, 0]


def test_flux_of_other_units() -> None:
    data, header, aperture = cube_of()
    totals, pixel = masked(data, header), (SCALE * u.deg) ** 2
    middle = (100e9 + (np.arange(4) + 0.5) * 25e9) * u.Hz
    kelvins = (totals * u.K).to(u.Jy / u.sr, u.brightness_temperature(middle)) * pixel
    wanted = {
        "Jy/pixel": totals,
        "mJy/pixel": totals / 1e3,
        "MJy/sr": (totals * u.MJy / u.sr * pixel).to_value(u.Jy),
        "Jy/arcsec**2": (totals * u.Jy / u.arcsec**2 * pixel).to_value(u.Jy),
        "K": kelvins.to_value(u.Jy),
        "mK": kelvins.to_value(u.Jy) / 1e3,
    }
    for unit, values in wanted.items():
        assert np.allclose(spectrum_of(data, aperture, "flux", unit).values[0], values, rtol=1e-6), unit


@pytest.mark.parametrize(
    ("unit", "message"),
    [("Jy", "not from Jy"), ("km/s", "not from km/s"), ("Jy.km/s/beam", "not from"),
     ("blobs", "not from blobs"),
     (None, "unit of this image is not known"), ("Jy/beam", "needs the beam, which is not known")],
)  # fmt: skip
def test_fluxes_that_cannot_be_had(unit: str | None, message: str) -> None:
    data, _, aperture = cube_of()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two solidi
        with pytest.raises(NotComputable, match=message):
            spectrum_of(data, aperture, "flux", unit)


def test_an_image_off_the_sky_has_no_regions_and_no_solid_angles() -> None:
    data, _, aperture = cube_of()
    nowhere = Aperture((1, 2), None)
    assert np.allclose(spectrum_of(data, nowhere, "sum").values[0], np.nansum(data, axis=(1, 2)))
    assert np.allclose(spectrum_of(data, nowhere, "flux", "Jy/pixel").values[0], np.nansum(data, axis=(1, 2)))
    for kind, unit, where in (("flux", "K", nowhere), ("mean", "K", Aperture((1, 2), None, aperture.shape))):
        with pytest.raises(NotComputable, match="no coordinates on the sky"):
            spectrum_of(data, where, kind, unit)


def test_channels_without_beam_or_values_are_null() -> None:
    data, _, aperture = cube_of()
    data[2] = np.nan
    major = np.array([[np.nan, 1.0, 1.0, 0.0]])
    found = spectrum_of(data, aperture, "flux", "Jy/beam", beams=ChannelBeams(major, major, major))
    assert np.isnan(found.values[0]).tolist() == [True, False, True, True]
    assert (found.pixels[0] > 0).tolist() == [True, True, False, True]
    outside = Aperture((1, 2), aperture.plane, Circle(10.0, 10.0, 0.1))
    found = spectrum_of(data, outside, "mean")
    assert np.isnan(found.values).all() and not found.pixels.any() and np.isnan(found.velocity).all()


def test_labels_and_scales_have_to_fit() -> None:
    data, _, aperture = cube_of()
    with pytest.raises(ValueError, match="4 channels of 2 planes do not fit"):
        spectrum_of(data, aperture, "mean", labels=("I", "Q"))


def test_against_spectral_cube() -> None:
    data, header, _ = cube_of()
    header["CTYPE3"], header["CRVAL3"], header["CDELT3"], header["CRPIX3"] = "FREQ", 100e9, 1e6, 1.0
    header["CUNIT3"] = "Hz"
    cube = SpectralCube(data=data * u.K, wcs=WCS(header), header=header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mean, total = cube.mean(axis=(1, 2)), cube.sum(axis=(1, 2))
    nowhere = Aperture((1, 2), None)
    assert np.allclose(spectrum_of(data, nowhere, "mean").values[0], mean.value)
    assert np.allclose(spectrum_of(data, nowhere, "sum").values[0], total.value)


class Endless:
    """A cube of which no more than what is asked for is ever held."""

    axes = (3000, 2500, 2)

    def read(self, box: Box) -> np.ndarray:
        return np.full(box.shape[::-1], 2.0, np.float32)


def test_memory_does_not_grow_with_the_region() -> None:
    header = sky_header(3000, 2500, scale=1e-4)
    aperture = Aperture((1, 2), plane_of(3000, 2500, header), Circle(83.6, -5.4, 0.1))
    scale = ChannelScale(np.array([100e9, 100.1e9, 100.2e9]), "radio", REST)
    tracemalloc.start()
    try:
        found = region_spectrum(Endless(), Box.whole(Endless.axes), 3, scale, aperture, "flux", unit="Jy/sr")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.values[0] == pytest.approx(2.0 * math.pi * math.radians(0.1) ** 2, rel=1e-3)
    assert peak < 80 << 20  # the places of all pixels on the sky would be 180 MB


# --- solid angles and beams ------------------------------------------------------------------------------


def measured(header: fits.Header, columns: int, rows: int) -> np.ndarray:
    """Steradians of pixels as two flat triangles between their corners, by astropy."""
    y, x = np.mgrid[: rows + 1, : columns + 1] - 0.5
    lon, lat = np.radians(WCS(header).wcs_pix2world(x, y, 0))
    at = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]
    return sum(np.linalg.norm(np.cross(q - a, c - a), axis=-1) / 2 for q in (b, d))


@pytest.mark.parametrize(
    ("projection", "columns", "rows", "scale"),
    [("TAN", 500, 400, 0.1), ("SIN", 300, 450, 0.2), ("SIN", 120, 130, 0.2),
     ("CAR", 200, 400, 0.2), ("SIN", 500, 30, 1e-4 / 3600),
     ("TAN", 5, 1, 0.1), ("ZEA", 130, 129, 0.5)],
)  # fmt: skip
def test_each_pixel_has_its_own_solid_angle(projection: str, columns: int, rows: int, scale: float) -> None:
    # CAR turns about its own equator: there its pixels shrink with the distance from it
    header = sky_header(
        columns, rows, scale=scale, projection=projection, dec=0.0 if projection == "CAR" else 30.0
    )
    areas = PixelAreas(plane_of(columns, rows, header), (0, columns), (0, rows))
    found, wanted = areas.within((0, columns), (0, rows)), measured(header, columns, rows)
    assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1.5e-4)
    assert (areas.within((0, columns), (rows // 2, rows)) == found[rows // 2 :]).all()


def test_solid_angles_at_the_border_of_a_projection() -> None:
    header = sky_header(340, 170, scale=1.0, projection="AIT", ra=0.0, dec=0.0)
    found = PixelAreas(plane_of(340, 170, header), (0, 340), (0, 170)).within((0, 340), (0, 170))
    wanted = measured(header, 340, 170)
    there = np.isfinite(wanted)
    assert np.isnan(found[0, 0]) and (np.isfinite(found) == there).all()
    # the projection has equal areas; at its rim a pixel of a degree is bent
    assert np.quantile(np.abs(found[there] / math.radians(1.0) ** 2 - 1.0), 0.95) < 1e-3
    assert np.nansum(found) == pytest.approx(4.0 * math.pi, rel=0.03)


def test_pixels_off_the_projection_do_not_count() -> None:
    header = sky_header(34, 17, scale=10.0, projection="AIT", ra=0.0, dec=0.0)
    plane = plane_of(34, 17, header)
    found = spectrum_of(np.ones((1, 17, 34)), Aperture((1, 2), plane), "flux", "Jy/sr")
    areas = PixelAreas(plane, (0, 34), (0, 17)).within((0, 34), (0, 17))
    assert found.pixels[0, 0] == np.isfinite(areas).sum() < areas.size
    assert found.values[0, 0] == pytest.approx(np.nansum(areas))


def test_beams_by_channel_and_polarisation() -> None:
    table, _ = stored(table_of(6, 2))
    beams = beams_of(table, (1, 4), (0, 2))
    number = np.arange(12).reshape(2, 6)[:, 1:4]
    assert np.allclose(beams.major, (1.0 + number / 7) / 3600) and np.allclose(beams.angle, number)
    areas = [
        Beam(a * u.deg, b * u.deg).sr.value for a, b in zip(beams.major.flat, beams.minor.flat, strict=True)
    ]
    assert np.allclose(beams.areas.ravel(), areas) and beams.common is None
    plain, _ = stored(table_of(6, 1, with_planes=False))
    assert np.allclose(beams_of(plain, (1, 4), (1, 2)).major, (1.0 + np.arange(1, 4) / 7)[None] / 3600)
    assert np.isnan(beams_of(table, (4, 8), (1, 2)).major).tolist() == [[False, False, True, True]]


def test_tables_of_beams_that_cannot_be_read() -> None:
    nothing, _ = stored(fits.BinTableHDU.from_columns([fits.Column("A", "1E", array=[1.0])], name="BEAMS"))
    with pytest.raises(FitsError, match="no columns BMAJ and BMIN"):
        beams_of(nothing, (0, 1), (0, 1))
    hdu = table_of(3, 1)
    hdu.columns["BMAJ"].unit = "Jy"
    with pytest.raises(FitsError, match="'Jy' of BMAJ"):
        beams_of(stored(hdu)[0], (0, 3), (0, 1))
