"""Names of files in a package: no two of them are the same anywhere, however many there are."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from growth import processor_seconds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vo_service.packages.naming import paths_of
from vo_service.products.stored import StoredFile


def files_at(house: Any, paths: Sequence[str]) -> dict[str, StoredFile]:
    """Files of one root at these paths; the product of each is called after its number."""
    one = house.file("alpha/large.txt")
    return {
        f"p{number}": replace(one, product_id=f"p{number}", found=replace(one.found, path=path))
        for number, path in enumerate(paths)
    }


@pytest.mark.parametrize(
    "paths",
    [
        ("Image.fits", "image.fits", "IMAGE.FITS"),
        (unicodedata.normalize("NFC", "Ångström.txt"), unicodedata.normalize("NFD", "Ångström.txt")),
        ("a/b", "A", "a"),
        ("Straße", "STRASSE"),
    ],
    ids=["case", "form", "folder", "folded"],
)
def test_names_that_a_file_system_takes_for_one_are_kept_apart(house: Any, paths: tuple[str, ...]) -> None:
    found = list(paths_of(files_at(house, paths), {}).values())
    assert len(found) == len(paths)
    for form in ("NFC", "NFD"):
        assert len({unicodedata.normalize(form, path).casefold() for path in found}) == len(paths)
    assert [each.rpartition("/")[2] for each in found] == sorted(path.rpartition("/")[2] for path in paths)


_PARTS = st.lists(st.sampled_from(["a", "A", "b", "é", "e\u0301", "p0", "P1", "p0_"]), min_size=1, max_size=3)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PARTS.map("/".join), max_size=8))
def test_all_of_them_can_lie_beside_each_other(shared_house: Any, paths: list[str]) -> None:
    found = [
        unicodedata.normalize("NFD", path).casefold()
        for path in paths_of(files_at(shared_house, paths), {}).values()
    ]
    folders = {path[:place] for path in found for place, each in enumerate(path) if each == "/"}
    assert len(set(found)) == len(paths) and not folders & set(found)


def test_many_namesakes_cost_no_more_each(house: Any) -> None:
    few, many = (files_at(house, ["same.txt"] * count) for count in (500, 4000))
    paths_of(few, {})
    seconds = processor_seconds(lambda: paths_of(few, {}))
    assert processor_seconds(lambda: paths_of(many, {})) < 24 * seconds  # of eight times as many
