"""Parameters: names in any case, single or many, and errors that say what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.dali.errors import ServiceError
from vo_service.dali.parameters import FORMAT, MAXREC, RESPONSEFORMAT, RUNID, Form, Parameter, plain

QUERY = Parameter("QUERY", plain, "a text", keep_empty=True)
UPLOAD = Parameter("UPLOAD", plain, "many", many=True)


@given(st.sampled_from(["MAXREC", "maxrec", "MaxRec", " maxrec"]), st.integers(0, 10**17))
def test_names_are_read_in_any_case(name: str, number: int) -> None:
    # DALI-040, TAP-020
    assert Form.of([(name, str(number))]).one(MAXREC) == number


def test_values_keep_their_case_and_blanks() -> None:
    # TAP-021
    assert Form.of([("Query", " Select X ")]).one(QUERY) == " Select X "


def test_unknown_names_are_ignored() -> None:
    # TAP-022, DALI-043
    assert Form.of([("FOO", "1"), ("VERSION", "1.0")]).one(MAXREC) is None


@pytest.mark.parametrize(("first", "second"), [("MAXREC", "maxrec"), ("MAXREC", "MAXREC")])
def test_a_single_valued_parameter_given_twice_is_an_error_even_when_equal(first: str, second: str) -> None:
    # DALI-041, TAP-025
    with pytest.raises(ServiceError, match="MAXREC was given 2 times") as caught:
        Form.of([(first, "1"), (second, "1")]).one(MAXREC)
    assert caught.value.status == 400


def test_many_valued_parameters_keep_their_order() -> None:
    # DALI-042
    assert Form.of([("UPLOAD", "b"), ("x", "1"), ("upload", "a")]).every(UPLOAD) == ("b", "a")


@pytest.mark.parametrize("parameter", [MAXREC, RESPONSEFORMAT, FORMAT, RUNID, UPLOAD])
def test_an_empty_value_counts_as_none(parameter: Parameter[object]) -> None:
    # DALI-043
    assert Form.of([(parameter.name, "")]).every(parameter) == ()


def test_an_empty_value_is_kept_where_the_parameter_says_so() -> None:
    assert Form.of([("QUERY", "")]).one(QUERY) == ""


@pytest.mark.parametrize("text", ["-1", "1.5", "abc", "1e3", "0x10", "1_000", "١"])
def test_a_maxrec_that_is_no_count_is_an_error_that_shows_it(text: str) -> None:
    # TAP-070, DALI-060
    with pytest.raises(ServiceError, match=r"MAXREC=.*whole number") as caught:
        Form.of([("MAXREC", text)]).one(MAXREC)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", [str(2**31), str(10**12), str(2**64), "9" * 5000, " 5 ", "+7"])
def test_a_huge_maxrec_is_read(text: str) -> None:
    # TAP-070
    number = Form.of([("MAXREC", text)]).one(MAXREC)
    assert number is not None and number >= min(int(text[:18]), 10**18)


def test_a_runid_has_64_characters_at_most() -> None:
    # TAP-028, DALI-046
    assert Form.of([("RUNID", "x" * 64)]).one(RUNID) == "x" * 64
    with pytest.raises(ServiceError, match="64 characters"):
        Form.of([("RUNID", "x" * 65)]).one(RUNID)


def test_an_error_repeats_a_long_value_only_in_part() -> None:
    with pytest.raises(ServiceError) as caught:
        Form.of([("MAXREC", "z" * 10000)]).one(MAXREC)
    assert len(caught.value.message) < 300
