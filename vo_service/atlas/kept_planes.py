"""Planes that are made once and kept in files as long as somebody may ask for them: maps along the spectral
axis, and planes of images that cannot be jumped in.

A plane is made by whoever asks first, be it one of several processes; the others wait for it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.decoding import Values

Plane = NDArray[np.float32]


def is_kept(folder: Path, key: str) -> bool:
    """Whether the plane of that name has been made."""
    return (folder / f"{key}.npy").exists()


def kept_plane(folder: Path, key: str, size: tuple[int, int], parts: Callable[[], Iterable[Values]]) -> Plane:
    """The plane of that name ``(rows, columns)``, mapped into memory; ``size`` has the columns first.
    ``parts`` are its values in stored order, asked for where nobody has made it yet. Raises OSError, as of a
    full disk, and what ``parts`` raise."""
    place = folder / f"{key}.npy"
    with _alone(folder / f"{key}.lock"):
        if not place.exists():
            unfinished = folder / f"{key}.part"
            try:
                _write(unfinished, size, parts())
                unfinished.replace(place)
            finally:
                unfinished.unlink(missing_ok=True)
    found: Plane = np.load(place, mmap_mode="r")
    return found


def _write(place: Path, size: tuple[int, int], parts: Iterable[Values]) -> None:
    columns, rows = size
    with place.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)}
        )
        for part in parts:
            with np.errstate(over="ignore"):
                file.write(part.astype("<f4").tobytes())


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Nobody else is at what this file stands for; the system frees it with the process."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
