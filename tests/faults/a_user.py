"""What a user does and meets: commands in processes of their own, small products."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from vo_service.store import Catalogue, Snapshots

CARDS = {
    "CTYPE1": "RA---SIN", "CRVAL1": 204.25, "CRPIX1": 9.0, "CDELT1": -1e-4, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -29.87, "CRPIX2": 9.0, "CDELT2": 1e-4, "CUNIT2": "deg",
    "CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz",
    "SPECSYS": "BARYCENT", "BUNIT": "Jy/beam", "BMAJ": 4e-4, "BMIN": 3e-4, "BPA": 10.0,
    "OBJECT": "M83", "TELESCOP": "ALMA", "DATE-OBS": "2019-03-01T00:00:00",
}  # fmt: skip
_CAPBSET_DROP, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h


def write_product(path: Path, **cards: object) -> Path:
    """A small cube with sky and frequency axes; ``cards`` override those of `CARDS`."""
    hdu = fits.PrimaryHDU(np.ones((4, 16, 16), dtype=np.float32))
    for keyword, value in {**CARDS, **cards}.items():
        hdu.header[keyword] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu.writeto(path, overwrite=True)
    return path


def command(home: Path, *arguments: str) -> list[str]:
    """The command line of ``vo-service``."""
    return [sys.executable, "-m", "vo_service.cli", "--home", str(home), *arguments]


def environment(**settings: str) -> dict[str, str]:
    """The environment without the settings of whoever runs the tests, and with ``settings``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VO_SERVICE_")}
    return {**clean, **settings}


def run(
    home: Path,
    *arguments: str,
    before: Sequence[str] = (),
    preexec: Callable[[], None] | None = None,
    **settings: str,
) -> subprocess.CompletedProcess[str]:
    """One command, whatever its exit status; what every command owes its user is asserted here."""
    done = subprocess.run(
        [*before, *command(home, "--quiet", *arguments)],
        capture_output=True,
        text=True,
        env=environment(**settings),
        timeout=120,
        preexec_fn=preexec,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert not list((home / "logs").glob("*")), "a bug was logged"
    return done


def begin(home: Path, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
    """One command with a process group of its own, for ``kill_group``; its errors are kept."""
    return subprocess.Popen(
        command(home, "--quiet", *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment(**settings),
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """The command and its worker processes, all at once, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def unprivileged() -> None:
    """Make permissions bind for root too, in a child before it becomes the command.

    Leaves root without the capabilities to pass over them; for anybody else there is nothing to do.
    """
    if os.geteuid() == 0:
        library = ctypes.CDLL(None, use_errno=True)
        for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            if library.prctl(_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "root cannot give up its rights over files here")


def snapshot_numbers(home: Path) -> tuple[int | None, list[str]]:
    """The number of the current snapshot, and the directories that lie beside it."""
    catalogue = Catalogue.open(f"sqlite:///{home / 'catalogue.sqlite'}")
    snapshots = Snapshots(home, catalogue)
    try:
        return snapshots.current_number(), sorted(p.name for p in (home / "snapshots").iterdir())
    finally:
        snapshots.close()
        catalogue.close()


def stored(home: Path, table: str) -> list[dict[str, object]]:
    """All rows of a table in the current snapshot."""
    catalogue = Catalogue.open(f"sqlite:///{home / 'catalogue.sqlite'}")
    snapshots = Snapshots(home, catalogue)
    try:
        snapshot = snapshots.current()
        assert snapshot is not None
        return snapshot.read(table).to_pylist()
    finally:
        snapshots.close()
        catalogue.close()
