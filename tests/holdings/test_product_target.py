"""Target names and polarisation labels."""

from __future__ import annotations

import pytest
from product_files import STOKES, header_of, product_at

from vo_service.holdings.identity import identify_path
from vo_service.holdings.polarisation import label_polarisation
from vo_service.holdings.target import name_target

PIPELINE = "member.uid___A001_X1_X4.HL_Tau_sci.spw25.cube.I.pbcor.fits"


@pytest.mark.parametrize(
    ("cards", "path", "name", "rules"),
    [
        ({"OBJECT": "HD_142527"}, "a.fits", "HD_142527", []),
        ({"OBJECT": " HL  Tau"}, "a.fits", "HL Tau", ["OBJ-CLEAN"]),
        ({"OBJECT": ""}, "a.fits", None, ["OBJ-BLANK"]),
        ({"OBJECT": "unknown"}, "a.fits", None, ["OBJ-BLANK"]),
        ({"OBJECT": ""}, PIPELINE, "HL_Tau", ["OBJ-BLANK", "OBJ-FILE-NAME"]),
        ({}, PIPELINE, "HL_Tau", ["OBJ-FILE-NAME"]),
        ({}, "a.fits", None, []),
        ({"OBJECT": 101899}, "a.fits", "101899", []),
    ],
)
def test_the_name_of_the_target(
    cards: dict[str, object], path: str, name: str | None, rules: list[str]
) -> None:
    product = name_target(identify_path(product_at(path)), header_of(cards))
    assert product.identity.target_name == name
    assert [repair.rule for repair in product.repairs] == rules


@pytest.mark.parametrize(
    ("cards", "length", "labels"),
    [
        ({}, 1, ("I",)),
        ({}, 4, ("I", "Q", "U", "V")),
        ({"CRVAL4": -5.0, "CDELT4": -1.0}, 2, ("XX", "YY")),
        ({"CRVAL4": 0.0}, 1, ()),
        ({"CTYPE4": ""}, 1, ()),
    ],
)
def test_polarisation_states(cards: dict[str, object], length: int, labels: tuple[str, ...]) -> None:
    product = label_polarisation(product_at(), header_of(STOKES | cards, (64, 64, 1, length)))
    assert product.polarisations == labels
    assert bool(product.repairs) == (cards.get("CRVAL4") == 0.0)
