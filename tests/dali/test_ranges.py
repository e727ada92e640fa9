"""Byte ranges against a plain list of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.dali.ranges import NotSatisfiable, Span, wanted_spans


@pytest.mark.parametrize(
    ("header", "size", "spans"),
    [
        (None, 10, ()),
        ("bytes=0-3", 10, (Span(0, 4),)),
        ("bytes=4-", 10, (Span(4, 10),)),
        ("bytes=-3", 10, (Span(7, 10),)),
        ("bytes=-30", 10, (Span(0, 10),)),
        ("bytes=8-99", 10, (Span(8, 10),)),
        ("Bytes = 0-0", 10, (Span(0, 1),)),
        ("bytes=0-1, 5-6", 10, (Span(0, 2), Span(5, 7))),
        ("bytes=5-6,0-1", 10, (Span(5, 7), Span(0, 2))),
        ("bytes=0-4,3-6,7-7", 10, (Span(0, 8),)),
        ("bytes=0-1,50-60", 10, (Span(0, 2),)),
        ("lines=0-3", 10, ()),
        ("bytes=3-1", 10, ()),
        ("bytes=a-b", 10, ()),
        ("bytes=-", 10, ()),
        ("bytes=", 10, ()),
        ("bytes", 10, ()),
        ("bytes=" + ",".join(["0-1"] * 51), 10, ()),
        (f"bytes={'9' * 5000}-", 10, ()),
        (f"bytes=-{'9' * 5000}", 10, ()),
        ("bytes=\N{ARABIC-INDIC DIGIT ONE}-", 10, ()),
    ],
)
def test_a_header_asks_for_these_spans(header: str | None, size: int, spans: tuple[Span, ...]) -> None:
    assert wanted_spans(header, size) == spans


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=20-30,40-", 10)]
)
def test_ranges_beyond_the_end_are_an_error(header: str, size: int) -> None:
    with pytest.raises(NotSatisfiable):
        wanted_spans(header, size)


@given(
    size=st.integers(1, 60),
    asked=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)).map(sorted), min_size=1, max_size=5),
)
def test_spans_hold_the_bytes_asked_for_and_no_others(size: int, asked: list[list[int]]) -> None:
    header = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    wanted = {byte for first, last in asked for byte in range(first, last + 1) if byte < size}
    try:
        spans = wanted_spans(header, size)
    except NotSatisfiable:
        assert not wanted
        return
    given_bytes = [byte for span in spans for byte in range(span.start, span.stop)]
    assert set(given_bytes) == wanted
    assert len(given_bytes) == len(set(given_bytes))


def test_a_span_writes_its_own_header() -> None:
    assert Span(2, 5).content_range(10) == "bytes 2-4/10"
