"""Every real image can be cut: whole, by a circle and by a channel; those files that cannot are listed in
truth_real_files.yaml with the reason (`not_cut`)."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits
from box_oracle import check_box
from cut_files import check_pixels, check_world, cut_at, image_hdu, made_at, open_source, view_at
from drawn_shapes import Sky, circle, position_of

from vo_service.dali.errors import ServiceError
from vo_service.pixels.cutout.box import Box
from vo_service.products.selection import Constraints, RowFacts, select
from vo_service.spectral import Frame, frame_of

pytestmark = [pytest.mark.data, pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")]

Entry = dict[str, Any]
TRUTH: list[Entry] = yaml.safe_load(
    (Path(__file__).parent / "truth_real_files.yaml").read_text(encoding="utf-8")
)["files"]
FITS = [entry for entry in TRUTH if entry["path"].endswith((".fits", ".fits.gz"))]
IMAGES = [entry for entry in FITS if "not_cut" not in entry]
CUBES = [entry for entry in IMAGES if entry["spectral"] is not None]


def named(entries: list[Entry]) -> Any:
    return pytest.mark.parametrize("entry", entries, ids=[entry["path"] for entry in entries])


def content_of(path: Path) -> bytes:
    """The FITS bytes of a file."""
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def readable(header: fits.Header) -> fits.Header:
    """A header with the two cards corrected that keep astropy from reading it as it is meant: M/S, which it
    takes for metres per siemens, and the year of the VLA's calibrators, which CASA writes for 1950."""
    header = header.copy()
    for number in range(1, header["NAXIS"] + 1):
        if header.get(f"CUNIT{number}") == "M/S":
            header[f"CUNIT{number}"] = "m/s"
    if header.get("EQUINOX") == 1979.9:
        header["EQUINOX"] = 1950.0
    return header


def check_cut(path: Path, wanted: Constraints) -> Box:
    """A cut, made both ways of a plain file: pixels, cards and places are those of the source."""
    box = select(view_at(path), RowFacts(), wanted)
    before, after = content_of(path), made_at(path, wanted)
    if path.suffix != ".gz":
        assert cut_at(path, box) == after
    check_pixels(before, after, box)
    with open_source(before) as old, fits.open(io.BytesIO(after)) as new:
        check_world(readable(image_hdu(old).header), readable(image_hdu(new).header), box)
        assert image_hdu(new).data.shape == box.shape[::-1]
    return box


@named(IMAGES)
def test_all_of_a_real_image(real_data: Path, entry: Entry) -> None:
    # SODA-017
    box = check_cut(real_data / "fits" / entry["path"], Constraints())
    assert box == Box.whole(tuple(entry["axes"]))


@named(IMAGES)
def test_a_circle_in_the_middle_of_a_real_image(real_data: Path, entry: Entry) -> None:
    # SODA-040, SODA-042: a tenth of the field
    path = real_data / "fits" / entry["path"]
    with open_source(content_of(path)) as hdus:
        header = readable(image_hdu(hdus).header)
    size, sky = (entry["axes"][0], entry["axes"][1]), Sky(header)
    middle = sky.vectors(np.array([(size[0] + 1) / 2]), np.array([(size[1] + 1) / 2]))[0]
    lon, lat = (float(value) for value in position_of(middle))
    shape = circle((lon, lat), min(size) * entry["pixel_scale"] / 3600.0 / 20.0)
    box = check_cut(path, Constraints(shape=shape.region))
    check_box(sky, size, (box.spans[0], box.spans[1]), shape)
    assert box.spans[2:] == Box.whole(tuple(entry["axes"])).spans[2:]


@named(CUBES)
def test_the_middle_channel_of_a_real_cube(real_data: Path, entry: Entry) -> None:
    # SODA-024, SODA-025: told in the frame of the file
    path, spectral = real_data / "fits" / entry["path"], entry["spectral"]
    count, low, high = spectral["channels"], spectral["f_min"], spectral["f_max"]
    place = count // 2
    frequency = low + (place + 0.5) * (high - low) / count
    frame = frame_of(entry["specsys"]) or Frame.BARY
    box = check_cut(path, Constraints(frequencies=(frequency, frequency), frame=frame))
    with fits.open(path) as hdus:
        axis = next(axis for axis in range(3, 5) if hdus[0].header[f"CTYPE{axis}"][:4] != "STOK")
        ctype, step = hdus[0].header[f"CTYPE{axis}"], hdus[0].header[f"CDELT{axis}"]
    falls = (step < 0) == ctype.startswith("FREQ")
    channel = count - 1 - place if falls else place
    assert axis == spectral["axis"] and box.spans[axis - 1] == (channel, channel + 1)


def test_what_cannot_be_cut_is_listed_with_the_reason(real_data: Path) -> None:
    """The list grows by decision, never by itself."""
    listed = {entry["path"]: entry["not_cut"] for entry in TRUTH if "not_cut" in entry}
    refused = {}
    for entry in FITS:
        path = real_data / "fits" / entry["path"]
        try:
            made_at(path, Constraints())
        except ServiceError as error:
            assert error.status == 400
            refused[entry["path"]] = str(error)
    assert refused.keys() == listed.keys()
    assert all(f": {why}." in refused[path] for path, why in listed.items())


def test_every_image_of_the_truth_is_one_that_is_cut() -> None:
    assert [entry["path"] for entry in TRUTH if entry["hdu"] is not None] == [
        entry["path"] for entry in IMAGES
    ]
