"""The second pass of an ingest: the pixels of the images that are listed are measured, then shown.

The header pass has published its snapshot before, so readers have rows at once. What is measured goes into
the catalogue as it comes: a pass that is killed goes on where it was, and files that have not changed are
not read again. Nobody is kept from writing meanwhile; only the last step, which makes the units of the
measured files anew, holds the writer's lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from vo_service import __version__
from vo_service.holdings.assemble import Setting
from vo_service.holdings.comparison import PASSING, Known, known_files
from vo_service.holdings.group import place_of
from vo_service.holdings.gzip_indexes import keep_index
from vo_service.holdings.measure import measure_product
from vo_service.holdings.measured import Measured, PixelState, header_of
from vo_service.holdings.measured_rows import record_of
from vo_service.holdings.measurement import Measurement, PixelLimits
from vo_service.holdings.measurement_store import keep_measured, load_states
from vo_service.holdings.pool import Lost, work_all
from vo_service.holdings.projects import read_projects
from vo_service.holdings.read import is_as_found, read_error, source_of
from vo_service.holdings.rebuild import listed_entries, rebuild_units
from vo_service.holdings.record_store import load_records
from vo_service.holdings.records import FoundFile, Product, ProductError
from vo_service.holdings.reports import PixelReport, Progress
from vo_service.holdings.roots import AnyRoot
from vo_service.pixels.sources import ByteSource
from vo_service.store import Catalogue, RootPlace, RunEntry, RunLog, Snapshot, Snapshots

Measure = Callable[[Product, ByteSource, PixelLimits], Measurement]

_GRACE = 1.5
"""A worker is ended when it takes this much longer than the limit: it should have seen so by itself."""
_LEFT_FOR_INDEX = 0.5
"""Of files that took more than this part of the limit no index is made: what was measured might be lost."""
_AT_ONCE = 200
_KEPT_SECONDS = 2.0
_LISTED_FAILURES = 1000


@dataclass(frozen=True)
class Measurer:
    """Measures products below the places of their roots, and keeps the indexes of gzip files in ``indexes``.
    Can be pickled."""

    roots: Mapping[str, RootPlace]
    limits: PixelLimits
    measure: Measure
    indexes: Path | None = None

    def __call__(self, product: Product) -> tuple[Product, Measured, float]:
        """The product, what came of it, and the seconds that it took; never raises for a bad file."""
        began = time.perf_counter()
        digest = header_of(product)
        try:
            root = self.roots[product.file.root]
            source = source_of(product.file, root)
            _check_state(product, source)
            measurement = self.measure(product, source, self.limits)
            if self.indexes and time.perf_counter() - began < _LEFT_FOR_INDEX * self.limits.seconds:
                keep_index(self.indexes, product, source, root)
            result = Measured(product.file, digest, measurement, *_outcome(product, measurement))
        except ProductError as error:
            result = _failed(product, error.kind, error.message)
        except Exception as error:  # the top of a job: one file must not end the pass
            result = _failed(product, "internal", f"{product.file.path}: {type(error).__name__}: {error}")
        return product, result, time.perf_counter() - began


def _outcome(product: Product, measurement: Measurement) -> tuple[int, str | None, str | None]:
    """How many channels a spectrum has; class and message of the error of an image without a number in it."""
    channels = 0 if measurement.spectrum is None else len(measurement.spectrum.channel)
    if measurement.valid_count:
        return channels, None, None
    message = f"{product.file.path}: none of its {measurement.pixel_count} pixels is a number"
    if measurement.blanked:
        message += f", {measurement.blanked} have the value that BLANK says is none"
    return channels, "no_valid_pixels", message


def _check_state(product: Product, source: ByteSource) -> None:
    """Raises ProductError where a file is no longer as it was found."""
    found = product.file
    try:
        if not is_as_found(found, source):
            raise ProductError("changed", f"{found.path} has changed since it was found")
    except OSError as error:
        raise read_error(error, source.name) from error


def _failed(product: Product, kind: str, message: str) -> Measured:
    return Measured(product.file, header_of(product), error_kind=kind, error_message=message)


def _lose(product: Product, lost: Lost) -> tuple[Product, Measured, float]:
    kind = "too_large" if lost.late else "internal"
    return product, _failed(product, kind, f"{product.file.path}: {lost.reason}"), 0.0


@dataclass(slots=True)
class _Tally:
    """What has been measured so far."""

    ok: int = 0
    failures: list[RunEntry] = field(default_factory=list)
    failed: int = 0


@dataclass(frozen=True)
class PixelPass:
    """The pass over the images below ``roots``. ``retry``: classes of errors to try again. ``workers`` are
    processes; with none this process measures, and nothing but ``measure`` itself keeps the limits.
    ``indexes`` as of Measurer."""

    setting: Setting
    snapshots: Snapshots
    catalogue: Catalogue
    roots: Sequence[AnyRoot]
    limits: PixelLimits
    retry: frozenset[str] = frozenset()
    workers: int = 1
    measure: Measure = measure_product
    indexes: Path | None = None

    def run(self, keep: int | None, wait_seconds: float, progress: Progress) -> PixelReport:
        """Measure what is not known, and publish what the snapshot does not show yet.

        Where there is nothing of either nothing is written. Raises WriterBusy, DiskFull and other
        StoreErrors; what was measured is kept then, and shown by the next run.
        """
        base = self.snapshots.current()
        if base is None:
            return PixelReport()
        images = self._images(base)
        known = load_states(self.catalogue, [each.file for each in images])
        todo = [each for each in images if self._is_open(known.get(each.file))]
        broken = sum(each.error_kind is not None for each in known.values())
        if not todo and not self._stale(base, images, known):
            return PixelReport(broken=broken)
        log = RunLog(self.catalogue)
        run_id = log.start("measure", f"vo-service {__version__}")
        try:
            before = {file: each.record for file, each in known.items()}
            tally = self._measure(run_id, todo, before, progress)
            log.count(
                run_id,
                product_count=len(images),
                ok_count=tally.ok,
                failed_count=tally.failed,
                skipped_count=len(images) - tally.ok - tally.failed,
            )
            snapshot = self._publish(run_id, keep, wait_seconds, progress)
            if snapshot is None:
                log.finish(run_id, "done")
        except BaseException:
            log.finish(run_id, "failed")
            raise
        return PixelReport(
            run_id=run_id,
            snapshot=None if snapshot is None else snapshot.number,
            ok=tally.ok,
            failed=tally.failed,
            broken=broken - sum(each.file in known and known[each.file].state == "failed" for each in todo),
            failures=tuple(tally.failures),
        )

    def _images(self, snapshot: Snapshot) -> list[Known]:
        """The images that were described, below the places that this run looks at."""
        rows = snapshot.read("holdings.product", ["root", "path"], "state = 'ok' AND axes IS NOT NULL")
        wanted = set(zip(*(column.to_pylist() for column in rows.columns)))
        found = [each for place, each in known_files(snapshot).items() if place in wanted]
        return [each for each in found if self._covers(each)]

    def _covers(self, known: Known) -> bool:
        return any(
            root.name == known.file.root and root.covers(known.file.path) and root.owns(known.file.path)
            for root in self.roots
        )

    def _is_open(self, measured: PixelState | None) -> bool:
        """Whether a file is to be measured: nothing is known of its pixels, or another try may help."""
        return measured is None or measured.error_kind in PASSING | self.retry

    def _stale(
        self, snapshot: Snapshot, images: Iterable[Known], known: Mapping[FoundFile, PixelState]
    ) -> list[Known]:
        """The images of which the snapshot does not show what is known, or what the operator states now."""
        stated = self.setting.stated.digest
        rows = snapshot.read("holdings.measurement", ["product_id", "_record"])
        shown = dict(zip(*(column.to_pylist() for column in rows.columns)))
        return [
            each
            for each in images
            if each.file in known and shown.get(each.product_id) != record_of(known[each.file], stated)
        ]

    def _measure(
        self, run_id: str, todo: Sequence[Known], before: Mapping[FoundFile, str], progress: Progress
    ) -> _Tally:
        """Measure files and keep what comes of them. Those that were tried again and failed in the same way
        are not counted unless the operator asked for them."""
        tally, log = _Tally(), RunLog(self.catalogue)
        names = {each.place: each.product_id for each in todo}
        results: list[tuple[Product, Measured]] = []
        entries: list[RunEntry] = []
        kept = time.monotonic()
        for done, (product, measured, seconds) in enumerate(self._results(todo), 1):
            results.append((product, measured))
            told = measured.error_kind in self.retry
            if told or before.get(product.file) != measured.record:
                entries.append(_entry(product, measured, names[place_of(product)], seconds))
            if len(results) >= _AT_ONCE or time.monotonic() - kept > _KEPT_SECONDS:
                self._keep(log, run_id, results, entries, tally)
                kept = time.monotonic()
            progress("measuring", done, len(todo))
        self._keep(log, run_id, results, entries, tally)
        return tally

    def _keep(
        self,
        log: RunLog,
        run_id: str,
        results: list[tuple[Product, Measured]],
        entries: list[RunEntry],
        tally: _Tally,
    ) -> None:
        keep_measured(self.catalogue, results)
        log.record(run_id, entries)
        failures = [entry for entry in entries if entry.state == "failed"]
        tally.ok += len(entries) - len(failures)
        tally.failed += len(failures)
        tally.failures += failures[: _LISTED_FAILURES - len(tally.failures)]
        results.clear()
        entries.clear()

    def _results(self, todo: Sequence[Known]) -> Iterator[tuple[Product, Measured, float]]:
        work = Measurer(
            {root.name: root.directory for root in self.roots}, self.limits, self.measure, self.indexes
        )
        products = self._products(todo)
        if self.workers < 1:
            return (work(product) for product in products)
        seconds = self.limits.seconds * _GRACE
        return work_all(products, work, _lose, self.workers, seconds, 1, self.measure.__module__)

    def _products(self, todo: Sequence[Known]) -> Iterator[Product]:
        """The records of files, a handful at a time. A file whose record is lost is left to the next
        ingest."""
        files = (each.file for each in todo)
        while some := list(islice(files, _AT_ONCE)):
            records = load_records(self.catalogue, some)
            yield from (records[file] for file in some if file in records)

    def _publish(
        self, run_id: str, keep: int | None, wait_seconds: float, progress: Progress
    ) -> Snapshot | None:
        """A snapshot that shows what is known of the pixels; None where the current one does already."""
        with self.snapshots.writer("vo-service ingest (pixels)", wait_seconds):
            base = self.snapshots.current()
            if base is None:
                return None
            images = self._images(base)
            stale = self._stale(base, images, load_states(self.catalogue, [each.file for each in images]))
            if not stale:
                return None
            listed = known_files(base)
            units = {each.unit for each in stale}
            former = [each for each in listed.values() if each.unit in units]
            draft = self.snapshots.draft(run_id)
            try:
                entries = listed_entries(former, self.catalogue)
                progress("publishing", 0, None)
                setting = self._setting(base)
                rebuild_units(draft, base, setting, self.catalogue, listed, entries, former)
                snapshot = self.snapshots.publish(draft, base)
            except BaseException:
                draft.discard()
                raise
            if keep is not None:
                self.snapshots.prune(keep)
            return snapshot

    def _setting(self, base: Snapshot) -> Setting:
        """The setting at the end of the pass: what others have published meanwhile counts."""
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        return replace(self.setting, changed=now, projects=read_projects(base))


def _entry(product: Product, measured: Measured, product_id: str, seconds: float) -> RunEntry:
    return RunEntry(
        product.file.root,
        product.file.path,
        measured.state,
        product_id=product_id,
        error_class=measured.error_kind,
        error_message=measured.error_message,
        duration=seconds,
    )
