"""Small images with noise and a source, for the tests of the pass over pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from product_files import write_product

MEMBER = "member.uid___A001_X1_X2"
SHAPE = (1, 4, 48, 48)


def write_cube(path: Path, seed: int = 1, shape: tuple[int, ...] = SHAPE, **cards: object) -> None:
    """A cube of noise (1 Jy/beam) with a source of 40 in the middle of its second channel, one of 30 in
    those from the eleventh to the sixteenth, and a blank corner."""
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    values[0, 1 % shape[1], 20, 24] = 40.0
    for channel in range(10, min(16, shape[1])):  # a line in those that have room for one
        values[0, channel, 20, 24] += 30.0
    values[..., :6, :6] = np.nan
    write_values(path, values, **cards)


def write_values(path: Path, values: NDArray[np.floating], **cards: object) -> None:
    """An image (numpy order) of these values."""
    write_product(path, values.shape, **cards)
    with fits.open(path, mode="update") as file:
        file[0].data[:] = values


def values_of(path: Path) -> NDArray[np.float64]:
    """The pixels of an image as astropy reads them."""
    return np.asarray(fits.getdata(path), dtype=np.float64)


def harvest_row(path: Path, released: str) -> None:
    """An archive's table with one row, of the cube of MEMBER, released on a date."""
    row = {
        "obs_publisher_did": "ADS/JAO.ALMA#2015.1.00001.S", "obs_collection": "ALMA",
        "facility_name": "JAO", "instrument_name": "ALMA", "calib_level": "2", "dataproduct_type": "cube",
        "obs_id": "uid://A001/X1/X2", "member_ous_uid": "uid://A001/X1/X2", "target_name": "M83",
        "s_ra": "204.25", "s_dec": "-29.87", "s_fov": "0.01", "s_region": "Circle ICRS 204.25 -29.87 0.005",
        "em_min": "0.001303", "em_max": "0.001304", "frequency": "230.0", "bandwidth": "4000000.0",
        "proposal_id": "2015.1.00001.S", "obs_release_date": released,
        "t_min": "57000.0", "t_max": "57000.1", "t_exptime": "60",
        "access_url": "https://almascience.org/datalink/sync?ID=uid",
        "access_format": "application/x-votable",
        "frequency_support": "[229.9995..230.0035GHz,1000.00kHz,1mJy/beam@10km/s,1mJy/beam@native, XX YY]",
    }  # fmt: skip
    path.write_text(",".join(row) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n")
