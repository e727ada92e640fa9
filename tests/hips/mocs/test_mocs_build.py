"""Builds: the same maps whether made anew or step by step, swapped in whole, one at a time."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import (
    FUTURE,
    NOW,
    PAST,
    Row,
    build_of,
    drawn_rows,
    holdings,
    maps_of,
    opened,
    parts_of_rows,
    row,
)

from hips.mocs import build as building
from hips.mocs import drafts
from hips.mocs.build import build_maps
from hips.mocs.drafts import Source
from hips.mocs.errors import MocError
from hips.mocs.kept import Build, Builds, open_build
from hips.mocs.names import Dimension
from hips.mocs.orders import Orders
from vo_service.access import Rights
from vo_service.store import WriterBusy

CIRCLE = {
    "s_region": "Circle ICRS 10 10 0.01",
    "t_min": 58000.0,
    "t_max": 58000.1,
    "em_min": 0.001,
    "em_max": 0.0011,
}
FEW = [row(f"d{number}", proposal_id=f"P{number}", band_list="6", **CIRCLE) for number in range(4)]


@settings(max_examples=25)
@given(st.data(), holdings(), st.integers(1, 3))
def test_step_by_step_or_anew_the_maps_are_the_same(data: st.DataObject, rows: list[Row], steps: int) -> None:
    """Adding, changing and withdrawing rows, and releases with the clock: incremental is as good as fresh."""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        home, fresh = Path(one), Path(other)
        build_of(home, rows)
        for step in range(steps):
            rows = [each for each in rows if data.draw(st.booleans(), "stays")]
            changed = [each["obs_publisher_did"] for each in rows if data.draw(st.booleans(), "changes")]
            rows = [
                data.draw(drawn_rows(each["obs_publisher_did"]))
                if each["obs_publisher_did"] in changed
                else each
                for each in rows
            ]
            rows.append(data.draw(drawn_rows(f"new {step}")))
            now = data.draw(st.sampled_from([NOW, NOW.replace(year=2031)]))
            report = build_of(home, rows, snapshot=step + 2, now=now)
            assert report.units.made + report.units.kept == report.units.units
            assert opened(home).pointer.snapshot == step + 2
        build_of(fresh, rows, now=now)
        assert maps_of(opened(home)) == maps_of(opened(fresh))
        assert opened(home).told_by_pixels.keys() == opened(fresh).told_by_pixels.keys()
        assert {name: opened(home).digest(name) for name in opened(home).names()} == {
            name: opened(fresh).digest(name) for name in opened(fresh).names()
        }


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    assert build_of(tmp_path, FEW).units.made == 4
    before = opened(tmp_path)
    changed = [*FEW[:3], {**FEW[3], "t_max": 58000.9}]
    report = build_of(tmp_path, changed, snapshot=2)
    assert (report.units.made, report.units.kept, report.units.gone) == (1, 3, 0)
    after = opened(tmp_path)
    assert after.pointer.build != before.pointer.build
    assert after.digest(("project", "P0")) == before.digest(("project", "P0"))
    assert after.digest(("project", "P3")) != before.digest(("project", "P3"))
    assert build_of(tmp_path, changed[1:], snapshot=3).units.gone == 1
    assert opened(tmp_path).moc(("project", "P0"), Dimension.SPACE) is None


OPEN = {"_region_measured": "Circle ICRS 10 10 0.004", "obs_release_date": PAST}


@pytest.mark.parametrize(
    "change",
    [
        {"s_region": "Circle ICRS 10 10 0.02"},
        {"s_region": None, "s_ra": 10.0, "s_dec": 3.0},
        OPEN,
        {"t_min": 58000.05},
        {"t_max": 58000.2},
        {"t_min": None, "t_max": None},
        {"em_min": 0.0009},
        {"em_max": 0.0012},
        {"em_support": [0.001, 0.00102, 0.00105, 0.0011]},
        {"specsys": "LSRK"},
        {"band_list": "7"},
        {"proposal_id": "P9"},
    ],
    ids=lambda change: next(iter(change)) + str(len(change)),
)
def test_whatever_maps_are_made_of_makes_them_again(tmp_path: Path, change: Row) -> None:
    build_of(tmp_path / "home", FEW)
    changed = [*FEW[:3], {**FEW[3], **change}]
    assert build_of(tmp_path / "home", changed, snapshot=2).units.made == 1
    build_of(tmp_path / "fresh", changed)
    assert maps_of(opened(tmp_path / "home")) == maps_of(opened(tmp_path / "fresh"))
    assert maps_of(opened(tmp_path / "home")) != maps_of(built_of_few(tmp_path / "before"))


def built_of_few(home: Path) -> Build:
    build_of(home, FEW)
    return opened(home)


def test_nothing_to_do_moves_the_pointer_alone(tmp_path: Path) -> None:
    """Rows in another order and with other names say the same."""
    build_of(tmp_path, FEW)
    renamed = [{**each, "obs_publisher_did": f"other {at}"} for at, each in enumerate(FEW)]
    report = build_of(tmp_path, renamed, snapshot=7)
    assert report.build is None and report.units.kept == 4
    build = opened(tmp_path)
    assert (build.pointer.build, build.pointer.snapshot) == ("000001", 7)
    assert sorted(path.name for path in (tmp_path / "moc").iterdir()) == ["000001", "current.json"]


def test_other_orders_make_all_again(tmp_path: Path) -> None:
    build_of(tmp_path, FEW)
    report = build_of(tmp_path, FEW, orders=Orders(space=10))
    assert report.units.made == 4
    space = opened(tmp_path).moc(("holdings",), Dimension.SPACE)
    assert space is not None and space.order == 10  # type: ignore[union-attr]


def test_large_maps_are_lowered(tmp_path: Path) -> None:
    """# MOC-015, MOC-023"""
    rows = [
        row(f"d{at}", proposal_id=f"P{at % 3}", s_region=f"Circle {at} {at % 80} 0.3", t_min=58000.0 + at)
        for at in range(40)
    ]
    build_of(tmp_path, rows, orders=Orders(volume=600))
    build = opened(tmp_path)
    for name in build.names():
        space = build.moc(name, Dimension.SPACE)
        joint = build.moc(name, Dimension.TIME)
        assert 0 < space.volume <= 600 and 0 < joint.volume <= 600  # type: ignore[union-attr]
        assert space.order < 14  # type: ignore[union-attr]


def test_of_no_rows_the_whole_is_empty(tmp_path: Path) -> None:
    """# MOC-028"""
    assert build_of(tmp_path, []).build == "000001"
    build = opened(tmp_path)
    assert build.names() == [("holdings",)]
    space = build.moc(("holdings",), Dimension.SPACE)
    assert space.order == 14 and space.volume == 0  # type: ignore[union-attr]


def test_which_maps_hold_the_outline_of_pixels(tmp_path: Path) -> None:
    outline = {"_region_measured": "Circle ICRS 10 10 0.001", "obs_release_date": PAST}
    rows = [
        row("open", proposal_id="P1", band_list="3 6", **{**CIRCLE, **outline}),
        row("closed", proposal_id="P2", band_list="7", **{**CIRCLE, **outline, "obs_release_date": FUTURE}),
    ]
    build_of(tmp_path, rows)
    build = opened(tmp_path)
    assert set(build.told_by_pixels) == {"open"}
    wanted = {("holdings",), ("band", "3"), ("band", "6"), ("year", "2017"), ("project", "P1")}
    assert build.names_with(["open", "closed", "unknown"]) == wanted
    assert build.names_with([]) == frozenset()


def test_names_that_are_none(tmp_path: Path) -> None:
    build_of(tmp_path, FEW)
    build = opened(tmp_path)
    for name in (("project",), ("project", "P9"), ("band", "9"), ("holdings", "x"), ("p",)):
        assert build.moc(name, Dimension.SPACE) is None
        assert build.digest(name) is None


def test_nothing_built_is_no_error(tmp_path: Path) -> None:
    assert open_build(tmp_path) is None
    assert Builds(tmp_path).current() is None


def test_a_server_sees_the_next_build(tmp_path: Path) -> None:
    builds = Builds(tmp_path)
    assert builds.current() is None
    build_of(tmp_path, FEW)
    first = builds.current()
    assert first is not None and builds.current() is first
    build_of(tmp_path, FEW[1:], snapshot=2)
    second = builds.current()
    assert second is not None and second is not first
    # the first one stays readable, also when it is swept away
    for snapshot in (3, 4, 5):
        build_of(tmp_path, FEW[: snapshot - 2], snapshot=snapshot)
    assert not (tmp_path / "moc" / first.pointer.build).exists()
    assert first.moc(("project", "P0"), Dimension.SPACE) is not None


def test_old_builds_go_with_the_next_run_but_one(tmp_path: Path) -> None:
    for snapshot in range(1, 6):
        build_of(tmp_path, FEW[: 1 + snapshot % 2], snapshot=snapshot)
        kept = sorted(path.name for path in (tmp_path / "moc").iterdir() if path.name.isdigit())
        assert kept == [f"{number:06d}" for number in range(max(1, snapshot - 2), snapshot + 1)]


def test_one_run_at_a_time(tmp_path: Path) -> None:
    def parts() -> Iterator[pa.Table]:
        with pytest.raises(WriterBusy, match="a test"):
            build_of(tmp_path, FEW)
        yield from parts_of_rows(FEW)

    build_maps(tmp_path, Source(parts(), 1, 4, Rights(), NOW), "a test", 0.0)
    assert opened(tmp_path).pointer.snapshot == 1


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["units", "names", "facts", "pointer"])
def test_a_full_disk_leaves_the_maps_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    build_of(tmp_path, FEW)
    wanted = maps_of(opened(tmp_path))

    target = {
        "units": (drafts, "written_shelf"),
        "names": (drafts, "Shelf"),
        "facts": (building, "write_durably"),
        "pointer": (building, "_point"),
    }[where]
    with monkeypatch.context() as patch:
        patch.setattr(*target, _full)
        with pytest.raises(MocError, match=r"no space left on the disk while .*still served"):
            build_of(tmp_path, FEW[1:], snapshot=2)
    assert maps_of(opened(tmp_path)) == wanted
    assert opened(tmp_path).pointer.snapshot == 1
    assert not [path for path in (tmp_path / "moc").iterdir() if path.name.startswith(".draft-")]
    assert build_of(tmp_path, FEW[1:], snapshot=2).units.gone == 1


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A write beyond a limit on sizes of files fails as one on a full disk does."""
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_build_in_little_room, args=(tmp_path,))
    build_of(tmp_path, FEW[:1])
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert opened(tmp_path).pointer.snapshot == 1


def _build_in_little_room(home: Path) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        build_of(home, FEW, snapshot=2)
    except MocError as error:
        os._exit(0 if "while writing coverage maps" in str(error) else 3)
    os._exit(4)


def _build_for_ever(home: Path, begun: object) -> None:
    snapshot = 2
    while True:
        build_of(home, FEW[: 1 + snapshot % 4], snapshot=snapshot)
        snapshot += 1
        begun.set()  # type: ignore[attr-defined]


def test_killed_at_any_moment_it_leaves_whole_maps(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    build_of(tmp_path, FEW)
    for moment in range(6):
        begun = context.Event()
        child = context.Process(target=_build_for_ever, args=(tmp_path, begun))
        child.start()
        assert begun.wait(60)
        time.sleep(0.013 * moment)
        child.kill()
        child.join()
        build = opened(tmp_path)
        snapshot = build.pointer.snapshot
        names = {name for name in build.names() if name[0] == "project"}
        assert names == {("project", f"P{number}") for number in range(1 + snapshot % 4)}
        assert len(maps_of(build)) == 3 * len(build.names())
    # the lock is free, and what was left goes
    build_of(tmp_path, FEW[:2], snapshot=99)
    left = [path.name for path in (tmp_path / "moc").iterdir() if path.name.startswith(".")]
    assert left == []


def test_a_damaged_build_is_told_and_made_again(tmp_path: Path) -> None:
    build_of(tmp_path, FEW)
    for name, content in (("units.arrow", b"nothing"), ("build.json", b"{"), ("names.arrow", b"")):
        place = tmp_path / "moc" / opened(tmp_path).pointer.build / name
        place.write_bytes(content)
        with pytest.raises(MocError, match=r"run `vo-service moc` again"):
            open_build(tmp_path)
        assert build_of(tmp_path, FEW).units.made == 4
        assert len(opened(tmp_path).names()) == 7
    (tmp_path / "moc" / "current.json").write_text("[]")
    with pytest.raises(MocError, match="damaged"):
        open_build(tmp_path)
    assert build_of(tmp_path, FEW).units.made == 4


def test_a_build_of_another_version_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_of(tmp_path, FEW)
    facts = tmp_path / "moc" / "000001" / "build.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "format": 0}))
    assert open_build(tmp_path) is None
    with monkeypatch.context() as patch:
        patch.setattr(drafts, "written_shelf", _full)
        with pytest.raises(MocError):
            build_of(tmp_path, FEW)
    assert facts.exists()  # it is for the version that serves it to remove
    assert build_of(tmp_path, FEW).units.made == 4
