"""QA2 criteria against the numbers as printed in their source, retyped here."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.spectral.criteria import (
    PASS,
    RELAXED,
    Verdict,
    astrometric_accuracy,
    beam_area,
    beam_area_within,
    flux_accuracy,
    rms_within,
    verdict,
)

# band: limit, relaxed limit, flux accuracy
PRINTED = {
    1: (None, None, None),
    2: (None, None, None),
    3: (1.10, 1.4, 0.05),
    4: (1.10, 1.4, 0.05),
    5: (1.10, 1.4, None),
    6: (1.10, 1.4, 0.10),
    7: (1.15, 1.5, 0.10),
    8: (1.15, 1.5, 0.20),
    9: (1.20, 1.6, 0.20),
    10: (None, None, None),
}

unknown = st.sampled_from([None, math.nan, math.inf, 0.0, -1.0])
answer = st.sampled_from([True, False, None])


@pytest.mark.parametrize("band", sorted(PRINTED))
def test_noise_limits_are_those_printed(band: int) -> None:
    for criteria, limit in zip((PASS, RELAXED), PRINTED[band][:2], strict=True):
        if limit is None:
            assert rms_within(band, 1.0, 1.0, criteria) is None
            continue
        assert rms_within(band, limit * 2.0 * 0.999, 2.0, criteria) is True
        assert rms_within(band, limit * 2.0 * 1.001, 2.0, criteria) is False
        assert rms_within(band, limit * 2.0, 2.0, criteria) is False  # "less than"


@pytest.mark.parametrize("band", sorted(PRINTED))
def test_flux_accuracies_are_those_printed(band: int) -> None:
    assert flux_accuracy(band) == PRINTED[band][2]


def test_an_unknown_band_has_no_criterion() -> None:
    assert rms_within(None, 1.0, 1.0, PASS) is None
    assert flux_accuracy(None) is None


@pytest.mark.parametrize(
    ("ratio", "strict", "relaxed"),
    [
        (1.0, True, True),
        (1.19, True, True),
        (1.21, False, True),
        (0.81, True, True),
        (0.79, False, True),
        (1.49, False, True),
        (1.51, False, False),
        (0.51, False, True),
        (0.49, False, False),
    ],
)
def test_beam_limits_count_both_ways(ratio: float, strict: bool, relaxed: bool) -> None:
    assert beam_area_within(3.0 * ratio, 3.0, PASS) is strict
    assert beam_area_within(3.0 * ratio, 3.0, RELAXED) is relaxed


@given(value=unknown, known=st.floats(1e-9, 1e9))
def test_what_is_not_known_gives_no_answer(value: float | None, known: float) -> None:
    for criteria in (PASS, RELAXED):
        assert rms_within(6, value, known, criteria) is None
        assert rms_within(6, known, value, criteria) is None
        assert beam_area_within(value, known, criteria) is None
        assert beam_area_within(known, value, criteria) is None
    assert astrometric_accuracy(value, known) is None
    assert beam_area(known, value) is None


@given(band=st.integers(1, 10), achieved=st.floats(1e-6, 1e6), requested=st.floats(1e-6, 1e6))
def test_what_passes_passes_relaxed_too(band: int, achieved: float, requested: float) -> None:
    if rms_within(band, achieved, requested, PASS):
        assert rms_within(band, achieved, requested, RELAXED)
    if beam_area_within(achieved, requested, PASS):
        assert beam_area_within(achieved, requested, RELAXED)


@pytest.mark.parametrize(
    ("strict", "relaxed", "expected"),
    [
        ((True, True), (True, True), Verdict.PASSED),
        ((False, True), (True, True), Verdict.RELAXED),
        ((True, False), (True, True), Verdict.RELAXED),
        ((False, True), (False, True), Verdict.FAIL),
        ((None, False), (None, False), Verdict.FAIL),
        ((None, True), (None, True), None),
        ((None, True), (True, True), None),
        ((None, None), (None, None), None),
        ((False, None), (True, None), None),
    ],
)
def test_verdicts(strict, relaxed, expected) -> None:
    assert verdict(strict, relaxed) is expected


@given(strict=st.tuples(answer, answer), relaxed=st.tuples(answer, answer))
def test_no_unknown_answer_could_change_a_verdict(strict, relaxed) -> None:
    given_verdict = verdict(strict, relaxed)
    if given_verdict is None:
        return
    for one in (True, False):
        filled = tuple(
            tuple(one if each is None else each for each in answers) for answers in (strict, relaxed)
        )
        # an answer that is true under the strict limit is true under the relaxed one
        if all(not s or r for s, r in zip(*filled, strict=True)):
            assert verdict(*filled) is given_verdict


def test_areas_and_positions_of_a_beam() -> None:
    # integral of exp(-4 ln2 r^2) over the plane, by numbers
    step = 0.01
    axis = [step * index for index in range(-400, 401)]
    line = sum(math.exp(-4.0 * math.log(2.0) * x * x) * step for x in axis)
    assert beam_area(1.0, 1.0) == pytest.approx(line * line, rel=1e-6)
    assert beam_area(2.0, 0.5) == pytest.approx(beam_area(1.0, 1.0))
    assert astrometric_accuracy(0.4, 0.4) == pytest.approx(0.04)
    assert astrometric_accuracy(0.8, 0.2) == pytest.approx(0.04)
