"""The pass over pixels from the command line: ``--no-pixels``, limits by settings, what is said of errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from vo_service.cli import main


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    place = tmp_path / "tree"
    place.mkdir()
    values = np.random.default_rng(1).normal(size=(32, 32)).astype(np.float32)
    values[16, 16] = 25.0
    hdu = fits.PrimaryHDU(values)
    hdu.header.update({
        "CTYPE1": "RA---SIN", "CRVAL1": 10.0, "CRPIX1": 16.0, "CDELT1": -1e-4, "CUNIT1": "deg",
        "CTYPE2": "DEC--SIN", "CRVAL2": -30.0, "CRPIX2": 16.0, "CDELT2": 1e-4, "CUNIT2": "deg",
        "BUNIT": "Jy/beam", "BMAJ": 4e-4, "BMIN": 3e-4, "BPA": 0.0, "OBJECT": "M83",
    })  # fmt: skip
    hdu.writeto(place / "M83_sci.cont.image.fits")
    return place


def test_pixels_can_wait_and_fail_with_a_reason(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = ["--home", str(tmp_path / "home"), "--quiet"]
    assert main([*home, "ingest", str(tree), "--no-pixels"]) == 0
    assert "pixels" not in capsys.readouterr().out
    monkeypatch.setenv("VO_SERVICE_PIXEL_BYTES", "1KB")
    assert main([*home, "ingest", str(tree)]) == 1
    said = capsys.readouterr()
    assert "measured the pixels of 0 images, 1 failed" in said.out
    assert "tree/M83_sci.cont.image.fits: too_large" in said.err
    assert main([*home, "runs", "--broken"]) == 0
    listed = capsys.readouterr().out
    assert "too_large" in listed and "tree/M83_sci.cont.image.fits" in listed
    assert main([*home, "ingest", str(tree)]) == 0  # as before: said, and no failure of this run
    assert "1 file is still not measured, as before" in capsys.readouterr().out
    monkeypatch.delenv("VO_SERVICE_PIXEL_BYTES")
    assert main([*home, "ingest", str(tree), "--retry", "too_large"]) == 0
    assert "measured the pixels of 1 images, 0 failed" in capsys.readouterr().out
    assert main([*home, "runs", "--broken"]) == 0
    assert "too_large" not in capsys.readouterr().out
