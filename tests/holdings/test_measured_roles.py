"""Noise and dynamic range of those images alone that have them: a beam pattern or a mask has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ingest_homes import open_home
from pixel_products import SHAPE, write_cube, write_values

from vo_service.holdings.measurement import PixelLimits

STEM = "M83_sci.spw17.cube.I"
CARDS: dict[str, dict[str, object]] = {
    f"{STEM}.pbcor.fits": {},
    f"{STEM}.residual.fits": {},
    f"{STEM}.pb.fits": {"BUNIT": ""},
    f"{STEM}.psf.fits": {},
    f"{STEM}.mask.fits": {"BUNIT": ""},
    f"{STEM}.model.fits": {"BUNIT": "Jy/pixel"},
    f"{STEM}.weight.fits": {"BUNIT": ""},
    "M83_CO21.mom0.fits": {"BUNIT": "Jy/beam.km/s"},
    "M83_CO21.mom1.fits": {"BUNIT": "km/s"},
    "M83_CO21.mom2.fits": {"BUNIT": "km/s"},
}


def test_noise_is_published_of_what_has_noise(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    for name, cards in CARDS.items():
        path = tmp_path / "tree" / name
        if ".mom" in name:
            write_cube(path, shape=(1, 1, 48, 48), **cards)
        elif not cards and "psf" not in name:
            write_cube(path, **cards)
        else:
            values = random.random(SHAPE) if "mask" not in name else random.random(SHAPE) > 0.8
            write_values(path, values.astype(np.float32), **cards)
    home = open_home(tmp_path / "home")
    home.ingest(tmp_path / "tree", pixels=PixelLimits())
    products = {row["product_id"]: row for row in home.rows("holdings.product")}
    found = {products[row["product_id"]]["role"]: row for row in home.rows("holdings.measurement")}
    noisy = {"cube", "residual", "moment0"}
    silent = {"pb", "psf", "mask", "model", "weight", "moment1", "moment2"}
    assert noisy | silent == set(found)
    for role, row in found.items():
        assert row["state"] == "ok" and row["peak"] is not None and row["valid_area"] > 0
        assert ((row["rms"] is not None), (row["dynamic_range"] is not None)) == (role in noisy,) * 2, role
    spectra: dict[str, set[bool]] = {}
    for row in home.rows("holdings.peak_spectrum"):
        spectra.setdefault(products[row["product_id"]]["role"], set()).add(row["rms"] is not None)
        assert row["peak"] is not None
    assert spectra == {role: {role in noisy} for role in (noisy | silent) - {"moment0", "moment1", "moment2"}}
    home.snapshots.close()
    home.catalogue.close()
