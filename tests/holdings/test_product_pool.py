"""Files described by processes: one product each, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import time
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
