"""Rows of the table of beams, against what astropy wrote."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from vo_service.pixels import read_fits, read_table


@pytest.mark.parametrize("packed", [False, True])
def test_beams_are_read_as_written(tmp_path: Path, packed: bool) -> None:
    major = np.linspace(1.0, 1.2, 9)
    columns = [
        fits.Column("BMAJ", "E", unit="arcsec", array=major),
        fits.Column("NAMES", "3A", array=["abc"] * 9),
        fits.Column("CHAN", "J", array=np.arange(9)),
        fits.Column("BMIN", "D", unit="deg", array=major / 3600.0),
    ]
    primary = fits.PrimaryHDU(np.zeros((9, 4, 4), np.float32))
    primary.header["CASAMBM"] = True
    path = tmp_path / "cube.fits"
    fits.HDUList([primary, fits.BinTableHDU.from_columns(columns, name="BEAMS")]).writeto(path)
    if packed:
        path = path.with_suffix(".fits.gz")
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    beams = read_table(read_fits(path).table("BEAMS"))
    assert set(beams) == {"BMAJ", "BMIN", "CHAN"}
    assert np.array_equal(beams["BMAJ"][0], major.astype(np.float32))
    assert np.array_equal(beams["BMIN"][0], major / 3600.0)
    assert (beams["BMAJ"][1], beams["BMIN"][1], beams["CHAN"][1]) == ("arcsec", "deg", None)
