"""Which data sets have anything of a place, by a query for all places at once: that of the footprints and the
wavelengths that ``ivoa.obscore`` has for the asker.

A shape that touches a footprint may yet hold no pixel: a footprint is an outline. Whoever cuts finds that
out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from tap_schema import Column
from vo_service.adql import AdqlError
from vo_service.asking.errors import service_error
from vo_service.asking.queries import Asker, Queries
from vo_service.dali.errors import usage
from vo_service.dali.streams import Cancellation
from vo_service.engines import EngineError, QueryTooLarge
from vo_service.query import Question, Stop, Upload, ask, upload_of
from vo_service.sky import Circle, Region
from vo_service.store import StoreError

_ADQL: Final = """
SELECT p.place AS place, o.dataset_id AS dataset_id
FROM TAP_UPLOAD.places AS p
JOIN ivoa.obscore AS o ON 1 = INTERSECTS({shape}, o.s_region)
WHERE o.dataset_id IS NOT NULL
AND (p.em_low IS NULL OR o.em_min IS NULL OR o.em_max IS NULL
     OR (o.em_min <= p.em_high AND o.em_max >= p.em_low))
"""
_CIRCLE: Final = "CIRCLE(p.lon, p.lat, p.radius)"
_OUTLINE: Final = "p.outline"
_BY_NAME: Final = " ORDER BY dataset_id"
_MOST_HALVED: Final = 64
"""Times that places are halved, some tenths of a second each."""


@dataclass(frozen=True, slots=True)
class Place:
    """A shape on the sky (ICRS), and the wavelengths that are wanted of it (m, vacuum, barycentric)."""

    shape: Region
    wavelengths: tuple[float, float] | None = None


@dataclass(slots=True)
class Found:
    """The data sets of a place by name, in the order of their names: one more than are wanted at most, to say
    that there are more. ``fault``: why they could not be looked for."""

    names: list[str] = field(default_factory=list)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many data sets are wanted of ``each`` place at most, and of ``all`` places together."""

    each: int
    all: int


def datasets_at(
    places: Sequence[Place],
    kinds: Sequence[str],
    bounds: Bounds,
    queries: Queries,
    asker: Asker,
    cancellation: Cancellation,
) -> Mapping[int, Found]:
    """The data sets whose footprints share a point with the shapes, by the numbers of the places from 0; of
    the ``kinds`` (values of dataproduct_type), of all where none are told.

    All places are looked for at once; where that is too much, halves of them are, and so on, so that a few
    that meet very much cost the others nothing. Raises ServiceError: 400 where that is so of many, 503 where
    nobody answers.
    """
    search = _Search(kinds, bounds, queries, asker, cancellation)
    search.look(list(enumerate(places)))
    return search.found


class _TooMuch(Exception):
    """More than one question may find, or test; ``str()`` is a sentence without its stop."""


@dataclass(slots=True)
class _Search:
    kinds: Sequence[str]
    bounds: Bounds
    queries: Queries
    asker: Asker
    cancellation: Cancellation
    found: dict[int, Found] = field(default_factory=lambda: defaultdict(Found))
    _halved: int = 0

    def look(self, places: Sequence[tuple[int, Place]]) -> None:
        """Have these places in ``found``. Raises ServiceError."""
        try:
            pairs, there_are_more = self._pairs(places, self.bounds.all, "")
            if there_are_more:
                raise _TooMuch(f"they meet more than {self.bounds.all} data sets altogether")
        except _TooMuch as reason:
            if len(places) == 1:
                self._look_at_one(places[0])
            else:
                self._halve(places, reason)
        else:
            self._keep(pairs)

    def _halve(self, places: Sequence[tuple[int, Place]], reason: _TooMuch) -> None:
        self._halved += 1
        if self._halved > _MOST_HALVED:
            raise usage(
                f"The shapes of the table are too much for one job: {reason}.",
                "Make several jobs of it, with smaller shapes, or narrow it by BAND, LINE or DPTYPE.",
            ) from reason
        middle = len(places) // 2
        self.look(places[:middle])
        self.look(places[middle:])

    def _look_at_one(self, place: tuple[int, Place]) -> None:
        """As many as are wanted, of one that meets too much."""
        try:
            self._keep(self._pairs((place,), self.bounds.each + 1, _BY_NAME)[0])
        except _TooMuch as reason:
            self.found[place[0]].fault = f"The shape of the row is too much: {reason}."

    def _keep(self, pairs: Iterable[tuple[int, str]]) -> None:
        names: dict[int, set[str]] = defaultdict(set)
        for number, name in pairs:
            names[number].add(name)
        for number, some in names.items():
            self.found[number].names = sorted(some)[: self.bounds.each + 1]

    def _pairs(
        self, places: Sequence[tuple[int, Place]], most: int, order: str
    ) -> tuple[list[tuple[int, str]], bool]:
        """So many pairs of a place and a data set, and whether there are more: any of them where no ``order``
        is given, which would take all of them to be found. Raises ServiceError, and _TooMuch."""
        pairs: list[tuple[int, str]] = []
        for shape, upload in _uploads(places):
            adql = _ADQL.format(shape=shape)
            if self.kinds:
                listed = ", ".join(repr(kind) for kind in sorted(set(self.kinds)))
                adql += f"AND o.dataproduct_type IN ({listed})"
            some, are_more = self._asked(Question(f"{adql}{order}", most - len(pairs), uploads=(upload,)))
            pairs += some
            if are_more or len(pairs) == most:
                return pairs, True
        return pairs, False

    def _asked(self, question: Question) -> tuple[list[tuple[int, str]], bool]:
        stop = Stop()
        found: list[tuple[int, str]] = []
        self.cancellation.on_cancel(stop.ask)
        try:
            context = self.queries.context(self.asker, self.asker.seconds)
            with (
                self.queries.current.use() as (snapshot, engine),
                ask(question, context, snapshot, engine, stop) as answer,
            ):
                for batch in answer.batches:
                    found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
                return found, answer.overflowed
        except QueryTooLarge as error:
            if error.reason is None:
                raise service_error(error) from error
            raise _TooMuch(error.reason) from error
        except (AdqlError, EngineError, StoreError) as error:
            raise service_error(error) from error
        finally:
            self.cancellation.on_cancel(None)


def _uploads(places: Sequence[tuple[int, Place]]) -> list[tuple[str, Upload]]:
    """How the shape of a row is written, and the table of these rows: circles as numbers, which many of are
    tested at once, and all else as texts."""
    circles: list[tuple[int, Place]] = []
    others: list[tuple[int, Place]] = []
    for number, place in places:
        (circles if isinstance(place.shape, Circle) else others).append((number, place))
    made = []
    if circles:
        shapes = [place.shape for _, place in circles if isinstance(place.shape, Circle)]
        sides = {name: [getattr(shape, name) for shape in shapes] for name in ("lon", "lat", "radius")}
        made.append((_CIRCLE, upload_of("places", pa.table({**_described(circles), **sides}))))
    if others:
        table = pa.table({**_described(others), "outline": [place.shape.to_stcs() for _, place in others]})
        made.append((_OUTLINE, upload_of("places", table, _COLUMNS)))
    return made


def _described(places: Sequence[tuple[int, Place]]) -> dict[str, Any]:
    bands = [place.wavelengths or (None, None) for _, place in places]
    return {
        "place": pa.array([number for number, _ in places], pa.int32()),
        "em_low": pa.array([low for low, _ in bands], pa.float64()),
        "em_high": pa.array([high for _, high in bands], pa.float64()),
    }


_COLUMNS: Final = (
    Column("place", "int", None, None, None, None, None, ""),
    *(Column(name, "double", None, None, "m", None, None, "") for name in ("em_low", "em_high")),
    Column("outline", "char", "*", "adql:REGION", None, None, None, ""),
)
