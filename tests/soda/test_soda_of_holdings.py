"""Descriptors and examples made of the sample holdings: what they tell has pixels in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from soda_calls import calls_of, request_of

from capabilities.soda_examples import soda_examples
from vo_service.access import Rights
from vo_service.dali.parameters import Form
from vo_service.engines import DuckDBEngine, Engine, Limits, Statement, StoredRows
from vo_service.holdings.image_view import ImageView
from vo_service.products.datasets import DataSet, find_dataset
from vo_service.products.images import understand
from vo_service.products.selection import select
from vo_service.products.stored import open_source
from vo_service.settings import Settings
from vo_service.soda.descriptors import dataset_descriptors
from vo_service.soda.examples import HoldingsExamples
from vo_service.soda.limits import limits_of
from vo_service.soda.request import read_requests
from vo_service.store import Catalogue, Snapshot, Snapshots

BASE = "https://vo.example.org/x"
WHILE = Limits(60.0, 1000)


class Opened:
    """The sample holdings, open: as `Current` hands them out, and with the files behind them."""

    def __init__(self, catalogue: Catalogue, snapshot: Snapshot, engine: Engine) -> None:
        self.rows = StoredRows(engine, snapshot.tables)
        self._snapshot = snapshot
        self._engine = engine
        self._roots = catalogue.roots()

    @contextmanager
    def use(self) -> Iterator[tuple[Snapshot, Engine]]:
        yield self._snapshot, self._engine

    def names(self) -> list[str]:
        with self._engine.run(Statement("SELECT dataset_id FROM holdings.dataset"), WHILE) as batches:
            return [name for batch in batches.stream for name in batch.column(0).to_pylist()]

    def find(self, name: str) -> tuple[DataSet, ImageView]:
        found = find_dataset(self.rows, name)
        assert found is not None
        source = open_source(found.science, self._roots)
        try:
            return found, understand(found.science, source.source)
        finally:
            source.close()


@pytest.fixture(scope="module")
def opened(holdings: Any) -> Iterator[Opened]:
    settings = Settings.load(home=holdings.home, environ={})
    with ExitStack() as closing:
        catalogue = Catalogue.open(settings.catalogue_address)
        closing.callback(catalogue.close)
        snapshots = Snapshots(settings.home, catalogue)
        closing.callback(snapshots.close)
        snapshot = closing.enter_context(snapshots.lease())
        assert snapshot is not None
        engine = DuckDBEngine(snapshot.engine_file, memory_bytes=300_000_000, threads=1)
        closing.callback(engine.close)
        yield Opened(catalogue, snapshot, engine)


def test_limits_hold(opened: Opened) -> None:
    # SODA-073 to SODA-078: each limit and option of each data set chooses some of its pixels
    tried = 0
    names = opened.names()
    assert len(names) > 50
    for number, name in enumerate(names):
        found, view = opened.find(name)
        limits = limits_of(found, view if number % 2 else None)  # with its header at hand, or by its row
        assert limits.identifier == found.did
        service, *_ = dataset_descriptors(limits, BASE)
        for call in calls_of(service):
            select(view, found.facts(), request_of(service, call).wanted.constraints)
            tried += 1
    assert tried > 10 * len(names)


def test_a_file_that_is_not_the_data_set_goes_by_its_own_name(opened: Opened) -> None:
    # SODA-072: ID gives the file that the descriptor is of
    companions = [
        file
        for name in opened.names()
        for files in opened.find(name)[0].companions.values()
        for file in files
    ]
    other = find_dataset(opened.rows, companions[0].product_id)
    assert other is not None and other.did is not None
    assert limits_of(other).identifier == companions[0].product_id


def test_examples_are_of_public_data_and_have_pixels(opened: Opened) -> None:
    # SODA-006
    now = datetime.now(UTC)
    find = HoldingsExamples(opened, Rights(unlisted_open=False), WHILE, lambda: now)  # type: ignore[arg-type]
    data_sets = find()
    assert data_sets.keys() == {"cube", "image"}
    listed = soda_examples(data_sets)
    assert len(listed) > 3
    for example in listed:
        form = Form.of(example.parameters)
        (request,) = read_requests(form, "sync")
        found, view = opened.find(request.id.partition("?")[2])
        assert found.did == request.id
        released = found.science.release_date
        assert released is not None and released.replace(tzinfo=UTC) <= now
        box = select(view, found.facts(), request.wanted.constraints)
        shape = [stop - start for start, stop in box.spans]
        assert min(shape) > 0
        if "CIRCLE" in form.values or "POS" in form.values:
            sky = [axis.number - 1 for axis in view.header.axes.celestial or ()]
            assert all(shape[axis] <= 12 for axis in sky) and sky


def test_nothing_public_gives_no_examples(opened: Opened) -> None:
    past = datetime(1990, 1, 1, tzinfo=UTC)
    find = HoldingsExamples(opened, Rights(unlisted_open=False), WHILE, lambda: past)  # type: ignore[arg-type]
    assert find() == {}
