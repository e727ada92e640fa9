"""BUNIT in the spellings met, and what is measured (OBS-123)."""

from __future__ import annotations

import pytest
from astropy import units
from hypothesis import given
from hypothesis import strategies as st
from product_files import header_of, product_at, read_cases

from vo_service.holdings.units import normalise_unit, read_unit


@pytest.mark.parametrize("case", read_cases("units.csv"), ids=lambda case: case["written"])
def test_each_spelling_becomes_vounits(case: dict[str, str]) -> None:
    product = normalise_unit(product_at(), header_of({"BUNIT": case["written"]}))
    assert product.unit == (case["unit"] or None)
    if product.unit is not None:
        assert read_unit(product.unit).kind == case["kind"]
        units.Unit(product.unit, format="vounit")
    assert bool(product.repairs) == (product.unit != case["written"])
    for repair in product.repairs:
        assert (repair.item, repair.was, repair.became) == ("BUNIT", case["written"], product.unit)


def test_a_blank_unit_is_none_and_no_repair() -> None:
    product = normalise_unit(product_at(), header_of({"BUNIT": "   "}))
    assert (product.unit, product.repairs) == (None, ())


@given(
    st.lists(
        st.tuples(st.sampled_from(["Jy", "K", "beam", "km", "s", "Hz", "sr"]), st.integers(-3, 3)), max_size=4
    )
)
def test_what_is_written_reads_back(parts: list[tuple[str, int]]) -> None:
    text = " ".join(f"{symbol}{power}" for symbol, power in parts if power)
    unit = read_unit(text)
    if unit is not None and unit.powers:
        again = read_unit(unit.text)
        assert again is not None and dict(again.powers) == dict(unit.powers)


@given(st.text(max_size=12))
def test_no_text_makes_it_fail(text: str) -> None:
    unit = read_unit(text)
    assert unit is None or unit.kind in ("brightness", "integrated", "velocity", "other")
