"""kill -9 at random moments of an ingest: the next run completes, the former snapshot stays readable."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from a_user import begin, kill_group, stored

MOMENTS = 20


def ingest(home: Path, products: Path) -> subprocess.Popen[bytes]:
    return begin(home, "ingest", str(products))


@pytest.fixture(scope="module")
def tree(holdings, tmp_path_factory) -> Path:
    """Two members' worth of products, small enough to be ingested many times."""
    products = holdings.sample / "products"
    chosen = sorted(p for p in products.rglob("member.uid*") if p.is_dir())[:3]
    target = tmp_path_factory.mktemp("killed") / "products"
    for member in chosen:
        shutil.copytree(member, target / member.relative_to(products))
    return target


def test_killed_at_twenty_random_moments(tree, tmp_path) -> None:
    home = tmp_path / "home"
    first = tree.parent / "first"
    member = next(iter(sorted(p for p in tree.rglob("member.uid*") if p.is_dir())))
    shutil.copytree(member, first / member.relative_to(tree))
    whole = ingest(home, first)
    started = time.monotonic()
    _, errors = whole.communicate(timeout=300)
    length = time.monotonic() - started
    assert whole.returncode in (0, 1), errors.decode()
    before = {row["product_id"] for row in stored(home, "holdings.product")}
    assert before

    luck = random.Random(20)
    for _ in range(MOMENTS):
        process = ingest(home, tree)
        try:
            process.wait(timeout=luck.uniform(0.05, 1.2) * length)
        except subprocess.TimeoutExpired:
            kill_group(process)
        else:
            assert process.stderr is not None
            assert process.returncode in (0, 1), process.stderr.read().decode()
        now = {row["product_id"] for row in stored(home, "holdings.product")}
        assert before <= now

    last = ingest(home, tree)
    _, errors = last.communicate(timeout=300)
    assert last.returncode in (0, 1), errors.decode()
    products = stored(home, "holdings.product")
    paths = [(row["root"], row["path"]) for row in products]
    assert len(paths) == len(set(paths))
    assert len({row["product_id"] for row in products}) == len(products)
    expected = {p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file()}
    assert {path for _, path in paths} >= expected
    dids = [row["obs_publisher_did"] for row in stored(home, "ivoa.obscore")]
    assert len(dids) == len(set(dids))
    assert not list((home / "snapshots").glob(".draft-*"))
