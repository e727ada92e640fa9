"""Files described by processes: one product each, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from product_files import write_product

from vo_service.holdings.describe import describe_product
from vo_service.holdings.pool import describe_all
from vo_service.holdings.records import FoundFile, Product


def describe_dangerously(found: FoundFile, root: Path) -> Product:
    """As the real thing, but some names are fatal to the process."""
    if "kill" in found.path:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in found.path:
        os._exit(3)
    if "hang" in found.path:
        time.sleep(60)
    return describe_product(found, root)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_file_gives_one_product(tmp_path: Path, workers: int) -> None:
    files = [write_product(tmp_path / f"{number}.fits", (1, 2, 8, 8)) for number in range(40)]
    done: list[int] = []
    products = list(describe_all(iter(files), {"r": tmp_path}, workers, done.append))
    assert sorted(product.file.path for product in products) == sorted(found.path for found in files)
    assert {product.state for product in products} == {"ok"}
    assert sum(done) == 40


def test_a_worker_that_dies_costs_only_the_file_it_was_at(tmp_path: Path) -> None:
    names = [f"{number}.txt" for number in range(30)]
    names[5], names[17], names[29] = "kill.txt", "exit.txt", "hang.txt"
    for name in names:
        (tmp_path / name).write_text("x")
    files = [FoundFile("r", name, 1, 1) for name in names]
    products = list(describe_all(files, {"r": tmp_path}, 2, None, describe_dangerously, 2.0))
    assert sorted(product.file.path for product in products) == sorted(names)
    failed = {product.file.path: product for product in products if product.state == "failed"}
    assert set(failed) == {"kill.txt", "exit.txt", "hang.txt"}
    assert {product.error_kind for product in failed.values()} == {"internal"}
    assert "SIGKILL" in (failed["kill.txt"].error_message or "")
    assert "exit code 3" in (failed["exit.txt"].error_message or "")
    assert "longer than 2 seconds" in (failed["hang.txt"].error_message or "")


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    files = [FoundFile("r", f"{number}.txt", 1, 1) for number in range(100)]
    products = describe_all(files, {"r": tmp_path}, 2)
    assert next(products).error_kind == "changed"
    products.close()


MEASURING = """
import sys, threading, time
from multiprocessing import active_children
from pathlib import Path
from vo_service.holdings.describe import describe_product
from vo_service.holdings.measure import measure_product
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.pixel_pass import Measurer
from vo_service.holdings.pool import work_all
from vo_service.holdings.records import FoundFile

path = Path(sys.argv[1])
state = path.stat()
product = describe_product(FoundFile("r", path.name, state.st_size, state.st_mtime_ns), path.parent)

def tell():
    while not active_children():
        time.sleep(0.05)
    print(active_children()[0].pid, flush=True)

threading.Thread(target=tell, daemon=True).start()
work = Measurer({"r": path.parent}, PixelLimits(), measure_product)
list(work_all([product], work, print, 1, 600.0, 1, "vo_service.holdings.measure"))
"""


def has_open(pid: int, path: Path) -> bool:
    """Whether a process is at a file."""
    found = False
    for each in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            found |= each.readlink() == path
    return found


def wait_until(pid: int, path: Path, at_it: bool, seconds: float) -> None:
    end = time.monotonic() + seconds
    while has_open(pid, path) != at_it:
        assert time.monotonic() < end, f"after {seconds} s the worker is {'not' if at_it else 'still'} at it"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="processes are looked at in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_its_parent_in_the_middle_of_a_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path.resolve() / "large.fits"
    write_product(path, (1, 1, 8, 8))
    raw = path.read_bytes().replace(b"NAXIS1  =                    8", b"NAXIS1  =                20000")
    raw = raw.replace(b"NAXIS2  =                    8", b"NAXIS2  =                20000")
    raw = raw.replace(b"NAXIS3  =                    1", b"NAXIS3  =                   15")
    path.write_bytes(raw[: raw.index(b"END" + b" " * 77) // 2880 * 2880 + 2880])
    os.truncate(path, path.stat().st_size + -(-20000 * 20000 * 15 * 4 // 2880) * 2880)  # sparse, 24 GB
    with subprocess.Popen(
        [sys.executable, "-c", MEASURING, str(path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        try:
            wait_until(worker, path, at_it=True, seconds=60.0)
            parent.send_signal(number)
            parent.wait()
            wait_until(worker, path, at_it=False, seconds=5.0)
        finally:
            parent.kill()
            if has_open(worker, path):
                os.kill(worker, signal.SIGKILL)
