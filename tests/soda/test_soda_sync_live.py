"""Cut-outs of a live server: which pixels come, against astropy and the files of the sample."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import pytest
import requests
from astropy.io import fits
from live_archive import (
    Archive,
    C,
    Sample,
    border_of_circle,
    border_of_polygon,
    check_cut,
    check_error,
    image_of,
    touched,
    unpacked,
)

CUBE: Final = "M83_sci.spw16.cube.I.pbcor.fits"
BARYCENTRIC: Final = "CW_Leo_co21_bary4.image.pbcor.fits"
BEAMS: Final = "HLTau_sci.spw17.cube.I.pbcor.fits"
STOKES: Final = "mfs.IQUV.pbcor.fits"
KINDS: Final = {
    "plain": CUBE,
    "beams": BEAMS,
    "velocities": "ngc2903/ngc2903_12m+7m+tp_co21.fits",
    "air": "NGC4945_co21_awav9.image.pbcor.fits",
    "gzip": "M77_CO21.image.pbcor.fits.gz",
    "tiles": "_cont.image.pbcor.fits.fz",
    "tar": "BR1202-0725_cont.image.pbcor.fits",
    "extension": "mef.image.pbcor.fits",
}


@pytest.fixture(scope="module")
def cube(archive: Archive) -> Sample:
    return archive.find(CUBE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_circle_of_each_kind_of_file(archive: Archive, kind: str) -> None:
    # SODA-016, SODA-040, SODA-042, SODA-043
    sample = archive.find(KINDS[kind])
    circle = sample.circle(30.2, 25.7, 5.1)
    x, y = touched(sample, *border_of_circle(circle))
    assert x == (25, 36)
    check_cut(sample, archive.cut(sample, CIRCLE=circle), x, y)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_filter_all_pixels_come(archive: Archive, kind: str) -> None:
    # SODA-017
    sample = archive.find(KINDS[kind])
    columns, rows = sample.header["NAXIS1"], sample.header["NAXIS2"]
    check_cut(sample, archive.cut(sample), (0, columns), (0, rows))


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_what_reaches_beyond_the_image_is_left_out(archive: Archive, kind: str) -> None:
    # SODA-016
    sample = archive.find(KINDS[kind])
    columns = sample.header["NAXIS1"]
    circle = sample.circle(-1.0, 30.0, 9.4)
    x, y = touched(sample, *border_of_circle(circle))
    assert x[0] == 0
    check_cut(sample, archive.cut(sample, CIRCLE=circle), x, y)
    everything = archive.cut(sample, BAND="-Inf +Inf", PIXELS=f"1 999999 1 {sample.header['NAXIS2']}")
    check_cut(sample, everything, (0, columns), (0, sample.header["NAXIS2"]))


def test_pixels_outside_the_shape_keep_their_values(archive: Archive, cube: Sample) -> None:
    # SODA-041: the corners of the box are farther from the middle than the radius
    circle = cube.circle(40, 40, 6)
    pixels = image_of(archive.cut(cube, CIRCLE=circle))[1]
    assert np.isfinite(pixels[..., 0, 0]).all()
    blank = image_of(archive.cut(cube, CIRCLE=circle, OUTSIDE="blank"))[1]
    assert np.isnan(blank[..., 0, 0]).all() and np.isfinite(blank[..., 6, 6]).all()
    known = np.isfinite(blank)
    assert (blank[known] == pixels[known]).all() and 0.7 < known.mean() < 0.95


def test_pos_has_the_same_pixels(archive: Archive, cube: Sample) -> None:
    # SODA-018, SODA-020, SODA-021: the same bytes, header and all
    circle = cube.circle(20, 30, 4)
    assert archive.cut(cube, POS=f"Circle {circle}") == archive.cut(cube, CIRCLE=circle)
    corners = [cube.place(*corner) for corner in ((10.2, 11.1), (25.4, 12.3), (18.7, 31.6))]
    polygon = " ".join(f"{lon!r} {lat!r}" for lon, lat in corners)
    cut = archive.cut(cube, POLYGON=polygon)
    assert cut == archive.cut(cube, POS=f"POLYGON {polygon}")
    check_cut(cube, cut, *touched(cube, *border_of_polygon(corners)))


def test_ranges(archive: Archive, cube: Sample) -> None:
    # SODA-018, SODA-046: edges of latitude are parallels; open ends
    (west, south), (east, north) = cube.place(60, 10), cube.place(15, 33)
    cut = archive.cut(cube, POS=f"RANGE {west!r} {east!r} {south!r} {north!r}")
    lon, lat = np.linspace(west, east, 5001), np.linspace(south, north, 5001)
    around = np.concatenate([lon, np.full(5001, east), lon, np.full(5001, west)])
    border = np.concatenate([np.full(5001, south), lat, np.full(5001, north), lat])
    check_cut(cube, cut, *touched(cube, around, border))
    columns = cube.header["NAXIS1"]
    half = archive.cut(cube, POS=f"RANGE -Inf +Inf {cube.centre[1]!r} +InF")
    header, pixels = image_of(half)
    assert pixels.shape[-1] == columns and pixels.shape[-2] in (40, 41)
    assert header["CRPIX2"] < cube.header["CRPIX2"]


@pytest.mark.parametrize(("ending", "frame"), [(BARYCENTRIC, "icrs"), (CUBE, "lsrk")])
@pytest.mark.parametrize("channel", [0, 7, 23])
def test_a_wavelength_is_that_of_its_channel(archive: Archive, ending: str, frame: str, channel: int) -> None:
    # SODA-024, SODA-025: barycentric, whatever the frame of the file
    sample = archive.find(ending)
    frequency = sample.barycentric(channel, frame)
    every = (0, sample.header["NAXIS1"]), (0, sample.header["NAXIS2"])
    for band in (f"{C / frequency!r}", f"{C / frequency!r} {C / frequency!r}"):
        check_cut(sample, archive.cut(sample, BAND=band), *every, (channel, channel + 1))
    ends = [C / sample.barycentric(channel + part, frame) for part in (0.3, 2.3)]
    wide = archive.cut(sample, BAND=f"{min(ends)!r} {max(ends)!r}")
    check_cut(sample, wide, *every, (channel, channel + 3))


def test_open_ends_of_a_band(archive: Archive) -> None:
    # SODA-023
    sample = archive.find(BARYCENTRIC)
    channels = sample.header["NAXIS3"]
    assert sample.header["CDELT3"] > 0
    frequency = sample.barycentric(10, "icrs")
    every = (0, sample.header["NAXIS1"]), (0, sample.header["NAXIS2"])
    for end in ("+InF", "Inf", "+inf", "INFINITY"):
        cut = archive.cut(sample, BAND=f"{C / frequency!r} {end}")
        check_cut(sample, cut, *every, (0, 11))
    for band in (f"-Inf {C / frequency!r}", f"0 {C / frequency!r}"):
        check_cut(sample, archive.cut(sample, BAND=band), *every, (10, channels))
    upwards = archive.cut(sample, FREQ=f"{frequency!r} Inf")
    assert upwards == archive.cut(sample, FREQ=f"{frequency!r} +Infinity")
    check_cut(sample, upwards, *every, (10, channels))


def test_specsys_names_the_frame_of_a_band(archive: Archive, cube: Sample) -> None:
    header = cube.header
    own = header["CRVAL3"] + (9 + 1 - header["CRPIX3"]) * header["CDELT3"]
    every = (0, header["NAXIS1"]), (0, header["NAXIS2"])
    cut = archive.cut(cube, FREQ=f"{own!r}", SPECSYS="lsrk")
    check_cut(cube, cut, *every, (9, 10))
    check_cut(cube, archive.cut(cube, FREQ=f"{cube.barycentric(9, 'lsrk')!r}"), *every, (9, 10))
    # 18 MHz of 231 GHz lie between the frames at this place, the width of a channel and less
    unknown = archive.find("ngc253_CO21.image.pbcor.fits")
    answer = archive.ask(ID=unknown.did, FREQ="230e9 231e9", SPECSYS="LSRK")
    check_error(answer, 400, "UsageError", "LSRK")
    assert archive.ask(ID=unknown.did, FREQ="1e9 999e9").status_code == 200


def test_a_line_at_a_redshift(archive: Archive) -> None:
    # SODA-091: a band of WIDTH round the line at Z by the radio definition, barycentric
    sample = archive.find(BARYCENTRIC)
    centre = sample.barycentric(17.0, "icrs")
    redshift = 230.538e9 / centre - 1
    channel = abs(sample.header["CDELT3"])
    width = 6.5 * channel / centre * C / 1e3
    every = (0, sample.header["NAXIS1"]), (0, sample.header["NAXIS2"])
    cut = archive.cut(sample, LINE="CO(2-1)", Z=f"{redshift!r}", WIDTH=f"{width!r}")
    check_cut(sample, cut, *every, (14, 21))
    optical = archive.cut(sample, LINE="co(2-1)", Z=f"{redshift!r}", WIDTH=f"{width!r}", VELDEF="optical")
    check_cut(sample, optical, *every, (14, 21))
    none = archive.ask(ID=sample.did, LINE="CO(2-1)", Z="3")
    assert (none.status_code, none.content) == (204, b"")


def test_channels_and_pixels_by_number(archive: Archive, cube: Sample) -> None:
    # SODA-090: parameters of our own, beside the standard's
    circle = cube.circle(30.2, 25.7, 5.1)
    x, y = touched(cube, *border_of_circle(circle))
    check_cut(cube, archive.cut(cube, CIRCLE=circle, CHANNELS="3 5"), x, y, (2, 5))
    cut = archive.cut(cube, CHANNELS="3 5", PIXELS="11 20 31 50")
    check_cut(cube, cut, (10, 20), (30, 50), (2, 5))
    last = archive.cut(cube, CHANNELS="44 99", PIXELS="88 99 80 80")
    check_cut(cube, last, (87, 88), (79, 80), (43, 44))
    assert archive.ask(ID=cube.did, CHANNELS="45 46").status_code == 204


def test_the_beams_of_the_channels_come_with_them(archive: Archive) -> None:
    # SODA-043
    sample = archive.find(BEAMS)
    cut = archive.cut(sample, CHANNELS="5 9")
    with fits.open(io.BytesIO(cut)) as new, fits.open(sample.path) as old:
        beams, whole = new["BEAMS"].data, old["BEAMS"].data
        wanted = [row for row in whole if 4 <= row["CHAN"] <= 8]
        assert [row["BMAJ"] for row in beams] == [row["BMAJ"] for row in wanted]
        assert list(beams["CHAN"]) == [0, 1, 2, 3, 4]
        assert new["BEAMS"].header["NCHAN"] == 5


def test_polarisations(archive: Archive) -> None:
    # SODA-027, SODA-028
    sample = archive.find(STOKES)
    whole = sample.pixels

    def planes(*states: str) -> np.ndarray:
        answer = archive.ask(("ID", sample.did), *(("POL", state) for state in states))
        assert answer.status_code == 200, answer.text
        return image_of(answer.content)[1]

    assert planes("I", "Q").tobytes() == whole[:2].tobytes()
    assert planes("q", "I").tobytes() == whole[:2].tobytes()  # in the order of the file
    assert planes("V", "RR").tobytes() == whole[3:].tobytes()
    assert planes("I", "U").tobytes() == whole[:3].tobytes()  # no header could leave out what is between
    assert archive.ask(ID=sample.did, POL="YY").status_code == 204
    header = image_of(archive.ask(("ID", sample.did), ("POL", "U"), ("POL", "V")).content)[0]
    assert header["CRPIX4"] == sample.header["CRPIX4"] - 2


def test_time_decides_on_all_of_the_data(archive: Archive, cube: Sample) -> None:
    # SODA-026, SODA-030: an image has no axis of time; the row's interval meets the filter or does not
    began = cube.truth["t_min"]
    assert archive.cut(cube, CHANNELS="1 1", TIME=f"{began - 1!r} {began!r}") != b""
    assert archive.cut(cube, CHANNELS="1 1", TIME="-Inf +Inf") != b""
    outside = archive.ask(ID=cube.did, TIME=f"{began - 9!r} {began - 8!r}")
    assert outside.status_code == 204 and "time" in outside.headers["X-VO-Reason"]


def test_an_axis_that_is_not_there_is_decided_by_the_row(archive: Archive) -> None:
    # SODA-030
    sample = archive.find("ngc2903/ngc2903_12m+7m+tp_co21.fits")
    assert "STOKES" not in {sample.header.get(f"CTYPE{axis}") for axis in (1, 2, 3)}
    answer = archive.ask(ID=sample.did, POL="I")
    assert answer.status_code == 204 and "not known" in answer.headers["X-VO-Reason"]
    plain = archive.find("ngc2903_12m+7m+tp_co21_strict_mom0.fits")
    assert archive.ask(ID=plain.did, FREQ="1e9 2e9").status_code == 204


def test_the_limits_of_the_row_are_those_of_the_data(archive: Archive, cube: Sample) -> None:
    # SODA-029: within them is all of it, beyond them nothing
    row = archive.row(cube)
    low, high, start, end = (float(row[name]) for name in ("em_min", "em_max", "t_min", "t_max"))
    shape, *words = row["s_region"].upper().replace("ICRS", "").split()
    assert shape == "POLYGON"
    whole = image_of(archive.cut(cube))[1].tobytes()
    within = {"BAND": f"{low!r} {high!r}", "TIME": f"{start!r} {end!r}", "POLYGON": " ".join(words)}
    for name, value in within.items():
        assert image_of(archive.cut(cube, **{name: value}))[1].tobytes() == whole, name
    for state in row["pol_states"].strip("/").split("/"):
        assert image_of(archive.cut(cube, POL=state))[1].size > 0
    for name, value in (
        ("BAND", f"{high * 1.0001!r} +Inf"),
        ("BAND", f"-Inf {low / 1.0001!r}"),
        ("TIME", f"{end + 0.001!r} +Inf"),
        ("TIME", f"-Inf {start - 0.001!r}"),
    ):
        assert archive.ask(ID=cube.did, **{name: value}).status_code == 204, (name, value)


def test_every_name_of_a_data_set_is_an_id(archive: Archive, cube: Sample) -> None:
    # SODA-015
    by_did = archive.cut(cube, CHANNELS="1 1")
    for name in (cube.dataset_id, cube.product_id, f" {cube.did} "):
        assert archive.ask(ID=name, CHANNELS="1 1").content == by_did


def test_a_companion_is_cut_by_its_own_name(archive: Archive, cube: Sample) -> None:
    # SODA-015: an ID may be that of a file
    names = archive.names()
    mask = names[str(cube.companions["mask"].relative_to(archive.root))]
    pixels = image_of(archive.ask(ID=mask, CHANNELS="20 21").content)[1]
    assert pixels.tobytes() == image_of(unpacked(cube.companions["mask"]))[1][:, 19:21].tobytes()


def test_names_are_read_in_any_case_and_any_form(archive: Archive, cube: Sample) -> None:
    # SODA-002, SODA-010, SODA-014
    wanted = archive.cut(cube, CHANNELS="2 2", PIXELS="1 4 1 4")
    params = {"iD": cube.did, "channels": "2 2", "Pixels": "1 4 1 4"}
    address = f"{archive.url}/soda/sync"
    posted = requests.post(address, params, timeout=60)
    split = requests.post(
        address, {"channels": "2 2"}, params={k: params[k] for k in ("iD", "Pixels")}, timeout=60
    )
    multipart = requests.post(address, files={k: (None, v) for k, v in params.items()}, timeout=60)
    for answer in (archive.ask(**params), posted, split, multipart):
        assert answer.status_code == 200 and answer.content == wanted
    check_error(
        requests.post(address, params, files={"WITH": ("pb.txt", b"pb")}, timeout=60),
        400,
        "UsageError",
        "WITH",
    )


def test_empty_values_count_as_none(archive: Archive, cube: Sample) -> None:
    # SODA-095, SODA-093
    empty = [(name, "") for name in ("POS", "CIRCLE", "FREQ", "WITH", "REBIN", "MOMENT", "SPECTRUM", "LINE")]
    answer = archive.ask(("ID", cube.did), ("CHANNELS", "2 2"), ("CIRCLE", " "), *empty, ("NONSENSE", ""))
    assert answer.content == archive.cut(cube, CHANNELS="2 2")
