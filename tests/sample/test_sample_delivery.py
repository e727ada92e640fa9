"""What lies in a sample: the asked number of files, the same bytes for the same seed, the delivery layout."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from vo_service.sample import write_sample
from vo_service.sample.profiles.plan import ODDMENT_EVERY, WEIGHTS, share_out

_ROLES = {
    "image", "cube", "pb", "mask", "psf", "model", "residual", "weight", "moment0", "moment1", "moment2",
    "peak", "width", "alpha", "error", "derived", "table", "document", "unknown",
}  # fmt: skip


def _digests(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        write_sample(tmp_path / name, seed=seed, products=25)
    one, two, three = (_digests(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert not set(one.values()) & set(three.values())


@pytest.mark.parametrize("products", [1, 2, 9])
def test_exactly_as_many_products_as_asked(tmp_path: Path, products: int) -> None:
    calls: list[tuple[int, int]] = []
    summary = write_sample(tmp_path, 3, products, lambda done, total: calls.append((done, total)))
    fits = [p for p in (tmp_path / "products").rglob("*") if p.name.endswith((".fits", ".fits.gz"))]
    assert len(fits) == products == summary.products
    assert calls == [(n + 1, products) for n in range(products)]


def test_mistakes_in_the_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one product"):
        write_sample(tmp_path, 1, 0)
    (tmp_path / "products").mkdir()
    (tmp_path / "products" / "mine.txt").write_text("kept")
    with pytest.raises(FileExistsError, match="not empty"):
        write_sample(tmp_path, 1, 3)


@pytest.mark.parametrize("products", [1, 7, 20, 200, 1001])
def test_quotas_add_up(products: int) -> None:
    quotas = share_out(products, WEIGHTS)
    assert sum(quotas.values()) == products
    assert all(abs(quotas[name] - products * WEIGHTS[name] / 100.0) < 1.0 for name in WEIGHTS)


def test_every_file_is_listed_once(holdings) -> None:  # type: ignore[no-untyped-def]
    written = {
        p.relative_to(holdings.products).as_posix() for p in holdings.products.rglob("*") if p.is_file()
    }
    tars = {path for path in written if path.endswith((".tar", ".tgz"))}
    assert {path.rpartition(".")[2] for path in tars} == {"tar", "tgz"}
    for tar in tars:
        with tarfile.open(holdings.products / tar) as stream:
            written |= {f"{tar}/{name}" for name in stream.getnames()}
    assert written == set(holdings.by_path)
    assert len(holdings.truth["products"]) == len(written)
    assert holdings.truth["counts"]["products"] == len(written)
    assert sum(not entry["side"] for entry in holdings.truth["products"]) == holdings.summary.products
    assert {entry["role"] for entry in holdings.truth["products"]} <= _ROLES


def test_delivery_layout(holdings) -> None:  # type: ignore[no-untyped-def]
    pattern = re.compile(
        r"\d{4}\.\d\.\d{5}\.[SLT]/science_goal\.uid___A00[12]_X[0-9a-f]+_X[0-9a-f]+/"
        r"(group\.uid___A001_X[0-9a-f]+_X[0-9a-f]+/)?member\.uid___A00[12]_X[0-9a-f]+_X[0-9a-f]+/"
        r"(README|(product|calibration|qa|script|log)/[^/]+)(/[^/]+/FLAG_VERSION_LIST\.txt)?"
    )
    for entry in holdings.truth["products"]:
        if entry["member_ous_uid"] is not None and entry["profile"] != "oddments":
            assert pattern.fullmatch(entry["path"]), entry["path"]
            assert (entry["group_ous_uid"] is None) == entry["member_ous_uid"].startswith("uid://A002")
            assert entry["member_ous_uid"].replace("://", "___").replace("/", "_") in entry["path"]
            assert entry["path"].startswith(entry["project_code"] + "/")


def test_profiles_follow_their_weights(holdings) -> None:  # type: ignore[no-untyped-def]
    counts = Counter(entry["profile"] for entry in holdings.truth["products"] if not entry["side"])
    assert counts.pop("oddments") == 160 // ODDMENT_EVERY + 1  # two of them in one tar
    assert counts == share_out(160, WEIGHTS)


def test_a_sample_stays_small(holdings) -> None:  # type: ignore[no-untyped-def]
    assert holdings.summary.bytes_written < 0.5e6 * holdings.summary.products
    assert max(p.stat().st_size for p in holdings.products.rglob("*")) < 4e6
