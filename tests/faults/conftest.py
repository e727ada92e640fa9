"""Services of their own for tests that break them, and disks that fill up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from judges import judge_missing
from live_service import LiveService, copy_home

MakeService = Callable[..., LiveService]
MakeDisk = Callable[[str], Path]


@pytest.fixture(scope="module")
def make_service(holdings, tmp_path_factory) -> Iterator[MakeService]:
    """Makes a service on a copy of the sample holdings, not started; it is ended with the module."""
    with ExitStack() as closing:

        def make(workers: int = 2, place: Path | None = None, **settings: str) -> LiveService:
            own = tmp_path_factory.mktemp("faults")
            home = copy_home(holdings.home, place or own / "home")
            service = LiveService(home, workers, settings, log_file=own / "service.log")
            closing.callback(lambda: service.process and service.kill())
            return service

        yield make


@pytest.fixture(scope="module")
def make_disk(tmp_path_factory) -> Iterator[MakeDisk]:
    """Makes a file system of a size ("4m"), gone with the module: for jobs, not for a home.

    No rights are needed where the system lets users have namespaces of their own, those of root where not. A
    disk of the former kind is seen through a link of /proc which SQLite follows to the wrong place.
    """
    with ExitStack() as closing:

        def make(size: str) -> Path:
            place = tmp_path_factory.mktemp("disk")
            seen = closing.enter_context(mounted_by_a_user(place, mounting(size, place)))
            return seen or mounted_by_root(place, size, closing)

        yield make


@pytest.fixture(scope="module")
def make_home_disk(tmp_path_factory) -> Iterator[MakeDisk]:
    """Makes a file system of a size that can hold a home, gone with the module; needs the rights of root."""
    with ExitStack() as closing:
        yield lambda size: mounted_by_root(tmp_path_factory.mktemp("disk"), size, closing)


def mounting(size: str, place: Path) -> list[str]:
    """The command that mounts a small file system."""
    return ["mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(place)]


def mounted_by_root(place: Path, size: str, closing: ExitStack) -> Path:
    """A file system mounted for all. Skips for anybody but root, and where root may not either; fails with
    VO_SERVICE_REQUIRE_JUDGES=1."""
    if os.geteuid() != 0:
        judge_missing("the right of root to mount a small file system")
    if subprocess.run(mounting(size, place), stderr=subprocess.DEVNULL).returncode:
        judge_missing("a machine on which root may mount a small file system")
    closing.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
    return place


@contextmanager
def mounted_by_a_user(place: Path, command: list[str]) -> Iterator[Path | None]:
    """Where all processes of this user see a file system that one in a namespace of its own has mounted; None
    where that is not allowed."""
    if shutil.which("unshare") is None:
        yield None
        return
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    own += ["sh", "-c", '"$@" && echo mounted && exec cat', "sh", *command]
    with subprocess.Popen(
        own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as keeper:  # it ends with its input, and so with this process, and the file system with it
        assert keeper.stdout is not None
        mounted = keeper.stdout.readline() == b"mounted\n"
        yield Path(f"/proc/{keeper.pid}/root{place}") if mounted else None
