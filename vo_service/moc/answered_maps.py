"""The coverage map of an answer: of all data sets that meet the constraints of a request, as they are seen by
whoever asks.

An answer that was mapped before is not asked for again: the same constraints have the same footprints for as
long as the snapshot is the same, no release date has passed, and the viewer has the same rights.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from hips.mocs.answers import map_of_fields
from hips.mocs.maps import SpaceMap
from hips.mocs.writing import Label, write_map
from vo_service.access import ANONYMOUS, READ_ALL
from vo_service.asking.answers import answered, counted
from vo_service.asking.constraints import IMAGES, Condition, Constraints
from vo_service.asking.constraints.uploaded import map_terms
from vo_service.asking.queries import Asker, Queries
from vo_service.asking.tables import Told
from vo_service.asking.uploads import UPLOAD, UploadReader, check_of, read_within
from vo_service.dali.parameters import Form
from vo_service.dali.streams import Cancellation, Work
from vo_service.moc.footprints import COLUMNS, Footprints
from vo_service.moc.kept_maps import KeptBySize
from vo_service.moc.map_request import MapRequest
from vo_service.products.identifiers import kept_spelling
from vo_service.query import Question
from vo_service.sky import Moc

_KEPT_BYTES: Final = 64 << 20
_DATES: Final = "SELECT DISTINCT obs_release_date FROM ivoa.obscore WHERE obs_release_date IS NOT NULL"


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """The answer that is wanted, as a map in this form; ``form`` is what it was read from."""

    constraints: Constraints
    map: MapRequest
    runid: str | None
    form: Form


@dataclass(frozen=True, slots=True)
class _State:
    """A snapshot, and how many release dates are past at a moment: rights to rows depend on nothing else.
    None where another snapshot came meanwhile."""

    number: int
    passed: int | None


@dataclass(slots=True)
class _Dates:
    """The release dates of a snapshot, in their order."""

    number: int = -1
    dates: list[datetime] = field(default_factory=list)


class AnsweredMaps:
    """Makes and keeps the maps of answers of one process. ``most`` is the number of different footprints that
    one is made of at most, ``authority`` that of identifiers here; it may block. Safe to use from many
    threads."""

    def __init__(
        self, queries: Queries, authority: Callable[[], str], uploads: UploadReader, most: int
    ) -> None:
        self.uploads = uploads
        self._queries = queries
        self._authority = authority
        self._most = most
        self._dates = _Dates()
        self._kept: KeptBySize[SpaceMap] = KeptBySize(_KEPT_BYTES)

    def work(self, request: AnswerRequest, asker: Asker) -> Work:
        """What makes the bytes of a map, in one piece. It raises ServiceError: 400 for constraints that are
        none, and where there are too many footprints; all that a query may end with."""
        return partial(self._pieces, request, asker)

    def _pieces(
        self, request: AnswerRequest, asker: Asker, cancellation: Cancellation
    ) -> Generator[bytes, None, None]:
        until = time.monotonic() + asker.seconds
        told = Told()
        condition = self._condition(request, asker, cancellation, until, told)
        with counted(told, self._queries.account, request.runid, cancellation):
            with self._queries.current.use() as (snapshot, _):
                number, created = snapshot.number, datetime.fromisoformat(snapshot.manifest.created)
            one = self._map(request, condition, asker, number, cancellation, until)
            label = Label("ANSWER", None, f"ivo://{self._authority()}", created)
            content = write_map(request.map.applied(one), request.map.form, label)
            told.bytes = len(content)
        yield content

    def _condition(
        self, request: AnswerRequest, asker: Asker, cancellation: Cancellation, until: float, told: Told
    ) -> Condition:
        maps = read_within(
            lambda check: map_terms(self.uploads, request.form, asker.parts, check),
            cancellation,
            until,
            told,
            self._queries.account,
            request.runid,
        )
        spelling = partial(kept_spelling, authority=self._authority())
        return request.constraints.condition(spelling, maps, IMAGES)

    def _map(
        self,
        request: AnswerRequest,
        condition: Condition,
        asker: Asker,
        number: int,
        cancellation: Cancellation,
        until: float,
    ) -> SpaceMap:
        """The map as fine as it comes, kept or made."""
        state = self._state(asker, number, cancellation, until)
        # a file is no part of the key, wherever it came from
        key = None if request.form.every(UPLOAD) else _key(request.constraints, asker, state)
        known = None if key is None else self._kept.find(key)
        if known is not None:
            return known
        seen, made = self._made(condition, asker, cancellation, until)
        if key is not None and seen == number:
            self._kept.keep(key, made, made.words.nbytes + _size(request.constraints, condition))
        return made

    def _made(
        self, condition: Condition, asker: Asker, cancellation: Cancellation, until: float
    ) -> tuple[int, SpaceMap]:
        """The map, and the number of the snapshot that it is of."""
        # the engine compares texts of regions, and hands out each footprint once
        question = Question(
            condition.adql((f"DISTINCT {COLUMNS[0]}", *COLUMNS[1:])), uploads=condition.uploads
        )
        context = self._queries.context(asker, until - time.monotonic())
        check = check_of(cancellation, until)
        footprints = Footprints(self._most)
        with answered(question, context, self._queries.current, cancellation) as answer:
            for batch in answer.batches:
                check()
                footprints.take(batch)
        return answer.snapshot, map_of_fields(footprints.fields(), check)

    def _state(self, asker: Asker, number: int, cancellation: Cancellation, until: float) -> _State:
        known = self._dates
        if known.number != number:
            context = self._queries.context(replace(asker, viewer=ANONYMOUS), until - time.monotonic())
            with answered(Question(_DATES), context, self._queries.current, cancellation) as answer:
                dates = [_utc(date) for batch in answer.batches for date in batch[0].to_pylist()]
            known = self._dates = _Dates(answer.snapshot, sorted(dates))
        passed = bisect_right(known.dates, _utc(asker.now)) if known.number == number else None
        return _State(number, passed)


def _key(constraints: Constraints, asker: Asker, state: _State) -> Hashable | None:
    """All that the footprints of an answer depend on; None where that is not known."""
    if state.passed is None:
        return None
    sees_all = READ_ALL in asker.viewer.scopes
    return constraints, state.number, sees_all, 0 if sees_all else state.passed


def _size(constraints: Constraints, condition: Condition) -> int:
    """Bytes that a key takes, about: the condition is as long as its values, but for the cells of maps."""
    maps = (value for _, values in constraints.given for value in values if isinstance(value, Moc))
    return len(condition.adql()) + sum(map.pairs.nbytes for map in maps)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
