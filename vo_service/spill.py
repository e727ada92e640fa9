"""Where a server process keeps files that do not last: directories below ``HOME/spill``, one for each
process of a machine, swept when the next begins."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from vo_service.store.processes import Process, is_dead, this_process


def sweep_spill(home: Path) -> None:
    """Remove what killed processes of this machine left in HOME/spill; the engine removes its own."""
    spill = home / "spill"
    spill.mkdir(exist_ok=True)
    own = this_process()
    for place in spill.iterdir():
        host, _, rest = place.name.partition("-")
        if host != host_name(own):
            continue
        pid, started, *_ = rest.split("-")
        if is_dead(Process(own.host, int(pid), int(started))):
            rmtree(place, ignore_errors=True)


def _spill_name(process: Process) -> str:
    return f"{host_name(process)}-{process.pid}-{process.started}"


def _remove_if_empty(place: Path) -> None:
    """Remove a directory that several applications of one process share, once nothing is left in it."""
    with suppress(OSError):
        place.rmdir()


def host_name(process: Process) -> str:
    """The machine of a process, in letters that a file name may have."""
    return blake2b(process.host.encode(), digest_size=6).hexdigest()


def open_process_place(home: Path, parts: ExitStack) -> Path:
    """The directory of this process for files that do not last: of the engine, and of its applications.

    Engines of one process on one file share its configuration, this directory among it.
    """
    shared = home / "spill" / _spill_name(this_process())
    shared.mkdir(mode=0o700, exist_ok=True)
    parts.callback(_remove_if_empty, shared)
    return shared


def open_place(shared: Path, parts: ExitStack) -> Path:
    """A directory of this application alone, below that of its process."""
    place = Path(mkdtemp(dir=shared))
    parts.callback(rmtree, place, ignore_errors=True)
    return place
