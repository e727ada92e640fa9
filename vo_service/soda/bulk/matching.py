"""Which data sets hold positions, by one query for all of them: that of the footprints and the wavelengths
that ``ivoa.obscore`` has for everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from vo_service.adql import AdqlError
from vo_service.asking.errors import service_error
from vo_service.asking.queries import Asker, Queries
from vo_service.dali.errors import usage
from vo_service.dali.streams import Cancellation
from vo_service.engines import EngineError
from vo_service.query import Question, Stop, ask, upload_of
from vo_service.store import StoreError

_ADQL: Final = """
SELECT p.place AS place, o.dataset_id AS dataset_id
FROM TAP_UPLOAD.positions AS p
JOIN ivoa.obscore AS o ON 1 = CONTAINS(POINT(p.lon, p.lat), o.s_region)
WHERE o.dataset_id IS NOT NULL
AND (p.em_low IS NULL OR o.em_min IS NULL OR o.em_max IS NULL
     OR (o.em_min <= p.em_high AND o.em_max >= p.em_low))
"""


@dataclass(frozen=True, slots=True)
class Position:
    """A place of the sky (ICRS degrees), and the wavelengths that are wanted there (m, vacuum,
    barycentric)."""

    lon: float
    lat: float
    wavelengths: tuple[float, float] | None = None


def datasets_at(
    positions: Sequence[Position],
    kinds: Sequence[str],
    most: int,
    queries: Queries,
    asker: Asker,
    cancellation: Cancellation,
) -> Mapping[int, list[str]]:
    """The data sets, by name and in the order of their names, whose footprints hold positions, by the places
    of these from 0; of the ``kinds`` (values of dataproduct_type), of all where none are told.

    Raises ServiceError: 400 for more than ``most`` pairs altogether, 503 where nobody answers.
    """
    if not positions:
        return {}
    table = pa.table(
        {
            "place": pa.array(range(len(positions)), pa.int32()),
            "lon": [one.lon for one in positions],
            "lat": [one.lat for one in positions],
            "em_low": pa.array([one.wavelengths and one.wavelengths[0] for one in positions], pa.float64()),
            "em_high": pa.array([one.wavelengths and one.wavelengths[1] for one in positions], pa.float64()),
        }
    )
    adql = _ADQL
    if kinds:
        adql += f"AND o.dataproduct_type IN ({', '.join(repr(kind) for kind in sorted(set(kinds)))})"
    found: dict[int, list[str]] = defaultdict(list)
    stop = Stop()
    cancellation.on_cancel(stop.ask)
    try:
        question = Question(adql, most, uploads=(upload_of("positions", table),))
        context = queries.context(asker, asker.seconds)
        with (
            queries.current.use() as (snapshot, engine),
            ask(question, context, snapshot, engine, stop) as answer,
        ):
            for batch in answer.batches:
                for place, name in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    found[place].append(name)
            is_cut = answer.overflowed
    except (AdqlError, EngineError, StoreError) as error:
        raise service_error(error) from error
    finally:
        cancellation.on_cancel(None)
    if is_cut:
        raise usage(
            f"The positions of the table lie in more than {most} data sets altogether.",
            "Make several jobs of it, or narrow it by BAND, LINE or DPTYPE.",
        )
    return {place: sorted(set(names)) for place, names in found.items()}
