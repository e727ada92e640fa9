"""Identifiers: safe, stable under a move, unique (design 4.2, OBS-065)."""

from __future__ import annotations

import re
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.holdings.ids import assign, dataset_id, hashes, product_id, short_hash, slug, slugs
from vo_service.holdings.names import canonical, canonicals, spellings
from vo_service.holdings.records import FoundFile, Identity, Product

SAFE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
UID = "uid://A001/X1/X2"


def product(path: str, uid: str | None = None, root: str = "r", role: str = "cube") -> Product:
    identity = Identity(member_ous_uid=uid, target_name="NGC 253", windows=("25",), stem="ngc253.spw25.cube")
    return Product(FoundFile(root, path, 2880, 1), role=role, identity=identity)


@given(st.text(), st.text())
def test_every_identifier_is_safe_in_a_path(name: str, target: str) -> None:
    one = product(f"a/{name}.fits".replace("\x00", ""), UID)
    one = replace(one, identity=replace(one.identity, target_name=target))
    for made in (product_id(one), dataset_id(one, "cube", name), product_id(product(f"{name}.fits"))):
        assert SAFE.fullmatch(made)


@given(st.text())
def test_slugs_of_a_column_hold_safe_letters_only(text: str) -> None:
    made = slugs(pa.array([text, None])).to_pylist()
    assert made[1] is None
    assert made[0] is None or SAFE.fullmatch(made[0])


def test_hashes_of_a_column_are_those_of_the_texts() -> None:
    assert hashes(["a", "ü"]).to_pylist() == [short_hash("a"), short_hash("ü")]


def test_identifier_knows_neither_root_nor_folder_when_there_is_a_uid() -> None:
    here, there = product("p/x.fits", UID, "one"), product("elsewhere/deep/x.fits", UID, "two")
    assert product_id(here) == product_id(there)


def test_identifier_without_uid_goes_by_the_relative_path() -> None:
    assert product_id(product("p/x.fits", root="one")) == product_id(product("p/x.fits", root="two"))
    assert product_id(product("p/x.fits")) != product_id(product("q/x.fits"))


def test_none_and_empty_text_hash_differently() -> None:
    assert short_hash(None) != short_hash("")


def test_slug_is_readable() -> None:
    assert slug(UID, "NGC 253", "spw25") == "uid-a001-x1-x2-ngc-253-spw25"


def test_of_two_that_want_one_identifier_the_second_takes_a_hash_of_its_place() -> None:
    given_ = assign([("a", "name", "r/a"), ("b", "name", "s/a")], {})
    assert given_["a"] == "name"
    assert given_["b"] == f"name-{short_hash('place', 's/a')}"


def test_published_identifiers_stay_whoever_comes_first_later() -> None:
    given_ = assign([("new", "name", "r/a"), ("old", "name", "s/a")], {"old": "name"})
    assert given_ == {"old": "name", "new": f"name-{short_hash('place', 'r/a')}"}


def test_identifiers_of_others_are_not_given_again() -> None:
    assert assign([("a", "name", "r/a")], {}, ["name"])["a"] != "name"


def test_the_same_place_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        assign([("a", "n", "p"), ("b", "n", "p"), ("c", "n", "p")], {})


@given(st.lists(st.sampled_from(["n1", "n2", "n3"]), max_size=12))
def test_assigned_identifiers_are_unique_and_stable_on_a_second_run(names: list[str]) -> None:
    wanted = [(number, name, f"place{number}") for number, name in enumerate(names)]
    first = assign(wanted, {})
    assert len(set(first.values())) == len(wanted)
    assert assign(list(reversed(wanted)), first) == first


@pytest.mark.parametrize("name", ["HL Tau", "HL_Tau", "hltau", "HL-Tau", "hl  tau"])
def test_spellings_of_one_source_share_a_key(name: str) -> None:
    assert canonical(name) == "hltau"


def test_a_plus_sign_may_be_a_p_in_file_names() -> None:
    assert spellings("J0423+012") & spellings("J0423p012")
    assert not spellings("J0423-012") & spellings("J0423p012")


@given(st.lists(st.none() | st.text(alphabet="AbC _+-ß9", max_size=8)))
def test_keys_of_a_column_are_those_of_its_names(names: list[str | None]) -> None:
    assert canonicals(pa.array(names, pa.string())).to_pylist() == [canonical(name) for name in names]
