"""From rows to bytes: when pieces leave, what is told of a failure and where, and that nothing stays open."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from astropy.io.votable import parse

from tap_schema import Column
from vo_service.asking.tables import Portion, Portions, TableBytes, Told
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.engines import QueryTimeout
from vo_service.formats import OK, OVERFLOW, EncodingError, Outcome, TableDescription, find_format

NUMBER = Column("n", "int", None, None, None, None, None, "A number.")
STALLED = ServiceError(ErrorKind.TIMEOUT, "It was read too slowly.")


class Source:
    """Portions of one row each, with the numbers from 0 on, of which some leave at once."""

    def __init__(self, leaving: Sequence[bool], trouble: Exception | None = None) -> None:
        self.leaving = leaving
        self.trouble = trouble
        self.made = 0
        self.is_open = False

    def portions(self) -> Portions:
        self.is_open = True
        try:
            for number, leaves in enumerate(self.leaving):
                rows = pa.RecordBatch.from_pydict({"n": pa.array([number], NUMBER.arrow_type)})
                self.made += 1
                yield Portion(rows, leaves)
            if self.trouble is not None:
                raise self.trouble
        finally:
            self.is_open = False

    def described(self) -> TableDescription:
        assert self.made == min(1, len(self.leaving)), "it is asked for when the first rows are there"
        return TableDescription((NUMBER,))


def pieces_of(
    source: Source, told: Told, format: str = "votable/td", outcome: Outcome = OK, place: Path | None = None
) -> Iterator[bytes]:
    table = TableBytes(find_format(format), told, lambda error: f"Word: {error.text}", place)
    return table.pieces(source.portions(), source.described, lambda: outcome)


def read(content: bytes) -> tuple[list[int], list[tuple[str, str]]]:
    """The numbers, and what QUERY_STATUS says in turn."""
    resource = parse(io.BytesIO(content)).resources[0]
    infos = [*resource.infos, *resource.tables[0].infos]
    return (
        [int(each) for each in resource.tables[0].array["n"]],
        [(info.value, info.content or "") for info in infos if info.name == "QUERY_STATUS"],
    )


@pytest.mark.parametrize(
    ("leaving", "count"),
    [((), 1), ((False,), 1), ((False, False, False), 1), ((True, False), 2), ((True, True), 3)],
    ids=["none", "one", "held", "first", "all"],
)
def test_rows_leave_when_they_are_to(leaving: tuple[bool, ...], count: int) -> None:
    source, told = Source(leaving), Told()
    pieces = list(pieces_of(source, told, outcome=OVERFLOW))
    assert len(pieces) == count
    numbers, statuses = read(b"".join(pieces))
    assert numbers == list(range(len(leaving))) and statuses[-1][0] == "OVERFLOW"
    assert (told.rows, told.bytes, told.error) == (len(leaving), sum(map(len, pieces)), None)


def test_what_leaves_does_not_wait_for_the_next() -> None:
    source = Source((True, True, False))
    pieces = pieces_of(source, Told())
    for number in (1, 2):
        next(pieces)
        assert source.made == number


@pytest.mark.parametrize("trouble", [STALLED, QueryTimeout(), EncodingError("n", "is odd")], ids=range(3))
def test_trouble_behind_the_first_byte_is_told_behind_the_rows(trouble: Exception) -> None:
    # DALI-114, VOT-123
    source, told = Source((True, False), trouble), Told()
    numbers, statuses = read(b"".join(pieces_of(source, told)))
    assert numbers == [0, 1] and [value for value, _ in statuses] == ["OK", "ERROR"]
    assert told.error is not None and statuses[-1][1].startswith(f"Word: {told.error.text}")
    assert told.rows == 2 and not source.is_open


@pytest.mark.parametrize("trouble", [STALLED, QueryTimeout(), EncodingError("n", "is odd")], ids=range(3))
def test_trouble_before_it_is_raised_for_a_status(trouble: Exception) -> None:
    source, told = Source((False, False), trouble), Told()
    with pytest.raises(ServiceError):
        next(pieces_of(source, told))
    assert told.bytes == 0 and not source.is_open


def test_a_format_without_a_place_for_it_breaks_off() -> None:
    pieces = pieces_of(Source((True, False), STALLED), Told(), "csv")
    assert next(pieces) == b"n\r\n0\r\n"
    with pytest.raises(ServiceError, match="too slowly"):
        next(pieces)


def test_what_is_thrown_in_ends_the_table() -> None:
    source, told = Source((True, True, True)), Told()
    pieces = pieces_of(source, told)
    content = next(pieces)
    content += pieces.throw(STALLED)  # type: ignore[attr-defined]
    content += b"".join(pieces)
    numbers, statuses = read(content)
    assert numbers == [0] and statuses[-1][0] == "ERROR" and told.error is STALLED
    assert not source.is_open


def test_who_leaves_leaves_nothing_open(tmp_path: Path) -> None:
    for format in ("votable", "fits"):
        source = Source((True, True))
        pieces = pieces_of(source, Told(), format, place=tmp_path)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert not source.is_open and list(tmp_path.iterdir()) == []


def test_the_length_is_known_of_what_is_put_aside_first(tmp_path: Path) -> None:
    told = Told()
    content = b"".join(pieces_of(Source((True, True, True)), told, "fits", place=tmp_path))
    assert told.length == len(content) == told.bytes and told.rows == 3
