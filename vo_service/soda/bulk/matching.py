"""Which data sets have anything of a place, by a query for all places at once: that of the footprints and the
wavelengths that ``ivoa.obscore`` has for the asker.

A shape that touches a footprint may yet hold no pixel: a footprint is an outline. Whoever cuts finds that
out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Place:
    """A shape on the sky (ICRS), and the wavelengths that are wanted of it (m, vacuum, barycentric)."""

    shape: Region
    wavelengths: tuple[float, float] | None = None


def datasets_at(
    places: Sequence[Place],
    kinds: Sequence[str],
    most: int,
    queries: Queries,
    asker: Asker,
    cancellation: Cancellation,
) -> Mapping[int, list[str]]:
    """The data sets, by name and in the order of their names, whose footprints share a point with the shapes,
    by the numbers of the places from 0; of the ``kinds`` (values of dataproduct_type), of all where none are
    told.

    Raises ServiceError: 400 for more than ``most`` pairs altogether, or shapes that are too large to be held
    against all footprints, 503 where nobody answers.
    """
    found: dict[int, list[str]] = defaultdict(list)
    for shape, upload in _uploads(places):
        adql = _ADQL.format(shape=shape)
        if kinds:
            adql += f"AND o.dataproduct_type IN ({', '.join(repr(kind) for kind in sorted(set(kinds)))})"
        left = max(1, most - sum(map(len, found.values())))
        question = Question(adql, left, uploads=(upload,))
        for number, name in _asked(question, most, queries, asker, cancellation):
            found[number].append(name)
    return {number: sorted(set(names)) for number, names in found.items()}


def _uploads(places: Sequence[Place]) -> list[tuple[str, Upload]]:
    """How the shape of a row is written, and the table of these rows: circles as numbers, which many of are
    tested at once, and all else as texts."""
    circles: list[tuple[int, Place]] = []
    others: list[tuple[int, Place]] = []
    for number, place in enumerate(places):
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


def _asked(
    question: Question, most: int, queries: Queries, asker: Asker, cancellation: Cancellation
) -> list[tuple[int, str]]:
    """The pairs of a place and a data set. Raises ServiceError."""
    stop = Stop()
    found: list[tuple[int, str]] = []
    cancellation.on_cancel(stop.ask)
    try:
        context = queries.context(asker, asker.seconds)
        with (
            queries.current.use() as (snapshot, engine),
            ask(question, context, snapshot, engine, stop) as answer,
        ):
            for batch in answer.batches:
                found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
            is_cut = answer.overflowed
    except QueryTooLarge as error:
        if error.reason is None:
            raise service_error(error) from error
        raise usage(
            "The shapes of the table are too large, or too many, to be held against all data sets.",
            "Make several jobs of it, or name the data sets in a column id.",
        ) from error
    except (AdqlError, EngineError, StoreError) as error:
        raise service_error(error) from error
    finally:
        cancellation.on_cancel(None)
    if is_cut:
        raise usage(
            f"The shapes of the table meet more than {most} data sets altogether.",
            "Make several jobs of it, or narrow it by BAND, LINE or DPTYPE.",
        )
    return found
