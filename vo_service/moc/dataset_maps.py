"""The coverage map of one data set, with the region that whoever asks may see."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from hips.mocs.datasets import Dataset
from hips.mocs.names import Dimension
from hips.mocs.writing import Label, write_map
from vo_service.asking.answers import answered, counted
from vo_service.asking.constraints.conditions import quoted
from vo_service.asking.queries import Asker, Queries
from vo_service.asking.tables import Told
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation, Work
from vo_service.holdings.finish import did_of
from vo_service.moc.map_request import MapRequest
from vo_service.products.identifiers import name_of
from vo_service.products.shelf import Shelf
from vo_service.query import Question

_FACTS: Final = (
    "s_ra", "s_dec", "s_fov", "s_resolution", "t_min", "t_max", "em_min", "em_max", "em_support",
    "em_res_power", "specsys",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DatasetMaps:
    """Makes them. ``authority`` is that of identifiers here; it may block."""

    queries: Queries
    shelf: Shelf
    authority: Callable[[], str]

    def work(self, identifier: str, dimension: Dimension, request: MapRequest, asker: Asker) -> Work:
        """What makes the bytes of the map of a data set (by its dataset_id, or its publisher's identifier),
        in one piece. It raises ServiceError: 404 where there is no data set of that name, 410 where it was
        withdrawn; all that a query may end with."""
        return partial(self._pieces, identifier, dimension, request, asker)

    def _pieces(
        self,
        identifier: str,
        dimension: Dimension,
        request: MapRequest,
        asker: Asker,
        cancellation: Cancellation,
    ) -> Generator[bytes, None, None]:
        until = time.monotonic() + asker.seconds
        told = Told()
        with counted(told, self.queries.account, None, cancellation):
            authority = self.authority()
            name = _name(identifier, authority)
            did = did_of(authority, name)
            with self.queries.current.use() as (snapshot, _):
                created = datetime.fromisoformat(snapshot.manifest.created)
            row = self._row(did, asker, cancellation, until)
            if row is None:
                raise self._missing(identifier, authority, asker.base_url)
            one = Dataset(region=row["s_region"], **{fact: row[fact] for fact in _FACTS}).moc(dimension)
            label = Label(name, did, f"ivo://{authority}", created)
            content = write_map(request.applied(one), request.form, label)
            told.rows, told.bytes = 1, len(content)
        yield content

    def _row(self, did: str, asker: Asker, cancellation: Cancellation, until: float) -> dict[str, Any] | None:
        names = ", ".join(("s_region", *_FACTS))
        query = f"SELECT {names} FROM ivoa.obscore WHERE obs_publisher_did = {quoted(did)}"  # noqa: S608 - quoted
        context = self.queries.context(asker, until - time.monotonic())
        with answered(Question(query, 1), context, self.queries.current, cancellation) as answer:
            rows: list[dict[str, Any]] = [row for batch in answer.batches for row in batch.to_pylist()]
        return rows[0] if rows else None

    def _missing(self, identifier: str, authority: str, address: str) -> ServiceError:
        """Why there is none: it was withdrawn, or never was."""
        (named,) = self.shelf.find_named([identifier], authority, address)
        if named.fault is not None and named.fault.kind is ErrorKind.GONE:
            return named.fault
        return _none(None)


def _name(identifier: str, authority: str) -> str:
    """The name of a data set or of an archive's row. Raises ServiceError (404)."""
    try:
        name = name_of(identifier, authority).name
    except ServiceError as error:
        raise _none(error.message) from error
    if name is None:
        raise _none("That is the identifier of a member, not of one data set.")
    return name


def _none(why: str | None) -> ServiceError:
    words = "The holdings have no data set of this name."
    return ServiceError(ErrorKind.NOT_FOUND, words if why is None else f"{words} {why}")
