"""What users are told, and what they are not warned of: digits enough, the right hint, the version."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tap_schema import published
from vo_service.adql import AdqlError, declared, parse, resolve
from vo_service.adql.functions.table import FUNCTIONS
from vo_service.adql.language.features import FEATURES

Refusal = Callable[[str], AdqlError]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("POINT(1, -90.0000001)", "the latitude -90.0000001 is beyond 90 degrees"),
        ("POINT(1, 91)", "the latitude 91 is beyond 90 degrees"),
        ("ivo_healpix_index(2, s_ra, 90.0000001)", "the latitude 90.0000001 is beyond 90 degrees"),
        ("CIRCLE(1, 2, -1.00000001)", "the radius -1.00000001 is negative"),
        ("CAST(2147483648.25 AS INTEGER)", "2147483648.25 is beyond INTEGER"),
        ("CAST(9223372036854775807 AS INTEGER)", "9223372036854775807 is beyond INTEGER"),
        ("ivo_normal_random(0, -1.00000001)", "the standard deviation -1.00000001 is negative"),
    ],
)
def test_numbers_in_messages_are_those_of_the_query(refusal: Refusal, expression: str, said: str) -> None:
    # ADQL-131, ADQL-134, ADQL-123
    assert refusal(f"SELECT {expression} FROM ivoa.obscore").message == said


def test_in_a_query_of_another_type_says_both_types(refusal: Refusal) -> None:
    # ADQL-086
    error = refusal("SELECT obs_id FROM ivoa.obscore WHERE obs_id IN (SELECT s_ra FROM ivoa.obscore)")
    assert error.message == "IN compares text with column s_ra, which is a number"
    error = refusal("SELECT obs_id FROM ivoa.obscore WHERE s_ra IN (SELECT obs_id FROM ivoa.obscore)")
    assert error.message == "IN compares a number with column obs_id, which is text"


def test_the_service_of_the_catalogue_has_a_hint(refusal: Refusal) -> None:
    # ADQL-188
    for name in ("ivo_simbadpoint", "IVO_SIMBADPOINT"):
        error = refusal(f"SELECT {name}('M83') FROM ivoa.obscore")
        assert error.hint == "write source('M83')"


def test_a_coordinate_system_is_no_fault_in_2_0() -> None:
    # ADQL-132, ADQL-192: there it has to be written
    query = "SELECT CIRCLE('ICRS', s_ra, s_dec, 1) AS v FROM ivoa.obscore"
    assert resolve(parse(query, "2.0"), published()).warnings == ()
    (warning,) = resolve(parse(query), published()).warnings
    assert "deprecated" in warning


def test_parts_of_functions_are_neither_declared_nor_called(refusal: Refusal) -> None:
    # ADQL-170, ADQL-171: what starts with _ is for the makers of forms alone
    hidden = [name for name in FUNCTIONS if name.startswith("_")]
    assert hidden
    told = [feature.form for group in declared().values() for feature in group]
    told += [feature.name for feature in FEATURES]
    assert not [form for form in told if form.lstrip().startswith("_")]
    for name in hidden:
        assert not FUNCTIONS[name].signatures
        for called in (name, name.upper(), f'"{name}"'):
            error = refusal(f"SELECT {called}(1, 2) FROM ivoa.obscore")
            assert "_" not in (error.hint or "").replace('"_name"', "")


def test_a_statistic_of_a_statistic_is_named_once() -> None:
    # ADQL-069
    query = "SELECT MAX(peak) AS a, MIN(peak) AS b FROM holdings.measurement"
    columns = resolve(parse(query), published()).query.columns
    assert [facts.ucd for *_, facts in columns] == [
        "phot.flux.density;stat.max",
        "phot.flux.density;stat.max;stat.min",
    ]
