"""The line list: its facts against published ones and against physics, and the names it answers to."""

from __future__ import annotations

import csv
import gzip
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.spectral import LINES, Line, UnknownLine, line
from vo_service.spectral.lines import SOURCES, VERSION

# Ladders of linear molecules by upper level.
LADDERS = (
    "CO",
    "13CO",
    "C18O",
    "C17O",
    "HCN",
    "HCO+",
    "HNC",
    "CS",
    "C34S",
    "13CS",
    "N2H+",
    "SiO",
    "DCO+",
    "DCN",
)
LADDERS += ("N2D+", "H13CN", "H13CO+", "HC15N", "HC3N", "DNC")


def ladder(species: str) -> list[tuple[int, float]]:
    found = [(re.fullmatch(r"(\d+)-(\d+)", one.transition), one) for one in LINES if one.species == species]
    return [(int(match.group(1)), one.rest_hz) for match, one in found if match]


@pytest.mark.parametrize(
    ("name", "rest_ghz"),
    [
        ("CO(1-0)", 115.2712018),
        ("CO(2-1)", 230.538),
        ("CO(3-2)", 345.7959899),
        ("13CO(2-1)", 220.3986842),
        ("C18O(1-0)", 109.7821734),
        ("HCN(1-0)", 88.6316),
        ("HCO+(4-3)", 356.734223),
        ("N2H+(1-0)", 93.1734),
        ("CS(5-4)", 244.9355565),
        ("[CI](1-0)", 492.160651),
        ("[CI](2-1)", 809.34197),
        ("[CII]158", 1900.5369),
        ("[NII]205", 1461.1314),
        ("[OI]63", 4744.7775),
        ("[OI]145", 2060.0689),
        ("[OIII]88", 3393.0062),
        ("H2O 6(1,6)-5(2,3)", 22.23508),
        ("H2O 3(1,3)-2(2,0)", 183.31009),
        ("H2O 5(1,5)-4(2,2)", 325.1529),
        ("H30a", 231.90093),
        ("H40a", 99.02295),
    ],
)
def test_well_known_frequencies(name, rest_ghz):
    assert line(name).rest_hz == pytest.approx(rest_ghz * 1e9, rel=2e-7)


def test_list_is_long_enough_and_names_its_sources():
    assert len(LINES) >= 60
    assert VERSION
    assert {one.source for one in LINES} == set(SOURCES)
    assert len({one.name for one in LINES}) == len(LINES)
    assert all(20e9 < one.rest_hz < 6e12 for one in LINES)


@pytest.mark.parametrize("species", LADDERS)
def test_ladders_are_those_of_a_rotor(species):
    # A rigid rotor with centrifugal distortion: nu = 2 B J - 4 D J^3 (+ H); no misprint survives this fit.
    levels, rest = (np.array(values) for values in zip(*ladder(species), strict=True))
    terms = np.stack([levels ** (2.0 * power + 1.0) for power in range(3 if len(levels) > 5 else 2)], axis=1)
    constants, *_ = np.linalg.lstsq(terms, rest, rcond=None)
    assert np.abs(rest - terms @ constants).max() < 60e3
    assert constants[0] > 0 > constants[1]


def test_recombination_lines_follow_rydberg():
    c, rydberg, ratio = 299792458.0, 10973731.568160, 1836.15267343
    for one in LINES:
        if one.species == "H":
            n = int(one.transition.removesuffix("a"))
            expected = c * rydberg / (1 + 1 / ratio) * (1 / n**2 - 1 / (n + 1) ** 2)
            assert one.rest_hz == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("one", LINES, ids=lambda one: one.name)
def test_every_name_and_alias_leads_home(one: Line):
    names = [one.name, *one.aliases, f"{one.species} {one.transition}", f"{one.species}({one.transition})"]
    for name in names:
        assert line(name) is one


@pytest.mark.parametrize(
    "name",
    [
        "CO 2-1",
        "CO(J=2-1)",
        "12CO(2-1)",
        "co(2-1)",
        "CO J=2-1",
        "CO_2-1",
        " CO ( 2 - 1 ) ",
        "CO(2\u20131)",
        "CO(2\u22121)",
        "CO(2\u20111)",
        "CO J=2\u21921",
        "12CO 2->1",
    ],
)
def test_spelling_of_co_2_1_does_not_matter(name):
    assert line(name).name == "CO(2-1)"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("[CII]", "[CII]158"),
        ("CII 158", "[CII]158"),
        ("[CII] 158 um", "[CII]158"),
        ("[C II] 158\u03bcm", "[CII]158"),
        ("[OIII]88 micron", "[OIII]88"),
        ("CI(1-0)", "[CI](1-0)"),
        ("H30\u03b1", "H30a"),
        ("H(30)alpha", "H30a"),
        ("H30 Alpha", "H30a"),
        ("CCH(1-0)", "C2H(N=1-0,J=3/2-1/2)"),
        ("CN(2-1)", "CN(N=2-1,J=5/2-3/2)"),
        ("H2CO 303-202", "H2CO(3(0,3)-2(0,2))"),
        ("H2CO 3_03-2_02", "H2CO(3(0,3)-2(0,2))"),
        ("methanol 7(0,7)-6(0,6)A", "CH3OH(7(0,7)-6(0,6)A)"),
    ],
)
def test_other_spellings(written, name):
    assert line(written).name == name


@given(st.sampled_from(LINES), st.randoms(use_true_random=False))
def test_case_and_blanks_never_matter(one, random):
    changed = "".join(random.choice((letter.upper(), letter.lower())) for letter in one.name)
    place = random.randrange(len(changed) + 1)
    assert line(f" {changed[:place]}{changed[place:]}\t") is one
    assert line(one.name.replace("(", " ( ")) is one


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("CO(2-2)", "CO(2-1)"),
        ("CO", "CO(1-0)"),
        ("[CI]", "[CI](1-0)"),
        ("HCOp(1-0)", "HCO+(1-0)"),
        ("H30b", "H30a"),
        ("13C0(2-1)", "13CO(2-1)"),
    ],
)
def test_unknown_lines_name_close_ones(written, near):
    with pytest.raises(UnknownLine) as caught:
        line(written)
    assert near in caught.value.near
    assert caught.value.name == written
    assert near in str(caught.value)


@pytest.mark.parametrize("written", ["", " ", "xyzzy", "230.538"])
def test_nonsense_has_no_close_line(written):
    with pytest.raises(UnknownLine) as caught:
        line(written)
    assert caught.value.near == ()


@pytest.mark.data
def test_frequencies_agree_with_splatalogue(real_data):
    names = {"c-C3H2": "c-HCCCH", "C2H": "CCH", "SO": "SO3&Sigma;"}
    theirs: dict[str, list[float]] = {}
    with gzip.open(real_data / "catalogues/splatalogue.csv.gz", "rt") as stream:
        for row in csv.reader(stream, delimiter=":", quoting=csv.QUOTE_NONE):
            if len(row) > 6 and (text := row[2] or row[4]).replace(".", "").isdigit():
                theirs.setdefault(row[0].removesuffix("v=0").removesuffix("vt=0"), []).append(
                    float(text) * 1e9
                )
    checked = 0
    for one in LINES:
        near = np.abs(np.array(theirs.get(names.get(one.species, one.species), [])) - one.rest_hz)
        if near.size and near.min() < 3e6:
            checked += 1
            assert near.min() < 110e3, one.name  # printed to 10 kHz, some are older laboratory values
    assert checked >= 100
