"""Canonical words: equal for equal meanings in any spelling, and for no others; read, they mean the same.

The property tests draw what a request means, and spell it in some way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vo_service.dali.parameters import Form
from vo_service.products.wanted import Wanted
from vo_service.sky import Range
from vo_service.soda.request import read_requests
from vo_service.spectral import LINES, Frame

C = 299792458.0


def read(pairs: Sequence[tuple[str, str]]) -> Wanted:
    (found,) = read_requests(Form.of([("ID", "d"), *pairs]), "sync")
    return found.wanted


def one(**sent: str) -> Wanted:
    return read(list(sent.items()))


SPELLINGS = (
    repr,
    lambda number: f"{number:+.17e}",
    lambda number: f"{number:.17E}",
    lambda number: f" {number!r}\t",
)


@st.composite
def numbers(draw: st.DrawFn, *drawn: float) -> str:
    return " ".join(draw(st.sampled_from(SPELLINGS))(number) for number in drawn)


@st.composite
def meanings(draw: st.DrawFn) -> dict[str, tuple[float, ...] | str | list[str]]:
    """Parameters that may be sent together, with numbers or words as values."""
    positive = st.floats(1e-3, 1e3)
    found: dict[str, tuple[float, ...] | str | list[str]] = {}

    def maybe(name: str, value: st.SearchStrategy[object]) -> None:
        if draw(st.booleans()):
            found[name] = draw(value)  # type: ignore[assignment]

    place = draw(st.sampled_from(["", "CIRCLE", "POLYGON", "POS", "PIXELS"]))
    lon, lat = draw(st.floats(-400, 400)), draw(st.floats(-80, 80))
    if place == "CIRCLE":
        found[place] = (lon, lat, draw(st.floats(0, 180)))
    elif place == "POLYGON":
        found[place] = (lon, lat, lon + 1.0, lat + draw(st.floats(0.0, 0.5)), lon + 0.5, lat + 1.0)
    elif place == "POS":
        found[place] = (lon, lon + draw(st.floats(0, 400)), lat, min(90.0, lat + draw(positive)))
    elif place == "PIXELS":
        found[place] = f"{draw(st.integers(1, 9))} {draw(st.integers(9, 20))} 3 {draw(st.integers(3, 5))}"
    band = draw(st.sampled_from(["", "BAND", "FREQ", "LINE", "CHANNELS"]))
    if band in ("BAND", "FREQ"):
        low = draw(positive)
        found[band] = (low, low + draw(st.floats(0, 10)))
        maybe("SPECSYS", st.sampled_from([frame.value for frame in Frame]))
    elif band == "LINE":
        found[band] = draw(st.sampled_from(LINES)).name
        maybe("Z", st.tuples(st.floats(-0.9, 10)))
        maybe("WIDTH", st.tuples(st.floats(1.0, 3e5)))
    elif band == "CHANNELS":
        found[band] = f"{draw(st.integers(1, 9))} {draw(st.integers(9, 20))}"
    made = draw(st.sampled_from(["", "MOMENT", "SPECTRUM", "HEADER"]))
    if band == "LINE" or made == "MOMENT":
        maybe("VELDEF", st.sampled_from(["radio", "optical", "relativistic"]))
    maybe("TIME", st.tuples(st.floats(5e4, 6e4), st.floats(6e4, 7e4)))
    maybe("POL", st.lists(st.sampled_from(["I", "Q", "XX", "YY"]), min_size=1))
    if made == "MOMENT":
        found[made] = draw(st.sampled_from("0128"))
    elif made == "SPECTRUM":
        found[made] = draw(st.sampled_from(["mean", "sum", "flux"]))
        maybe("RESPONSEFORMAT", st.just("fits"))
    elif made == "HEADER":
        found[made] = "1"
    else:
        maybe("WITH", st.lists(st.sampled_from(["pb", "mask", "model"]), min_size=1))
    if made in ("", "MOMENT"):
        maybe("REBIN", st.sampled_from(["2 2 1", "1 1 1", "1 1 7"]))
        if place in ("CIRCLE", "POLYGON", "POS"):
            maybe("OUTSIDE", st.just("blank"))
    return found


@st.composite
def spelt(draw: st.DrawFn, meaning: dict[str, tuple[float, ...] | str | list[str]]) -> list[tuple[str, str]]:
    """Pairs that mean this, in some order, case and writing."""
    pairs: list[tuple[str, str]] = []
    for name, value in meaning.items():
        if isinstance(value, list):
            texts = draw(st.permutations(value))
            pairs += [(name, text.swapcase() if draw(st.booleans()) else text) for text in texts]
            continue
        text = value if isinstance(value, str) else draw(numbers(*value))
        if name == "POS":
            text = f"Range {text}"
        elif name in ("CIRCLE", "POLYGON") and draw(st.booleans()):
            name, text = "POS", f"{name} {text}"
        elif name in ("MOMENT", "SPECTRUM", "OUTSIDE", "VELDEF", "SPECSYS"):
            text = draw(st.sampled_from([text.lower(), text.upper(), f" {text} "]))
        pairs.append((name, text))
    pairs = draw(st.permutations(pairs))
    return [(name.lower() if draw(st.booleans()) else name, text) for name, text in pairs]


@given(st.data())
def test_the_same_meaning_has_the_same_words(data: st.DataObject) -> None:
    # SODA-045
    meaning = data.draw(meanings())
    first, second = (read(data.draw(spelt(meaning))) for _ in range(2))
    assert first == second
    assert first.canonical.isascii()


@given(st.data())
def test_canonical_words_ask_for_the_same_again(data: st.DataObject) -> None:
    wanted = read(data.draw(spelt(data.draw(meanings()))))
    assert read(wanted.said) == wanted


@given(st.data())
def test_other_meanings_have_other_words(data: st.DataObject) -> None:
    one, two = (read(data.draw(spelt(data.draw(meanings())))) for _ in range(2))
    parts = [(w.constraints, w.companions, w.blank, w.rebin, w.result) for w in (one, two)]
    assert (parts[0] == parts[1]) == (one.said == two.said) == (one.canonical == two.canonical)


@given(st.data())
def test_any_one_number_that_changes_changes_the_words(data: st.DataObject) -> None:
    meaning = data.draw(meanings())
    tuples = [name for name, value in meaning.items() if isinstance(value, tuple) and name != "POS"]
    if not tuples:
        return
    name = data.draw(st.sampled_from(tuples))
    value = meaning[name]
    assert isinstance(value, tuple)
    changed = (*value[:-1], float(np.nextafter(value[-1], 1e9) * (1 + 1e-12)))
    if (name == "WIDTH" and changed[-1] > 3e5) or (name == "CIRCLE" and value[-1] >= 179.9):
        return
    before = read(data.draw(spelt(meaning)))
    after = read(data.draw(spelt({**meaning, name: changed})))
    assert before.said != after.said


def test_wavelengths_and_frequencies_have_one_writing() -> None:
    band = one(BAND="0.0013 +Inf")
    assert band == one(FREQ=f"-Inf {C / 0.0013!r}")
    assert band.canonical == f"FREQ=0.0 {C / 0.0013!r}"
    assert one(BAND="-Inf +Inf").canonical == "FREQ=0.0 +Inf"
    assert one().constraints.frequencies is None


def test_ranges_have_one_writing() -> None:
    assert one(POS="RANGE 350 370 -1 +Inf") == one(POS="range -10 10.0 -1e0 90")
    assert one(POS="RANGE -Inf +Inf -1 1").constraints.shape == Range(0, 360, -1, 1)
    assert one(POS="RANGE 350 370 -1 1").canonical == "POS=RANGE 350.0 10.0 -1.0 1.0"
