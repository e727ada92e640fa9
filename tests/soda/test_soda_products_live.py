"""Results of a live server that are more than a box of pixels: companions, bins, maps, spectra, headers;
against numpy, astropy and spectral-cube."""

from __future__ import annotations

import io
import subprocess
import warnings
from typing import Any, Final

import numpy as np
import pytest
import requests
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table
from astropy.wcs import WCS
from live_archive import Archive, Sample, check_error, image_of, sky_of, unpacked
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for what astropy will drop
    from spectral_cube import SpectralCube

CUBE: Final = "M83_sci.spw16.cube.I.pbcor.fits"
BEAMS: Final = "HLTau_sci.spw17.cube.I.pbcor.fits"
Values = NDArray[Any]


@pytest.fixture(scope="module")
def cube(archive: Archive) -> Sample:
    return archive.find(CUBE)


def velocities(sample: Sample) -> Values:
    """km/s of the channels by the radio definition, relative to the rest frequency."""
    header = sample.header
    channels = np.arange(header["NAXIS3"]) + 1 - header["CRPIX3"]
    frequencies = (header["CRVAL3"] + channels * header["CDELT3"]) * u.Hz
    return frequencies.to_value(u.km / u.s, u.doppler_radio(header["RESTFRQ"] * u.Hz))


def moment(values: Values, velocity: Values, order: int) -> Values:
    """Of (channel, row, column)."""
    values = values.astype(np.float64)
    width = abs(velocity[1] - velocity[0])
    if order == 8:
        return np.nanmax(values, axis=0)
    total = np.nansum(values, axis=0)
    if order == 0:
        return total * width
    mean = np.nansum(values * velocity[:, None, None], axis=0) / total
    if order == 1:
        return mean
    square = np.nansum(values * (velocity[:, None, None] - mean) ** 2, axis=0) / total
    return np.sqrt(np.where(square > 0, square, np.nan))  # noise alone may have none


def bright(values: Values) -> NDArray[np.bool_]:
    """Where there is enough emission for ratios to be well told."""
    total = np.nansum(values.astype(np.float64), axis=0)
    return total > np.percentile(total, 95)


def spectral_cube(sample: Sample) -> SpectralCube:
    """As that library reads it, with velocities."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = SpectralCube(
            data=sample.pixels[0] * u.Jy / u.beam, wcs=WCS(sample.header).dropaxis(3), header=sample.header
        )
        return read.with_spectral_unit(
            u.km / u.s, velocity_convention="radio", rest_value=sample.header["RESTFRQ"] * u.Hz
        )


@pytest.mark.parametrize("roles", [("pb",), ("mask",), ("pb", "mask")])
def test_companions_are_cut_the_same_way(archive: Archive, cube: Sample, roles: tuple[str, ...]) -> None:
    # of a gzip file (pb) and of a plain one (mask), into extensions that are called by their roles
    circle = cube.circle(40.2, 30.1, 6.6)
    asked = [("ID", cube.did), ("CIRCLE", circle), ("CHANNELS", "10 12"), *(("WITH", one) for one in roles)]
    answer = archive.ask(*asked)
    assert answer.status_code == 200, answer.text
    alone = image_of(archive.cut(cube, CIRCLE=circle, CHANNELS="10 12"))
    with fits.open(io.BytesIO(answer.content)) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", *(one.upper() for one in sorted(roles))]
    header, pixels = image_of(answer.content, "PRIMARY")
    assert pixels.tobytes() == alone[1].tobytes()
    x, y = (int(cube.header[f"CRPIX{n}"] - header[f"CRPIX{n}"]) for n in (1, 2))
    rows, columns = pixels.shape[-2:]
    names = archive.names()
    for role in roles:
        path = cube.companions[role]
        there, cut = image_of(answer.content, role.upper())
        whole = image_of(unpacked(path))[1]
        assert cut.tobytes() == whole[:, 9:12, y : y + rows, x : x + columns].tobytes()
        assert there["VOSRCID"] == names[str(path.relative_to(archive.root))]
        for number in (1, 2, 3):
            assert there[f"CRPIX{number}"] == header[f"CRPIX{number}"]


def test_an_unknown_role_is_told(archive: Archive, cube: Sample) -> None:
    check_error(archive.ask(ID=cube.did, WITH="weight"), 400, "UsageError", "weight", "mask", "pb")


@pytest.mark.parametrize("order", [0, 1, 2, 8])
def test_moments(archive: Archive, cube: Sample, order: int) -> None:
    # SODA-097: against numpy in double precision, and against spectral-cube
    header, made = image_of(archive.cut(cube, MOMENT=str(order)))
    assert made.shape[-2:] == cube.pixels.shape[-2:] and made.size == made.shape[-1] * made.shape[-2]
    values = made.reshape(made.shape[-2:])
    there = bright(cube.pixels[0])
    wanted = moment(cube.pixels[0], velocities(cube), order)
    known = there & np.isfinite(wanted)
    assert known.sum() > 100
    np.testing.assert_allclose(values[known], wanted[known], rtol=2e-5, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = spectral_cube(cube)
        theirs = {
            0: lambda: library.moment(order=0).value,
            1: lambda: library.moment(order=1).value,
            2: lambda: library.linewidth_sigma().value,
            8: lambda: library.max(axis=0).value,
        }[order]()
    np.testing.assert_allclose(values[known], np.asarray(theirs)[known], rtol=1e-4, atol=1e-6)
    unit = {0: "Jy.km/(beam.s)", 1: "km/s", 2: "km/s", 8: "Jy/beam"}[order]
    assert u.Unit(header["BUNIT"]) == u.Unit(unit)
    for number in (1, 2):
        assert header[f"CRPIX{number}"] == cube.header[f"CRPIX{number}"]
        assert header[f"CRVAL{number}"] == cube.header[f"CRVAL{number}"]


def test_a_moment_is_of_the_box_that_is_selected(archive: Archive, cube: Sample) -> None:
    # SODA-098: first the selection
    header, made = image_of(archive.cut(cube, MOMENT="0", PIXELS="21 40 31 60", CHANNELS="20 29"))
    wanted = moment(cube.pixels[0, 19:29, 30:60, 20:40], velocities(cube)[19:29], 0)
    np.testing.assert_allclose(made.reshape(30, 20), wanted, rtol=2e-5, atol=1e-6)
    assert header["CRPIX1"] == cube.header["CRPIX1"] - 20


def binned(values: Values, x: int, y: int, z: int) -> Values:
    """Means of so many pixels, the last ones of what is left."""
    out = np.empty([-(-length // step) for length, step in zip(values.shape, (z, y, x), strict=True)])
    for place in np.ndindex(*out.shape):
        at = tuple(slice(one * step, (one + 1) * step) for one, step in zip(place, (z, y, x), strict=True))
        bin = values[at].astype(np.float64)
        out[place] = bin[np.isfinite(bin)].mean() if np.isfinite(bin).any() else np.nan
    return out


def test_bins_then_moments(archive: Archive, cube: Sample) -> None:
    # SODA-098: select, REBIN, MOMENT
    wanted = {"PIXELS": "21 43 31 52", "CHANNELS": "15 32", "REBIN": "4 3 2"}
    header, pixels = image_of(archive.cut(cube, **wanted))
    means = binned(cube.pixels[0, 14:32, 30:52, 20:43], 4, 3, 2)
    np.testing.assert_allclose(pixels[0], means, rtol=1e-6, atol=1e-9)
    assert header["CDELT1"] == pytest.approx(4 * cube.header["CDELT1"], rel=1e-12)
    corner = sky_of(header).pixel_to_world(-0.5, -0.5)
    before = sky_of(cube.header).pixel_to_world(20 - 0.5, 30 - 0.5)
    assert corner.separation(before).deg < 1e-9
    velocity = velocities(cube)[14:32].reshape(9, 2).mean(axis=1)
    made = image_of(archive.cut(cube, MOMENT="0", **wanted))[1].reshape(means.shape[1:])
    np.testing.assert_allclose(made, moment(means, velocity, 0), rtol=2e-5, atol=1e-6)
    history = list(image_of(archive.cut(cube, MOMENT="8", **wanted))[0]["HISTORY"])
    said = [line for line in history if "=" in line and line.partition("=")[0].isupper()]
    assert said[-4:] == ["PIXELS=21 43 31 52", "CHANNELS=15 32", "REBIN=4 3 2", "MOMENT=8"]


def test_channels_of_different_beams_are_not_averaged(archive: Archive) -> None:
    # SODA-043
    sample = archive.find(BEAMS)
    refused = archive.ask(ID=sample.did, REBIN="1 1 2")
    check_error(refused, 400, "UsageError", "beam")
    planes = image_of(archive.cut(sample, REBIN="2 2 1", CHANNELS="3 4", PIXELS="30 37 30 37"))[1]
    np.testing.assert_allclose(
        planes[0], binned(sample.pixels[0, 2:4, 29:37, 29:37], 2, 2, 1), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("kind", ["mean", "sum", "flux"])
@pytest.mark.parametrize("form", ["votable", "fits"])
def test_spectra_of_a_region(archive: Archive, cube: Sample, kind: str, form: str) -> None:
    # SODA-097: of the pixels with their centres in the circle
    lon, lat = cube.place(41.3, 38.6)
    radius = 7.3 * cube.scale
    more = {} if form == "votable" else {"RESPONSEFORMAT": "fits"}
    content = archive.cut(cube, CIRCLE=f"{lon!r} {lat!r} {radius!r}", CHANNELS="5 30", SPECTRUM=kind, **more)
    if form == "votable":
        table = parse_single_table(io.BytesIO(content)).to_table()
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = Table.read(io.BytesIO(content), hdu=1)
    y, x = np.mgrid[: cube.header["NAXIS2"], : cube.header["NAXIS1"]]
    inside = (
        sky_of(cube.header)
        .pixel_to_world(x, y)
        .separation(sky_of(cube.header).pixel_to_world(41.3, 38.6))
        .deg
        <= radius
    )
    values = cube.pixels[0, 4:30][:, inside].astype(np.float64)
    assert 150 < values.shape[1] < 180
    header = cube.header
    beam = np.pi * header["BMAJ"] * header["BMIN"] / (4 * np.log(2)) / cube.scale**2
    wanted = {"mean": values.mean(1), "sum": values.sum(1), "flux": values.sum(1) / beam}[kind]
    np.testing.assert_allclose(table[kind], wanted, rtol=1e-6)
    assert list(table["channel"]) == list(range(5, 31)) and set(table["pixels"]) == {values.shape[1]}
    np.testing.assert_allclose(table["velocity"], velocities(cube)[4:30], rtol=1e-9)
    bary = [cube.barycentric(channel, "lsrk") for channel in (4, 29)]
    assert [table["barycentric_frequency"][0], table["barycentric_frequency"][-1]] == pytest.approx(
        bary, rel=1e-9
    )
    assert u.Unit(str(table[kind].unit)) == (u.Jy if kind == "flux" else u.Jy / u.beam)


@pytest.mark.judge
def test_stilts_reads_a_spectrum_by_its_address(stilts: str, archive: Archive, cube: Sample) -> None:
    params = {"ID": cube.did, "SPECTRUM": "mean", "CHANNELS": "5 9"}
    address = requests.Request("GET", f"{archive.url}/soda/sync", params=params).prepare().url
    command = [stilts, "tpipe", f"in={address}", "ifmt=votable", "cmd=keepcols 'channel mean'", "ofmt=csv"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    name, *rows = (line.split(",") for line in done.stdout.split())
    assert name == ["channel", "mean"] and [row[0] for row in rows] == ["5", "6", "7", "8", "9"]
    means = [float(row[1]) for row in rows]
    np.testing.assert_allclose(means, cube.pixels[0, 4:9].astype(np.float64).mean((1, 2)), rtol=1e-9)


def test_a_header_is_that_of_the_cut(archive: Archive, cube: Sample) -> None:
    wanted = {"CIRCLE": cube.circle(30, 30, 5), "CHANNELS": "4 9"}
    text = archive.cut(cube, HEADER="1", **wanted).decode("ascii")
    header = fits.Header.fromstring(text, sep="\n")
    there = image_of(archive.cut(cube, **wanted))[0]
    told = [str(card).rstrip() for card in header.cards if card.keyword != "HISTORY"]
    assert told == [str(card).rstrip() for card in there.cards if card.keyword != "HISTORY"]
    assert list(header["HISTORY"]) == list(there["HISTORY"])
    assert text.rstrip("\n").endswith("\nEND")


@pytest.mark.parametrize("others", [{"HEADER": "1"}, {"SPECTRUM": "mean"}])
def test_one_kind_of_result_at_a_time(archive: Archive, cube: Sample, others: dict[str, str]) -> None:
    check_error(archive.ask(ID=cube.did, MOMENT="0", **others), 400, "UsageError", "MOMENT", *others)
    check_error(archive.ask(ID=cube.did, WITH="pb", MOMENT="0"), 400, "UsageError", "WITH", "MOMENT")


def test_without_a_spectral_axis_there_are_no_moments(archive: Archive) -> None:
    flat = archive.find("ngc2903_12m+7m+tp_co21_strict_mom0.fits")
    for wanted in ({"MOMENT": "0"}, {"SPECTRUM": "mean"}):
        check_error(archive.ask(ID=flat.did, **wanted), 400, "UsageError", "spectral axis")
