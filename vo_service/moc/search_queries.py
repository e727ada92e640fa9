"""A search as a query about to be answered: the data sets that meet a map, with how much of it each has."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pyarrow as pa

from vo_service.asking.answers import answered, counted, told_of
from vo_service.asking.constraints.maps import INLINE, met
from vo_service.asking.queries import Asker, Queries
from vo_service.asking.row_services import described_services
from vo_service.asking.tables import Portion, Portions, TableBytes, Told
from vo_service.asking.uploads import UploadReader, check_of, read_within
from vo_service.dali.parameters import MAXREC
from vo_service.dali.streams import Cancellation
from vo_service.formats import Info, Outcome, TableDescription
from vo_service.moc.search_columns import result_columns, stored_columns
from vo_service.moc.search_ranking import Ranking
from vo_service.moc.search_region import SearchedRegion, read_region, region_of_moc
from vo_service.moc.search_request import SearchRequest
from vo_service.products.identifiers import kept_spelling
from vo_service.query import Answer, Question

MOST_ROWS: Final = 100_000
"""Of one answer, whatever MAXREC is."""

_BATCH_ROWS = 8192
_REGION_COLUMNS = ("s_region",)


@dataclass(frozen=True, slots=True)
class SearchQueries:
    """What all searches of a process share. ``authority`` is that of identifiers here; it may block."""

    queries: Queries
    authority: Callable[[], str]
    uploads: UploadReader

    def query(self, request: SearchRequest, asker: Asker) -> SearchQuery:
        """One search, nothing of which has been done yet."""
        return SearchQuery(self, request, asker)


@dataclass(slots=True)
class SearchQuery:
    """A search about to be answered, once."""

    _shared: SearchQueries
    _request: SearchRequest
    _asker: Asker
    told: Told = field(default_factory=Told)

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the answer, its map having been read. Raises ServiceError as `TableBytes.pieces`."""
        until = time.monotonic() + self._asker.seconds
        queries, request = self._shared.queries, self._request
        region = read_within(self._region, cancellation, until, self.told, queries.account, request.runid)
        sorting = request.sorted_by(region.kind)
        most = self._most()
        question = self._question(region, most)
        context = queries.context(self._asker, until - time.monotonic())
        ranking = Ranking(region.density, region.kind, sorting, most, check_of(cancellation, until))
        with counted(self.told, queries.account, request.runid, cancellation):
            with answered(question, context, queries.current, cancellation) as answer:
                ranking.take(answer.batches)
            table = TableBytes(request.format, self.told, place=self._asker.place)
            is_cut = ranking.count > most or most == 0
            yield from table.pieces(
                _portions(ranking),
                partial(self._described, region, question, answer, ranking.count),
                lambda: Outcome("OVERFLOW" if is_cut else "OK", infos=(Info("rows", str(self.told.rows)),)),
            )

    def _most(self) -> int:
        """The rows that the answer has at most: they are sorted in memory."""
        return min(self._shared.queries.limits.rows(self._request.maxrec), MOST_ROWS)

    def _region(self, check: Callable[[], None]) -> SearchedRegion:
        request, asker = self._request, self._asker
        if request.moc is not None:
            return region_of_moc(INLINE, request.moc, request.level)
        (found,) = self._shared.uploads.parts_of(
            request.form, asker.parts, check, partial(read_region, request.level)
        )
        return found

    def _question(self, region: SearchedRegion, most: int) -> Question:
        """The query for all data sets that meet the region; for none where only the columns are wanted."""
        term = met(_REGION_COLUMNS, region.moc, region.name)
        spelling = partial(kept_spelling, authority=self._shared.authority())
        condition = self._request.constraints.condition(spelling, (term,))
        return Question(condition.adql(stored_columns()), None if most else 0, uploads=condition.uploads)

    def _described(
        self, region: SearchedRegion, question: Question, answer: Answer, count: int
    ) -> TableDescription:
        queries, asker = self._shared.queries, self._asker
        columns = result_columns(region.kind)
        origins = {column.name: origin for column, origin in zip(answer.columns, answer.origins)}
        services = described_services(
            columns,
            [origins.get(column.name, frozenset()) for column in columns],
            asker.base_url,
            queries.services,
        )
        most = self._most()
        found = (
            (Info("matches", str(count), "Data sets that meet the region, MAXREC aside."),) if most else ()
        )
        infos = (*self._request.echo, Info(MAXREC.name, str(most)), *region.infos(), *found)
        return TableDescription(
            columns,
            told_of(answer, question, asker.now, queries.citation, infos),
            "found",
            "Data sets that meet the map.",
            resources=services,
        )


def _portions(ranking: Ranking) -> Portions:
    """The rows in their order, some at a time."""
    batches = _batches(ranking)
    for batch in batches:
        yield Portion(batch, leaves=batch.num_rows == _BATCH_ROWS)


def _batches(ranking: Ranking) -> Iterator[pa.RecordBatch]:
    yield from ranking.first().combine_chunks().to_batches(_BATCH_ROWS)
