"""Small FITS files written with astropy, for reading back without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

MakeFits = Callable[..., Path]


@pytest.fixture
def make_fits(tmp_path: Path) -> MakeFits:
    """A function that writes an image HDU of a shape (numpy order) with cards, and returns the path."""

    def make(name: str = "a.fits", shape: tuple[int, ...] = (4, 5), **cards: object) -> Path:
        hdu = fits.PrimaryHDU(np.zeros(shape, dtype=np.float32))
        for key, value in cards.items():
            hdu.header[key.replace("__", "-")] = value
        path = tmp_path / name
        hdu.writeto(path, overwrite=True)
        return path

    return make
