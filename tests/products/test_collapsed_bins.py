"""Moments and spectra of channels that were put together, the last of them fewer: against numpy."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from cut_files import stored_at

from vo_service.pixels.sources import LocalFile
from vo_service.products.making import Input, Making
from vo_service.products.selection import Constraints, RowFacts
from vo_service.products.wanted import MomentOf, SpectrumOf, Wanted

C = 299792.458  # km/s
REST, FIRST, STEP = 1.00005e11, 1e11, 1e6
SCALE, MAJOR, MINOR = 1e-3, 3e-3, 2e-3  # degrees


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    path = tmp_path_factory.mktemp("bins") / "cube.fits"
    data = np.random.default_rng(8).normal(2.0, 0.5, (11, 8, 7)).astype(">f4")
    data[4, 2, 3], data[9:, 1, 1], data[:, 0, 0] = np.nan, np.inf, np.nan
    hdu = fits.PrimaryHDU(data)
    axes = (("RA---SIN", 10.0, -SCALE, "deg"), ("DEC--SIN", 20.0, SCALE, "deg"), ("FREQ", FIRST, STEP, "Hz"))
    for number, (name, value, step, unit) in enumerate(axes, 1):
        hdu.header[f"CTYPE{number}"], hdu.header[f"CRVAL{number}"] = name, value
        hdu.header[f"CDELT{number}"], hdu.header[f"CUNIT{number}"] = step, unit
        hdu.header[f"CRPIX{number}"] = 1.0 if name == "FREQ" else 4.0
    hdu.header["RESTFRQ"], hdu.header["BUNIT"], hdu.header["SPECSYS"] = REST, "Jy/beam", "BARYCENT"
    hdu.header["BMAJ"], hdu.header["BMIN"], hdu.header["BPA"] = MAJOR, MINOR, 5.0
    hdu.writeto(path)
    return path, np.where(np.isfinite(data), data, np.nan).astype(np.float64)


def made(path: Path, folder: Path, rebin: tuple[int, int, int], result: Any, **constraints: Any) -> Path:
    out = folder / "out"
    inputs = (Input(stored_at(path), LocalFile(path), folder),)
    wanted = Wanted(Constraints(**constraints), (("REBIN", "some"),), rebin=rebin, result=result)
    Making(inputs, RowFacts(), None, wanted, 1 << 30)(out)
    whole = out.read_bytes()
    assert hashlib.sha256(whole[:-32]).digest() == whole[-32:]  # as results are kept
    out.write_bytes(whole[:-32])
    return out


def bins_of(data: np.ndarray, start: int, rebin: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The means of all blocks, and (bins + 1) frequencies of the borders between their channels."""
    shape = [-(-length // factor) for length, factor in zip(data.shape, rebin[::-1])]
    means = np.empty(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in np.ndindex(*shape):
            means[place] = np.nanmean(
                data[tuple(slice(n * f, (n + 1) * f) for n, f in zip(place, rebin[::-1]))]
            )
    borders = [*range(0, len(data), rebin[2]), len(data)]
    return means, FIRST + STEP * (start + np.array(borders) - 0.5)


CASES = [
    ((1, 1, 4), (0, 11)),
    ((1, 1, 3), (1, 9)),
    ((2, 3, 5), (0, 11)),
    ((4, 3, 1), (2, 7)),
    ((1, 1, 500), (0, 11)),
]


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize(("rebin", "span"), CASES)
def test_moments(
    cube: tuple[Path, np.ndarray], tmp_path: Path, order: Any, rebin: tuple[int, int, int],
    span: tuple[int, int],
) -> None:  # fmt: skip
    # SODA-098: each bin counts by the channels that it has
    path, data = cube
    start, stop = span
    out = made(path, tmp_path, rebin, MomentOf(order), channels=(start + 1, stop))
    means, edges = bins_of(data[start:stop], start, rebin)
    velocities = C * (1.0 - edges / REST)
    widths, middles = np.abs(np.diff(velocities)), (velocities[:-1] + velocities[1:]) / 2.0
    weights = np.nan_to_num(means) * widths[:, None, None]
    total = np.where(np.isfinite(means).any(axis=0), weights.sum(axis=0), np.nan)
    mean = (weights * middles[:, None, None]).sum(axis=0) / total
    spread = (weights * (middles[:, None, None] - mean) ** 2).sum(axis=0) / total
    wanted = (total, mean, np.sqrt(spread))[order]
    with fits.open(out) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(hdus[0].data)[0]
        ends = WCS(hdus[0].header).wcs_pix2world([[1, 1, 0.5], [1, 1, 1.5]], 1)[:, 2]
    assert np.allclose(found, wanted, rtol=2e-6, atol=2e-5, equal_nan=True)
    assert np.allclose(ends, edges[[0, -1]], rtol=1e-12)  # the pixel of the map holds all channels, no more


@pytest.mark.parametrize("kind", ["flux", "mean"])
@pytest.mark.parametrize(("factor", "span"), [(4, (0, 11)), (3, (1, 9)), (500, (0, 11))])
def test_spectra(
    cube: tuple[Path, np.ndarray], tmp_path: Path, kind: Any, factor: int, span: tuple[int, int]
) -> None:
    path, data = cube
    start, stop = span
    out = made(path, tmp_path, (1, 1, factor), SpectrumOf(kind, "fits"), channels=(start + 1, stop))
    means, edges = bins_of(data[start:stop], start, (1, 1, factor))
    beam = np.pi / (4.0 * np.log(2.0)) * MAJOR * MINOR
    flux = np.nansum(means, axis=(1, 2)) * SCALE**2 / beam
    wanted = flux if kind == "flux" else np.nanmean(means, axis=(1, 2))
    table = Table.read(out, hdu=1)
    columns = {name.lower(): np.asarray(table[name], dtype=np.float64) for name in table.colnames}
    assert np.allclose(columns["frequency"], (edges[:-1] + edges[1:]) / 2.0, rtol=1e-12)
    assert columns["channel"].tolist() == list(range(start + 1, stop + 1, factor))
    assert np.allclose(columns[kind if kind in columns else "value"], wanted, rtol=1e-5)
