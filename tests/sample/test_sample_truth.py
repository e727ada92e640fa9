"""truth.json against the files, read here with other code than the sample's own."""

from __future__ import annotations

import io
import json
import math
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS

from vo_service.sample.lines import LINES
from vo_service.sample.sources import CALIBRATORS, M83, SOURCES, SURVEY_SOURCES

C = 299792458.0
_PLACES = {
    spelling: source
    for source in (M83, *SOURCES, *SURVEY_SOURCES, *CALIBRATORS)
    for spelling in source.spellings
}


def _read(holdings, entry):  # type: ignore[no-untyped-def]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdus = fits.open(io.BytesIO(holdings.content(entry)))
        image = hdus[entry.get("hdu", 0)]
        return hdus, image.header, image.data


def _readable(holdings):  # type: ignore[no-untyped-def]
    return [e for e in holdings.truth["products"] if e["state"] == "ok" and not e["side"]]


def test_reference_pixel_is_the_source_whatever_the_frame(holdings) -> None:  # type: ignore[no-untyped-def]
    """FK5, EPOCH, missing RADESYS, negative RA, SIN, TAN, ARC: all lead back to the catalogue position."""
    checked = 0
    for entry in _readable(holdings):
        source = _PLACES.get(entry["target_name"] or "")
        if source is None:
            continue
        _, header, _ = _read(holdings, entry)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            place = WCS(header).celestial.pixel_to_world(header["CRPIX1"] - 1, header["CRPIX2"] - 1).icrs
        expected = SkyCoord(source.ra * u.deg, source.dec * u.deg)
        assert place.separation(expected).arcsec < 1e-4, entry["path"]
        assert expected.separation(SkyCoord(entry["s_ra"] * u.deg, entry["s_dec"] * u.deg)).arcsec < 0.95
        checked += 1
    assert checked > 90


def test_footprint_area_is_pixels_times_cell(holdings) -> None:  # type: ignore[no-untyped-def]
    for entry in _readable(holdings):
        _, header, _ = _read(holdings, entry)
        flat = header["NAXIS1"] * header["NAXIS2"] * abs(header["CDELT1"] * header["CDELT2"])
        assert entry["footprint_area"] == pytest.approx(flat, rel=1e-5), entry["path"]
        assert entry["axes"] == [header[f"NAXIS{n + 1}"] for n in range(header["NAXIS"])]


def test_planted_line_lies_in_the_cube_at_its_redshift(holdings) -> None:  # type: ignore[no-untyped-def]
    """Sky frequency = rest / (1 + z), barycentric; the brightest channels are there."""
    cubes = [e for e in _readable(holdings) if e["role"] == "cube" and e["line"] and e["is_primary"]]
    assert len(cubes) > 8
    for entry in cubes:
        _, header, data = _read(holdings, entry)
        sky = LINES[entry["line"]].rest / (1.0 + entry["redshift"])
        low, high = C / entry["em_max"], C / entry["em_min"]
        assert low < sky < high, entry["path"]
        ny, nx = data.shape[-2:]
        inner = data.reshape(-1, ny, nx)[:, ny // 3 : -ny // 3, nx // 3 : -nx // 3]
        spectrum = np.nansum(inner, axis=(1, 2))
        is_rising = (header["CDELT3"] > 0) == header["CTYPE3"].startswith("FREQ")
        centres = low + (np.arange(len(spectrum)) + 0.5) * (high - low) / len(spectrum)
        weight = np.clip(spectrum - np.median(spectrum) - 0.3 * np.ptp(spectrum), 0.0, None)
        found = float((weight * (centres if is_rising else centres[::-1])).sum() / weight.sum())
        width = _PLACES[entry["target_name"]].width * 1e3 / C * sky  # a rotating source need not be symmetric
        unknown = 0.0 if entry["specsys"] else 20e3 / C * sky  # no frame named: the LSRK stays unseen
        assert abs(found - sky) < max(0.4 * width, 1.5 * (high - low) / len(spectrum)) + unknown, entry[
            "path"
        ]


def test_noise_is_what_lies_in_the_file(holdings) -> None:  # type: ignore[no-untyped-def]
    """Off-source pixels of cubes scatter as truth says; the median absolute deviation passes sources by."""
    ratios = []
    for entry in _readable(holdings):
        if entry["noise"] is None or entry["role"] != "cube":
            continue
        _, _, data = _read(holdings, entry)
        planes = data.reshape(-1, *data.shape[-2:])
        edge = planes[:: max(1, len(planes) // 8)].copy()
        ny, nx = edge.shape[-2:]
        edge[:, ny // 4 : -ny // 4, nx // 4 : -nx // 4] = np.nan
        values = edge[np.isfinite(edge)]
        ratios.append(1.4826 * np.median(np.abs(values - np.median(values))) / entry["noise_robust"])
        assert entry["noise_flat"] <= entry["noise"] * 1.001
        assert len(entry["noise_channels"]) == entry["n_chan"]
    assert len(ratios) > 12
    assert 0.9 < np.median(ratios) < 1.6  # edges of corrected images are noisier than the whole


def test_beams_and_frames(holdings) -> None:  # type: ignore[no-untyped-def]
    seen = set()
    for entry in _readable(holdings):
        hdus, header, _ = _read(holdings, entry)
        if "beams_table" in entry["quirks"]:
            sizes = np.sqrt(hdus["BEAMS"].data["BMAJ"].astype(float) * hdus["BEAMS"].data["BMIN"])
            assert entry["s_resolution"] == pytest.approx(float(np.median(sizes)), rel=1e-9)
            assert entry["beam_min"] < entry["beam_max"]
            assert "BMAJ" not in header
        elif "beam_in_history" in entry["quirks"]:
            assert "BMAJ" not in header and entry["s_resolution"] is not None
        elif entry["s_resolution"] is not None:
            size = 3600 * math.sqrt(header["BMAJ"] * header["BMIN"])
            assert entry["s_resolution"] == pytest.approx(size, rel=1e-9)
        if entry["f_min"] is not None:
            seen.add(entry["specsys"])
            shift = C / entry["em_max"] / entry["f_min"] - 1.0
            limit = {"LSRK": 7e-5, "TOPOCENT": 1.05e-4, "BARYCENT": 1e-15, None: 1e-15}[entry["specsys"]]
            assert abs(shift) <= limit, entry["path"]
    assert seen == {"LSRK", "TOPOCENT", "BARYCENT", None}


def test_failed_files_fail_as_said(holdings) -> None:  # type: ignore[no-untyped-def]
    failed = {
        e["error_class"]: holdings.products / e["path"]
        for e in holdings.truth["products"]
        if e["state"] == "failed"
    }
    assert {"truncated", "bad_wcs", "not_gzip", "no_pixels"} <= set(failed)
    assert not failed["not_gzip"].read_bytes().startswith(b"\x1f\x8b")
    assert fits.getheader(failed["no_pixels"])["NAXIS"] == 0
    assert fits.getheader(failed["bad_wcs"])["CDELT1"] == 0.0
    with pytest.warns(AstropyUserWarning, match="truncated"):
        header = fits.getheader(failed["truncated"])
    pixels = header["NAXIS1"] * header["NAXIS2"] * 4
    assert failed["truncated"].stat().st_size < pixels + 2880
    assert not any(e["group"] for e in holdings.truth["products"] if e["state"] == "failed")


def test_corrections_quote_the_card(holdings) -> None:  # type: ignore[no-untyped-def]
    quoted = 0
    for entry in _readable(holdings):
        _, header, _ = _read(holdings, entry)
        for correction in entry["corrections"]:
            if correction["was"] is None:
                assert correction["item"] not in header
            elif correction["item"] == "RESTFRQ":
                assert float(correction["was"]) == header["RESTFRQ"]
            else:
                assert str(header[correction["item"]]).strip() == correction["was"]
            quoted += 1
        if entry["unit"] not in (None, header.get("BUNIT")):
            assert any(c["item"] == "BUNIT" for c in entry["corrections"]), entry["path"]
    assert quoted > 20


def test_groups_hold_together(holdings) -> None:  # type: ignore[no-untyped-def]
    companions = {"pb", "mask", "psf", "model", "residual", "weight"}
    for group in holdings.truth["datasets"]:
        members = [holdings.by_path[path] for path in group["members"]]
        assert sum(m["is_primary"] for m in members) == 1
        assert holdings.by_path[group["primary"]]["is_primary"]
        for member in members:
            assert member["group"] == group["group"]
            assert member["role"] in companions or member["role"] == group["role"]
            assert member["axes"][:2] == members[0]["axes"][:2]
        if group["parent"] is not None:
            parent = holdings.by_group[group["parent"]]
            assert parent["role"] in ("image", "cube") and len(members) == 1
            assert parent["obs_id"] == group["obs_id"]
    assert len(holdings.by_group) == len(holdings.truth["datasets"]) == holdings.summary.datasets


def test_duplicates_have_the_same_pixels(holdings) -> None:  # type: ignore[no-untyped-def]
    copies = [e for e in holdings.truth["products"] if "duplicate_of" in e]
    for copy in copies:
        first = _read(holdings, holdings.by_path[copy["duplicate_of"]])[2]
        assert np.array_equal(first, _read(holdings, copy)[2], equal_nan=True)
    assert copies


def test_times_come_from_date_obs(holdings) -> None:  # type: ignore[no-untyped-def]
    for entry in _readable(holdings):
        _, header, _ = _read(holdings, entry)
        if "DATE-OBS" in header:
            assert entry["t_min"] == pytest.approx(Time(header["DATE-OBS"]).mjd, abs=1e-9)
        else:
            assert entry["t_min"] is None


def test_truth_is_plain_json(holdings) -> None:  # type: ignore[no-untyped-def]
    text = (holdings.directory / "truth.json").read_text(encoding="utf-8")
    assert "NaN" not in text and "Infinity" not in text
    assert str(holdings.directory) not in text
    assert json.loads(text)["seed"] == 11
