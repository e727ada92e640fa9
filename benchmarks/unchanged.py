"""A tree of 10,000 files that has not changed: how long it takes to see that."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.measure import report, run_command, service

FILES = 10_000
FOLDER_FILES = 100
AGAIN = 3


def run(scratch: Path, rows: int) -> None:
    """Ingest a generated tree, then three times more with nothing changed, then with one file touched."""
    tree = scratch / "tree"
    if not tree.exists():
        _write_tree(tree, FILES)
    home = scratch / "unchanged-home"
    first = run_command(service(home, "ingest", str(tree)))
    again = [run_command(service(home, "ingest", str(tree))) for _ in range(AGAIN)]
    (tree / "p000" / "source-000.fits").touch()
    touched = run_command(service(home, "ingest", str(tree)))
    report(
        "unchanged",
        {
            "files": FILES,
            "first ingest, with pixels, s": first.seconds,
            "again, nothing changed, s (goal 10)": statistics.median(each.seconds for each in again),
            "again, peak MB of the largest process": max(each.peak_mb for each in again),
            "again, one file touched, s": touched.seconds,
        },
    )


def _write_tree(tree: Path, count: int) -> None:
    """Small images, each with a name, a place on the sky and pixels of its own, a hundred to a folder."""
    random = np.random.default_rng(1)
    for number in range(count):
        folder = tree / f"p{number // FOLDER_FILES:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        hdu = fits.PrimaryHDU(random.normal(size=(1, 1, 16, 16)).astype(np.float32))
        hdu.header.update(_cards(number))
        hdu.writeto(folder / f"source-{number % FOLDER_FILES:03d}.fits")


def _cards(number: int) -> dict[str, object]:
    return {
        "CTYPE1": "RA---SIN", "CRVAL1": number * 0.036, "CRPIX1": 8.5, "CDELT1": -1e-4, "CUNIT1": "deg",
        "CTYPE2": "DEC--SIN", "CRVAL2": (number % 140) - 70.0, "CRPIX2": 8.5, "CDELT2": 1e-4, "CUNIT2": "deg",
        "CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 2e9, "CUNIT3": "Hz",
        "CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0, "CDELT4": 1.0,
        "BUNIT": "Jy/beam", "BMAJ": 3e-4, "BMIN": 3e-4, "BPA": 0.0, "RADESYS": "ICRS", "SPECSYS": "LSRK",
        "OBJECT": f"SOURCE {number}", "TELESCOP": "ALMA", "DATE-OBS": "2019-01-01T00:00:00",
    }  # fmt: skip
