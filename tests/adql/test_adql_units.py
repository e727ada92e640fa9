"""Units of values and IN_UNIT, against astropy."""

from __future__ import annotations

import warnings

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_rows import ROWS, TABLE

from tap_schema import published
from vo_service.adql import AdqlError, parse, resolve
from vo_service.adql.meaning import units

PAIRS = [
    ("deg", "arcsec"),
    ("arcsec", "deg"),
    ("mas", "uarcsec"),
    ("deg", "rad"),
    ("GHz", "Hz"),
    ("mJy/beam", "Jy.beam**-1"),
    ("km/s", "m.s**-1"),
    ("m", "Angstrom"),
    ("0.1nm", "m"),
    ("deg2", "arcsec**2"),
    ("sr", "deg**2"),
    ("d", "s"),
    ("yr", "d"),
    ("kbyte", "byte"),
    ("pc", "AU"),
    ("erg.s**-1", "W"),
    ("keV", "J"),
    ("mK", "K"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_factors_are_those_of_astropy(one: str, other: str) -> None:
    # ADQL-128
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        expected = u.Unit(one, format="vounit").to(u.Unit(other, format="vounit"))
    assert units.factor(one, other) == pytest.approx(expected, rel=1e-15)
    assert units.factor(one, other) * units.factor(other, one) == pytest.approx(1.0, rel=1e-15)


def test_round_factors_have_no_last_bit_too_many() -> None:
    assert units.factor("Angstrom", "m") == 1e-10
    assert units.factor("deg2", "arcsec**2") == 3600.0**2


def test_the_units_of_published_columns_are_known() -> None:
    # '%' has no place in VOUnits' grammar as astropy reads it: no factor, no product
    known = {c.unit for t in published().values() for c in t.columns if c.unit} - {"%"}
    assert {"deg", "mJy/beam", "km/s", "arcsec"} <= known
    for unit in known:
        assert units.factor(unit, unit) == 1.0
        assert units.power(units.power(unit, 2.0), 0.5) is not None


@given(
    st.sampled_from(["deg", "s", "mJy/beam", "km/s", "m", "Hz"]), st.sampled_from(["arcsec", "s", "GHz", "m"])
)
def test_products_and_quotients_are_those_of_astropy(one: str, other: str) -> None:
    left, right = u.Unit(one, format="vounit"), u.Unit(other, format="vounit")
    for divided, expected in ((False, left * right), (True, left / right)):
        text = units.product(one, other, divided=divided)
        found = u.dimensionless_unscaled if text is None else u.Unit(text, format="vounit")
        assert found.to(expected) == pytest.approx(1.0, rel=1e-12)


def test_powers_that_are_not_whole_have_no_unit() -> None:
    assert units.power("deg", 0.5) is None
    assert units.power("deg", 2.0) == "deg**2"
    assert u.Unit(units.power("km/s", -2.0), format="vounit") == (u.km / u.s) ** -2
    assert units.power(None, 2.0) is None and units.power("deg", float("inf")) is None
    assert units.product("mag", "m") is None and units.product("what", "m") is None


def test_what_is_suggested_is_a_unit() -> None:
    for typed in ("degr", "arcsecs", "Jy/beams", "kms", "Ghz", "sec", "parsec", "micron"):
        with pytest.raises(units.UnitError) as caught:
            units.unit_of(typed)
        hint = caught.value.hint or ""
        if hint.startswith("did you mean "):
            for word in hint.removeprefix("did you mean ").rstrip("?").split(" or "):
                assert units.factor(word, word) == 1.0


def test_one_unit_in_two_spellings() -> None:
    assert units.same_unit("km/s", "km.s**-1") and units.same_unit(None, None)
    assert not units.same_unit("deg", "arcsec") and not units.same_unit("deg", None)
    assert not units.same_unit("what", "deg")


CONVERTED = [
    # expression, column, from, to
    ("IN_UNIT(x, 'arcsec')", "x", "deg", "arcsec"),
    ("IN_UNIT((-x), 'rad')", "x", "deg", "rad"),
    ("IN_UNIT(r, 'mas')", "r", "arcsec", "mas"),
    ("IN_UNIT(i, 'km')", "i", "m", "km"),
    ("IN_UNIT(v, 'm/s')", "v", "km/s", "m/s"),
    ("IN_UNIT(x + x, 'arcmin')", "x", "deg", "arcmin"),
]


@pytest.mark.parametrize(("expression", "name", "one", "other"), CONVERTED)
def test_in_unit_converts_on_both_engines(values, expression: str, name: str, one: str, other: str) -> None:
    # ADQL-128, ADQL-129
    factor = u.Unit(one, format="vounit").to(u.Unit(other, format="vounit"))
    factor *= -1 if "-x" in expression else 2 if "+" in expression else 1
    found = values.column(expression)
    for got, value in zip(found, ROWS[name], strict=True):
        if value is None:
            assert got is None
        else:
            stored = float(np.float32(value)) if name == "r" else float(value)
            assert isinstance(got, float)
            assert got == pytest.approx(stored * factor, rel=1e-14, nan_ok=True)
    (column,) = values.columns(expression)
    assert (column.datatype, column.arraysize, column.unit) == ("double", None, other)


def test_in_unit_keeps_the_ucd_and_takes_aggregates_and_constants(values) -> None:
    # ADQL-128
    (kept,) = values.columns("IN_UNIT(x, 'rad')")
    mean, angle = values.columns("IN_UNIT(AVG(x), 'rad')", "IN_UNIT(ATAN(1), 'deg')")
    assert (kept.ucd, kept.unit) == ("pos.eq.ra;meta.main", "rad")
    assert (mean.ucd, mean.unit) == ("pos.eq.ra;stat.mean", "rad")
    assert angle.unit == "deg"
    assert values.column("IN_UNIT(ATAN(1), 'deg')", "WHERE n = 1") == [pytest.approx(45.0, rel=1e-15)]


REFUSED = [
    # expression, column of the error (after "SELECT "), words
    ("IN_UNIT(x, 'parrot')", 12, "'parrot' is no unit"),
    ("IN_UNIT(x, 'arcsecs')", 12, "did you mean arcsec"),
    ("IN_UNIT(x, 'kg')", 12, "deg cannot be converted to kg"),
    ("IN_UNIT(y, 'Hz')", 12, "s cannot be converted to Hz"),
    ("IN_UNIT(x, '')", 12, "is no unit"),
    ("IN_UNIT(x, 'mag')", 12, "mag is a logarithmic scale"),
    ("IN_UNIT(x, 'dB')", 12, "dB is a logarithmic scale"),
    ("IN_UNIT(x, 'unknown')", 12, "can be anything"),
    ("IN_UNIT(x, 'degC')", 12, "is no unit"),
    ("IN_UNIT(x, '''furlong''')", 12, "is no unit"),
    ("IN_UNIT(z, 'deg')", 9, "column z has no unit that is known"),
    ("IN_UNIT(42, 'kg')", 9, "42 has no unit that is known"),
    ("IN_UNIT(40+2, 'deg')", 11, "a number has no unit"),
    ("IN_UNIT(SQRT(42), 'deg')", 9, "a number has no unit"),
    ("IN_UNIT(x + y, 'deg')", 11, "a number has no unit"),
    ("IN_UNIT(SIN(x), 'deg')", 9, "a number has no unit"),
    ("IN_UNIT(c, 'deg')", 9, "is a number, not text"),
    ("IN_UNIT(NULL, 'deg')", 9, "NULL"),
]


@pytest.mark.parametrize(("expression", "column", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_in_unit_refuses(expression: str, column: int, words: str) -> None:
    # ADQL-129, ADQL-249
    with pytest.raises(AdqlError) as caught:
        resolve(parse(f"SELECT {expression} FROM vals.row"), {"vals.row": TABLE})
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.column) == (1, column + 7)
