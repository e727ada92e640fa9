"""The table of parameters: the standard's triples to the letter, and examples that can be sent."""

from __future__ import annotations

import re

import pytest
from astropy.io.votable.ucd import check_ucd

from vo_service.soda.parameters import BULK, PARAMETERS, TABLE, SodaParameter

# SODA 1.0, 3.3 and 3.5: name, UCD, unit, datatype, arraysize, xtype (SODA-015 to SODA-027, SODA-070)
STANDARD = {
    ("ID", "meta.ref.url;meta.curation", None, "char", "*", None),
    ("POS", "pos.outline;obs", None, "char", "*", None),
    ("CIRCLE", "pos.outline;obs", "deg", "double", "3", "circle"),
    ("POLYGON", "pos.outline;obs", "deg", "double", "*", "polygon"),
    ("BAND", "em.wl;stat.interval", "m", "double", "2", "interval"),
    ("TIME", "time.interval;obs.exposure", "d", "double", "2", "interval"),
    ("POL", "meta.code;phys.polarization", None, "char", "*", None),
}
SHAPES = ("POS", "CIRCLE", "POLYGON")
NAMED = pytest.mark.parametrize("parameter", TABLE, ids=lambda one: one.name)


def test_standard_parameters_are_those_of_the_standard() -> None:
    # SODA-070, SODA-082
    assert {
        (one.name, one.ucd, one.unit, one.datatype, one.arraysize, one.xtype)
        for one in TABLE
        if one.standing == "standard"
    } == STANDARD


def test_own_parameters_are_none_of_the_standards() -> None:
    # SODA-092
    assert len({one.name for one in TABLE}) == len(TABLE)
    own = {(one.name, one.ucd, one.unit) for one in TABLE if one.standing != "standard"}
    assert not {name for name, _, _ in own} & {row[0] for row in STANDARD}
    assert {one.name for one in TABLE if one.standing == "product"} == {"MOMENT", "SPECTRUM", "HEADER"}


@NAMED
def test_ucds_are_words_of_the_list(parameter: SodaParameter[object]) -> None:
    assert check_ucd(parameter.ucd, check_controlled_vocabulary=True)


@NAMED
def test_declarations_are_such_as_clients_can_show(parameter: SodaParameter[object]) -> None:
    # SODA-094, SODA-082, DL-096: no lone real with an empty value, intervals of two, circles of three
    if parameter.datatype == "double":
        assert parameter.arraysize in ("1*", "2", "3", "*")
    if parameter.xtype == "interval":
        assert parameter.arraysize == "2"


@NAMED
def test_what_a_description_shows_can_be_sent(parameter: SodaParameter[object]) -> None:
    # SODA-093, SODA-094: an example and a default each, and every option is a value
    for option in parameter.options:
        parameter.parse(option.value)
    if parameter.name == "ID":
        return
    assert "Leave empty" in parameter.description
    found = re.search(r"[eE]\.g\. (.+?)(?:;|\.(?: |$)|: )", parameter.description)
    assert found is not None or parameter.options
    for example in found[1].split(" or ") if found else ():
        parameter.parse(example)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_may_come_several_times(mode: str) -> None:
    # SODA-012, SODA-027: one value each at sync, but POL and WITH
    many = {one.name for one in TABLE if one.repeats(mode)}  # type: ignore[arg-type]
    shared = {"POL", "WITH"}
    assert many == (shared if mode == "sync" else shared | {"ID", *SHAPES, "BAND", "FREQ", "TIME"})


def test_jobs_know_what_may_come_several_times() -> None:
    # SODA-065
    many = {one.name for one in PARAMETERS if one.many}
    assert many == {one.name for one in (*TABLE, *BULK) if one.repeats("async")}
    assert {"RUNID", "RESPONSEFORMAT", "MAXREC"} <= {one.name for one in PARAMETERS}
