"""Every sample file under its own name and under its SHA-1: header and pixels never give a wrong role."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pixel_oracle import read_pixels, statistics_of

from vo_service.holdings.classify_pixels import revise_role
from vo_service.holdings.describe import describe_product
from vo_service.holdings.records import FoundFile, Product

LISTS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parent / "renamed_roles.yaml").read_text(encoding="utf-8")
)
NOT_TELLABLE = {(entry["role"], name) for entry in LISTS["unknown"] for name in entry["files"]}
KNOWN_WRONG = {
    (entry["role"], entry["becomes"], name) for entry in LISTS["known_wrong"] for name in entry["files"]
}


@dataclass(frozen=True)
class Renamed:
    """A file of the sample: what it is, what it is under its own name, and under its SHA-1."""

    path: str
    role: str
    kept: Product
    renamed: Product

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


def described(root: Path, path: str) -> Product:
    """By header and name, then by pixels, as the two passes do it."""
    found = FoundFile("sample", path, (root / path).stat().st_size, 0)
    product = describe_product(found, root)
    if product.layout is None or product.error_kind is not None:
        return product
    statistics = statistics_of(read_pixels(root / path, product.layout.hdu))
    return product if statistics is None else revise_role(product, statistics)


@pytest.fixture(scope="module")
def files(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Renamed]:
    tree, elsewhere = holdings.sample / "products", tmp_path_factory.mktemp("renamed")
    found = []
    for true in holdings.truth["products"]:
        path = tree / true["path"]
        if true["state"] != "ok" or not path.is_file():
            continue
        name = hashlib.sha1(path.read_bytes()).hexdigest()
        if not (elsewhere / name).exists():
            (elsewhere / name).hardlink_to(path)
        found.append(
            Renamed(true["path"], true["role"], described(tree, true["path"]), described(elsewhere, name))
        )
    return found


def test_under_its_own_name_every_file_has_its_role(files: list[Renamed]) -> None:
    assert [(each.path, each.kept.evidence) for each in files if each.kept.role != each.role] == []


def test_under_a_name_that_says_nothing_no_file_has_a_wrong_role_but_those_known(
    files: list[Renamed],
) -> None:
    wrong = {
        (each.role, each.renamed.role, each.name)
        for each in files
        if each.renamed.role not in (each.role, "unknown")
    }
    assert wrong == KNOWN_WRONG


def test_only_listed_files_are_unknown_and_each_says_why(files: list[Renamed]) -> None:
    unknown = [each for each in files if each.renamed.role == "unknown" and each.role != "unknown"]
    assert {(each.role, each.name) for each in unknown} == NOT_TELLABLE
    assert len(unknown) == len(NOT_TELLABLE)
    assert all(each.renamed.evidence for each in unknown)
    assert all(entry["reason"] for entry in (*LISTS["unknown"], *LISTS["known_wrong"]))


def test_pixels_tell_most_companions(files: list[Renamed]) -> None:
    told = Counter(each.renamed.role for each in files if each.renamed.told_by == "pixels")
    assert {"pb", "mask", "psf", "moment1"} <= set(told)
    assert sum(told.values()) > 40
