"""kill -9 in the middle of the pass over pixels: the header snapshot stays, the next run goes on."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from a_user import environment, kill_group
from astropy.io import fits

from vo_service.store import Catalogue, RunLog, Snapshots

IMAGES = 24


EACH = """
import sys
from vo_service.cli import main
from vo_service.holdings import pixel_pass
if __name__ == "__main__":  # what is measured is kept at once, so that there is time to be killed in
    pixel_pass._KEPT_SECONDS = 0.0
    sys.exit(main(sys.argv[1:]))
"""


def ingest(home: Path, products: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", EACH, "--home", str(home), "--quiet", "ingest", str(products)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment(VO_SERVICE_INGEST_WORKERS="1"),
    )


def measured_files(home: Path) -> int:
    """Rows of the catalogue that a pass has written so far."""
    try:
        with sqlite3.connect(f"file:{home / 'catalogue.sqlite'}?mode=ro", uri=True) as database:
            [(count,)] = database.execute("SELECT COUNT(*) FROM measured_file").fetchall()
    except sqlite3.OperationalError:
        return 0
    return int(count)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Cubes, each of which takes the pass a good part of a second."""
    top = tmp_path / "tree"
    random = np.random.default_rng(1)
    noise = random.standard_normal((48, 256, 256), dtype=np.float32)
    for number in range(IMAGES):
        noise[number, 100, 100] = 30.0 + number
        hdu = fits.PrimaryHDU(noise)
        cards = {
            "CTYPE1": "RA---SIN", "CRVAL1": 10.0 + number, "CRPIX1": 128.0, "CDELT1": -1e-4, "CUNIT1": "deg",
            "CTYPE2": "DEC--SIN", "CRVAL2": -30.0, "CRPIX2": 128.0, "CDELT2": 1e-4, "CUNIT2": "deg",
            "CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz",
            "BUNIT": "Jy/beam", "BMAJ": 4e-4, "BMIN": 3e-4, "BPA": 0.0, "OBJECT": f"M{number}",
        }  # fmt: skip
        hdu.header.update(cards)
        place = top / f"f{number % 3}" / f"M{number}_sci.spw1.cube.I.fits"
        place.parent.mkdir(parents=True, exist_ok=True)
        hdu.writeto(place)
    return top


def test_a_killed_pass_goes_on_where_it_was(tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = ingest(home, tree)
    until = time.monotonic() + 240
    while measured_files(home) < 1:
        assert process.poll() is None, "the pass was over before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.02)
    kill_group(process)
    done = measured_files(home)
    assert 1 <= done < IMAGES

    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    try:
        header = snapshots.current()
        assert header is not None
        assert header.count_rows("ivoa.obscore") == IMAGES
        assert header.count_rows("holdings.measurement") == 0
        again = ingest(home, tree)
        _, errors = again.communicate(timeout=300)
        assert again.returncode == 0, errors.decode()
        whole = snapshots.current()
        assert whole is not None and whole.number == header.number + 1
        states = whole.read("holdings.measurement", ["state", "peak"]).to_pylist()
        assert sorted(row["peak"] for row in states) == [30.0 + number for number in range(IMAGES)]
        assert {row["state"] for row in states} == {"ok"}
        runs = [run for run in RunLog(catalogue).list_runs() if run["kind"] == "measure"]
        assert next((run["state"], run["ok_count"]) for run in runs) == ("done", IMAGES - done)
        assert runs[1]["state"] == "interrupted"
    finally:
        snapshots.close()
        catalogue.close()
