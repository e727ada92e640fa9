"""What truth.json says of pixels, lines and odd axes, against the files and by other ways than the sample."""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from collections import defaultdict

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from vo_service.sample.frames import barycentric_factor
from vo_service.sample.lines import LINES

C = 299792458.0


def _open(holdings, entry):  # type: ignore[no-untyped-def]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdus = fits.open(io.BytesIO(holdings.content(entry)))
        image = hdus[entry.get("hdu", 0)]
        image.data  # noqa: B018 - read while warnings are off
        return hdus, image


def _readable(holdings):  # type: ignore[no-untyped-def]
    return [e for e in holdings.truth["products"] if e["state"] == "ok" and not e["side"]]


def _with(holdings, quirk):  # type: ignore[no-untyped-def]
    found = [e for e in _readable(holdings) if quirk in e["quirks"]]
    assert found, quirk
    return found


def test_content_hash_is_that_of_the_data_unit(holdings) -> None:  # type: ignore[no-untyped-def]
    for entry in _readable(holdings):
        if "tile_compressed" in entry["quirks"]:
            continue
        hdus, image = _open(holdings, entry)
        start = hdus.fileinfo(hdus.index_of(image.name) if image.name else 0)["datLoc"]
        size = abs(image.header["BITPIX"]) // 8 * math.prod(entry["axes"])
        stored = holdings.content(entry)[start : start + size]
        assert hashlib.sha256(stored).hexdigest() == entry["content_hash"], entry["path"]


def test_tiles_hold_the_pixels_without_loss(holdings) -> None:  # type: ignore[no-untyped-def]
    for entry in _with(holdings, "tile_compressed"):
        hdus, image = _open(holdings, entry)
        assert hdus[0].header["NAXIS"] == 0
        assert isinstance(image, fits.CompImageHDU)
        packed = fits.open(io.BytesIO(holdings.content(entry)), disable_image_compression=True)[1]
        assert packed.header["ZIMAGE"] is True and packed.header["ZCMPTYPE"] == "GZIP_1"
        assert "ZSCALE" not in packed.columns.names
        digest = hashlib.sha256(image.data.astype(">f4").tobytes()).hexdigest()
        assert digest == entry["content_hash"]


def test_copies_have_the_pixels_of_their_originals(holdings) -> None:  # type: ignore[no-untyped-def]
    kinds = set()
    for entry in _with(holdings, "duplicate_pixels"):
        original = holdings.by_path[entry["duplicate_of"]]
        assert entry["content_hash"] == original["content_hash"] and entry["group"] != original["group"]
        if entry["profile"] == "oddments":
            same = holdings.content(entry) == holdings.content(original)
            kinds.add("edited" if "edited_header" in entry["quirks"] else "packed")
            assert same == ("edited_header" not in entry["quirks"])
    assert kinds == {"edited", "packed"}


def test_science_images_have_the_same_pixels_only_where_planted(holdings) -> None:  # type: ignore[no-untyped-def]
    """Primary beams and coverages of fields of one shape may be equal by themselves."""
    planted = {e["path"]: e["duplicate_of"] for e in _readable(holdings) if "duplicate_of" in e}
    groups = defaultdict(set)
    for entry in _readable(holdings):
        if entry["role"] in ("image", "cube"):
            groups[entry["content_hash"]].add(entry["path"])
    for paths in groups.values():
        originals = {planted.get(path, path) for path in paths}
        assert len(originals) == 1, paths


def test_valid_pixels_and_their_area(holdings) -> None:  # type: ignore[no-untyped-def]
    partial = 0
    for entry in _readable(holdings):
        _, image = _open(holdings, entry)
        finite = np.isfinite(image.data)
        assert entry["valid_count"] == np.count_nonzero(finite)
        assert entry["pixel_count"] == image.data.size == math.prod(entry["axes"])
        columns = finite.reshape(-1, *finite.shape[-2:]).any(axis=0).sum()
        if not columns:
            assert entry["valid_area"] is entry["peak"] is None and "all_nan" in entry["quirks"]
            continue
        cell = abs(image.header["CDELT1"] * image.header["CDELT2"])
        assert entry["valid_area"] == pytest.approx(columns * cell, rel=1e-5), entry["path"]
        partial += columns < finite.shape[-1] * finite.shape[-2]
    assert partial > 10


def test_peak_is_where_truth_says(holdings) -> None:  # type: ignore[no-untyped-def]
    for entry in _readable(holdings):
        if entry["peak"] is None:
            continue
        _, image = _open(holdings, entry)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            place = SkyCoord(entry["peak_ra"] * u.deg, entry["peak_dec"] * u.deg)
            x, y = WCS(image.header).celestial.world_to_pixel(place)
        planes = image.data.reshape(-1, *image.data.shape[-2:])
        value = planes[entry["peak_channel"] - 1, round(float(y)), round(float(x))]
        assert value == entry["peak"] == np.nanmax(planes), entry["path"]


def test_planted_lines_are_in_the_channels_that_truth_names(holdings) -> None:  # type: ignore[no-untyped-def]
    cubes = [e for e in _readable(holdings) if "line_snr" in e]
    assert len(cubes) > 20
    for entry in cubes:
        _, image = _open(holdings, entry)
        planes = image.data.reshape(-1, *image.data.shape[-2:])
        first, last = entry["line_channels"]
        spectrum = np.nansum(planes, axis=(1, 2))
        top = int(np.argmax(np.convolve(spectrum, np.ones(3), "same"))) + 1
        assert first - 2 <= top <= last + 2, entry["path"]
        assert entry["line_snr"] > 5.0
        sky = LINES[entry["line"]].rest / (1.0 + entry["redshift"])
        assert entry["line_frequency"] == pytest.approx(sky, rel=1e-12)
    without = [e for e in _readable(holdings) if e["role"] == "cube" and e["line"] is None]
    assert max(entry["n_chan"] for entry in without) > 50
    assert not any("line_snr" in entry for entry in without)


def test_a_stated_redshift_is_that_of_the_source(holdings) -> None:  # type: ignore[no-untyped-def]
    stated = [e for e in _readable(holdings) if "redshift_stated" in e]
    assert stated
    for entry in stated:
        header = _open(holdings, entry)[1].header
        assert header["ZSOURCE"] == pytest.approx(entry["redshift"], abs=1e-12)
        assert header["SSYSSRC"] == "BARYCENT"


def test_noise_off_source_is_near_that_of_the_whole(holdings) -> None:  # type: ignore[no-untyped-def]
    """The source sits in the middle, where a corrected image is quietest: without it, somewhat more."""
    measured = [e for e in _readable(holdings) if e["noise"] is not None]
    for entry in measured:
        assert 0.9 < entry["noise_off_source"] / entry["noise_robust"] < 1.35, entry["path"]
        channels = np.median(entry["noise_channels"])
        assert entry["noise_robust"] == pytest.approx(channels, rel=0.1 if entry["n_chan"] > 1 else 1e-5)


@pytest.mark.parametrize(
    ("quirk", "algorithm"), [("vopt", "FREQ-W2F"), ("felo_lsr", "FREQ"), ("awav", "FREQ-A2F")]
)
def test_odd_spectral_axes_as_wcslib_reads_them(holdings, quirk: str, algorithm: str) -> None:  # type: ignore[no-untyped-def]
    """Channel edges by wcslib's own translation; its index of air differs from the Standard's by 1.5e-5."""
    for entry in _with(holdings, quirk):
        _, image = _open(holdings, entry)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(image.header)
            wcs.wcs.sptr(algorithm)
        n = entry["axes"][2]
        pixels = np.tile(wcs.wcs.crpix, (2, 1))
        pixels[:, 2] = 0.5, n + 0.5
        edges = np.sort(wcs.wcs_pix2world(pixels, 1)[:, 2])
        factor = barycentric_factor("LSRK", entry["s_ra"], entry["s_dec"], None)
        tolerance = 2e-5 if quirk == "awav" else 1e-9
        assert entry["f_min"] == pytest.approx(edges[0], rel=tolerance)
        assert entry["f_max"] == pytest.approx(edges[1], rel=tolerance)
        assert C / entry["em_max"] == pytest.approx(entry["f_min"] * factor, rel=1e-12)


def test_beams_of_the_log_are_those_of_the_image(holdings) -> None:  # type: ignore[no-untyped-def]
    """Neighbouring pixels of the noise are as alike as the beam makes them: its size follows from that."""
    for entry in _with(holdings, "beam_in_history"):
        _, image = _open(holdings, entry)
        assert "BMAJ" not in image.header
        plane = image.data.reshape(image.data.shape[-2:])[: entry["axes"][1] // 4].astype(float)
        plane -= np.nanmean(plane)

        def decay(one, other):  # type: ignore[no-untyped-def]
            """Minus the logarithm of the correlation: a quadratic form of the offset."""
            both = np.isfinite(one) & np.isfinite(other)
            one, other = one[both], other[both]
            return -np.log(np.mean(one * other) / np.sqrt(np.mean(one**2) * np.mean(other**2)))

        across, up = decay(plane[:, 1:], plane[:, :-1]), decay(plane[1:], plane[:-1])
        mixed = 0.5 * (decay(plane[1:, 1:], plane[:-1, :-1]) - across - up)
        cell = image.header["CDELT2"] * 3600.0
        size = cell * math.sqrt(2.0 * math.log(2.0)) / (across * up - mixed**2) ** 0.25
        assert entry["s_resolution"] == pytest.approx(size, rel=0.25)


def test_a_header_may_be_longer_than_the_pixels(holdings) -> None:  # type: ignore[no-untyped-def]
    lengths = [len(_open(holdings, e)[1].header["HISTORY"]) for e in _with(holdings, "long_history")]
    assert max(lengths) > 5000
