"""The gate of a bulk job: asked before results are computed, and once more before each is given away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vo_service.access import ANONYMOUS, Viewer
from vo_service.dali.sending import KnownBytes
from vo_service.dali.streams import Cancellation
from vo_service.products.provenance import source_version
from vo_service.products.shelf import Closed
from vo_service.products.wanted import Wanted
from vo_service.soda.bulk import gate, work
from vo_service.soda.bulk.cutting import Cutter
from vo_service.soda.bulk.gate import Owner
from vo_service.soda.bulk.journal import Make
from vo_service.soda.bulk.parts import Parts, framing_of
from vo_service.soda.bulk.resume import begin
from vo_service.soda.bulk.targets import Target, Targets, version_of
from vo_service.soda.bulk.tasks import Outcome, Task

ALICE = Viewer("alice", frozenset({"all"}))
JOB = SimpleNamespace(owner="alice", scopes=ALICE.scopes)


class Rights:
    """A token that is good until somebody revokes it."""

    def __init__(self) -> None:
        self.is_good = True

    def viewer_now(self, subject: str, scopes: frozenset[str]) -> Viewer | None:
        return ALICE if self.is_good else None


class Files:
    """A data set whose results are all computed, or all lie in its file as they are."""

    def __init__(self, is_closed: bool, is_computed: bool) -> None:
        self.is_closed = is_closed
        self.is_computed = is_computed
        self.computed = 0

    def expect(self, shapes: Sequence[Any]) -> None: ...

    def close(self) -> None: ...

    def require_open(self, wanted: Wanted, viewer: Viewer) -> None:
        if self.is_closed and viewer == ANONYMOUS:
            raise Closed("This product is proprietary.")

    def plan(self, wanted: Wanted, viewer: Viewer) -> Any:
        self.require_open(wanted, viewer)
        if self.is_computed:
            return None
        return SimpleNamespace(size=9, read_at=KnownBytes(b"x" * 9).read_at, close=int)

    def making(self, wanted: Sequence[Wanted]) -> Callable[[Path], list[None]]:
        def make(folder: Path) -> list[None]:
            self.computed += len(wanted)
            for place in range(len(wanted)):
                (folder / str(place)).write_bytes(b"x" * 9 + bytes(32))
            return [None] * len(wanted)

        return make


def cut(
    folder: Path,
    files: Files,
    rights: Rights,
    told: Callable[[int], None],
    is_past: Callable[[], bool] = lambda: False,
) -> dict[int, Outcome]:
    """What became of 600 tasks; ``told`` hears how many are done."""
    outcomes: dict[int, Outcome] = {}

    def hear(task: Task, outcome: Outcome) -> None:
        outcomes[task.number] = outcome
        told(sum(one.state == "done" for one in outcomes.values()))

    science = cast(Any, SimpleNamespace(etag='"v"', product_id="p"))
    found = cast(Any, SimpleNamespace(science=science))
    tasks = [
        Task(number, number, None, "d", "d", source_version(science), (("MOMENT", "0"),))
        for number in range(1, 601)
    ]
    results = cast(Any, SimpleNamespace(many_of=lambda found: files))
    workshop = cast(Any, SimpleNamespace(run_now=lambda make, cancellation, limits: make()))
    parts = Parts(folder, framing_of("tar"), 1 << 30, 1 << 30, lambda number, size: None, lambda: None)
    cutter = Cutter(
        results,
        workshop,
        cast(Any, None),
        parts,
        folder,
        False,
        Cancellation(),
        hear,
        is_past,
        lambda _: (found, is_past),
    )
    cutter.cut(found, tasks, Owner(cast(Any, JOB), rights.viewer_now))
    parts.leave()
    return outcomes


@pytest.mark.parametrize("is_computed", [True, False], ids=["computed", "as they are"])
def test_nothing_closed_is_written_once_the_token_is_revoked(tmp_path: Path, is_computed: bool) -> None:
    rights, files = Rights(), Files(is_closed=True, is_computed=is_computed)

    def revoke(done: int) -> None:
        rights.is_good = rights.is_good and done < 100

    outcomes = cut(tmp_path, files, rights, revoke)
    assert [one.state for one in outcomes.values()].count("done") == 100
    refused = [one for one in outcomes.values() if one.state == "forbidden"]
    assert len(refused) == 500 and all("revoked" in (one.reason or "") for one in refused)
    assert files.computed < 300, "they were computed though nobody may have them"


@pytest.mark.parametrize("is_computed", [True, False], ids=["computed", "as they are"])
def test_what_is_public_stays_so_without_a_token(tmp_path: Path, is_computed: bool) -> None:
    rights = Rights()
    rights.is_good = False
    outcomes = cut(tmp_path, Files(is_closed=False, is_computed=is_computed), rights, lambda done: None)
    assert len(outcomes) == 600 and {one.state for one in outcomes.values()} == {"done"}


@pytest.mark.parametrize("is_computed", [True, False], ids=["computed", "as they are"])
def test_what_the_holdings_close_meanwhile_is_not_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_computed: bool
) -> None:
    """A harvest says of a data set that it is not released yet, while a job takes cut-outs of it."""
    snapshot = count = 0
    monkeypatch.setattr(gate, "_LOOK_SECONDS", -1.0)
    known: list[int] = []

    def find(texts: Sequence[str]) -> dict[str, Targets]:
        known.append(snapshot)
        files = Files(is_closed=snapshot > 0, is_computed=is_computed)
        science = SimpleNamespace(etag='"v"', product_id="p")
        return {"d": Targets((Target("d", cast(Any, SimpleNamespace(science=science, files=files))),))}

    desk = SimpleNamespace(
        results=SimpleNamespace(many_of=lambda found: found.files),
        workshop=SimpleNamespace(run_now=lambda make, cancellation, limits: make()),
    )
    shelf = SimpleNamespace(snapshot=lambda: snapshot)
    bulk = SimpleNamespace(desk=desk, shelf=shelf, computing=None, viewer_now=Rights().viewer_now)
    asked = SimpleNamespace(make=Make("tar", 1 << 30), choice=SimpleNamespace(as_fits=False))
    job = cast(Any, SimpleNamespace(owner=None, scopes=frozenset()))
    sink = SimpleNamespace(attempt=tmp_path, note_progress=int)
    run = work._Run(cast(Any, bulk), job, cast(Any, asked), Cancellation(), cast(Any, sink))
    monkeypatch.setattr(run, "_targets", find)
    run._progress = begin(tmp_path, Make("tar", 1 << 30))
    told = run._told

    def hear(task: Task, outcome: Outcome) -> None:
        nonlocal snapshot, count
        told(task, outcome)
        count += outcome.state == "done"
        snapshot = int(count >= 40)

    monkeypatch.setattr(run, "_told", hear)
    parts = Parts(tmp_path, framing_of("tar"), 1 << 30, 1 << 30, lambda number, size: None, lambda: None)
    tasks = [Task(number, number, None, "d", "d", "v", (("MOMENT", "0"),)) for number in range(1, 101)]
    run._do_batch(tasks, parts)
    parts.leave()
    run.leave()
    outcomes = run._known.record.outcomes
    assert known[:2] == [0, 1] and set(known[1:]) == {1}
    assert [outcomes[number].state for number in range(1, 101)] == ["done"] * 40 + ["forbidden"] * 60
    assert all("proprietary" in (outcomes[number].reason or "") for number in range(41, 101))


def test_what_was_computed_is_kept_while_snapshots_come_and_go(tmp_path: Path) -> None:
    files = Files(is_closed=False, is_computed=True)
    before = 0

    def is_past() -> bool:  # a new snapshot within each round
        nonlocal before
        has_computed, before = files.computed > before, files.computed
        return has_computed

    outcomes = cut(tmp_path, files, Rights(), lambda done: None, is_past)
    assert files.computed == len(outcomes) and {one.state for one in outcomes.values()} == {"done"}


def test_a_companion_that_changed_since_the_plan_costs_its_own_rows(tmp_path: Path) -> None:
    def file(name: str, etag: str) -> Any:
        return SimpleNamespace(product_id=name, etag=f'"{etag}"')

    science = file("p", "v")
    found, now = (
        cast(
            Any,
            SimpleNamespace(science=science, companions={"pb": [file("b", pb)], "mask": [file("m", "1")]}),
        )
        for pb in ("old", "new")
    )
    pairs = [(), (("WITH", "mask"),), (("WITH", "pb"),), (("WITH", "pb"), ("WITH", "mask"))]
    tasks = [
        Task(number, number, None, "d", "d", version_of(found, [value for _, value in one]), one)
        for number, one in enumerate(pairs, 1)
    ]
    outcomes: dict[int, Outcome] = {}
    files = Files(is_closed=False, is_computed=False)
    parts = Parts(tmp_path, framing_of("tar"), 1 << 30, 1 << 30, lambda number, size: None, lambda: None)
    cutter = Cutter(
        cast(Any, SimpleNamespace(many_of=lambda found: files)),
        cast(Any, None),
        cast(Any, None),
        parts,
        tmp_path,
        False,
        Cancellation(),
        lambda task, outcome: outcomes.update({task.number: outcome}),
        lambda: False,
        lambda _: (now, lambda: False),
    )
    cutter.cut(now, tasks, Owner(cast(Any, JOB), Rights().viewer_now))
    parts.leave()
    assert [one.state for one in outcomes.values()] == ["done", "done", "error", "error"]
    assert all("companion" in (outcomes[number].reason or "") for number in (3, 4))
