"""Builds that come to no good end: what was served before is served still."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from built_trees import House
from made_fields import FileField, OpenFile

from hips.images.engine import choose
from hips.images.errors import EngineFailed, EngineMissing, FieldFailed, ImagesError, TreeRefused
from hips.images.resample import Reproject
from hips.trees.held import read_held
from hips.trees.versions import Trees
from vo_service.store.errors import DiskFull


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_full_disk_ends_a_build_and_the_tree_before_is_served(house, monkeypatch):
    fields = [house.field("a", (10.0, 10.0), 2.0)]
    first = house.build(fields)
    more = [*fields, house.field("b", (50.0, 10.0), 2.0)]
    written = []

    def full(tree, before, name, content):
        written.append(name)
        if len(written) > 5:
            raise OSError(errno.ENOSPC, "No space left on device", name)
        (tree / name).write_bytes(content)

    monkeypatch.setattr("hips.images.work.keep_file", full)
    with pytest.raises(DiskFull, match="continuum-band-6"):
        house.build(more)
    assert len(written) == 6
    assert house.trees.current("continuum-band-6") == first.build
    assert [path.name for path in first.build.directory.parent.iterdir()] == [first.build.build]
    monkeypatch.undo()
    assert house.build(more).changed


@dataclass(frozen=True)
class Deadly(FileField):
    """A field that ends the process that reads it, once it has been looked at."""

    flag: Path = Path()

    @contextmanager
    def open(self):
        with super().open() as plane:
            yield Wrapped(plane.sky, plane.size, plane.array, plane.counts, self.flag)


@dataclass(frozen=True)
class Wrapped(OpenFile):
    """Its pixels."""

    flag: Path

    def values(self, x, y):
        if self.flag.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().values(x, y)


class Flagging(Reproject):
    """The engine, which raises a flag before tiles are made."""

    flag: Path

    def prepare(self, wanted, scratch, told):
        self.flag.touch()
        return super().prepare(wanted, scratch, told)


def test_a_process_that_is_killed_ends_the_build_with_a_reason(house):
    fields = [house.field("a", (10.0, 10.0), 2.0)]
    first = house.build(fields)
    flag = house.directory / "flag"
    deadly = Deadly(**house.field("b", (50.0, 10.0), 2.0).__dict__ | {"flag": flag})
    engine = Flagging()
    engine.flag = flag
    with pytest.raises(ImagesError, match="killed"):
        house.build([*fields, deadly], engine=engine, processes=2)
    assert house.trees.current("continuum-band-6") == first.build
    assert [path.name for path in first.build.directory.parent.iterdir()] == [first.build.build]


@dataclass(frozen=True)
class LaidAside(FileField):
    """A field that has to be laid aside to be read, for which the disk has no room once tiles are made."""

    flag: Path = Path()

    @contextmanager
    def open(self):
        if self.flag.exists():
            raise OSError(errno.ENOSPC, "No space left on device", "plane")
        with super().open() as plane:
            yield plane


def test_a_disk_that_is_too_full_to_lay_a_field_aside_is_no_fault_of_the_field(house):
    first = house.build([house.field("a", (10.0, 10.0), 2.0)])
    flag = house.directory / "flag"
    large = LaidAside(**house.field("b", (50.0, 10.0), 2.0).__dict__ | {"flag": flag})
    engine = Flagging()
    engine.flag = flag
    with pytest.raises(DiskFull):
        house.build([house.field("a", (10.0, 10.0), 2.0), large], engine=engine)
    assert house.trees.current("continuum-band-6") == first.build
    flag.unlink()
    assert house.build([house.field("a", (10.0, 10.0), 2.0), large]).changed


SLOW = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from built_trees import House
from slow_fields import Slow
house = object.__new__(House)
house.directory = Path(sys.argv[1])
from hips.trees.versions import Trees
house.trees = Trees(house.directory / "hips")
if __name__ == "__main__":
    fields = [Slow(**house.field(f"s{n}", (10.0 + n, 10.0), 2.0).__dict__) for n in range(40)]
    print("begun", flush=True)
    house.build(fields, processes=2)
"""


def test_a_build_that_is_killed_takes_its_processes_with_it(house, tmp_path):
    first = house.build([house.field("a", (10.0, 10.0), 2.0)])
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    here = Path(__file__)
    paths = [str(here.parent), str(here.parents[1]), str(here.parents[3])]
    process = subprocess.Popen(
        [sys.executable, str(script), str(house.directory), *paths],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    drafts = first.build.directory.parent
    while not list((house.directory / "reading").glob("*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    readers = [int(path.name) for path in (house.directory / "reading").iterdir()]
    assert readers
    while any(alive(reader) for reader in readers):
        time.sleep(0.05)
    assert house.trees.current("continuum-band-6") == first.build
    assert house.build([house.field("b", (10.0, 10.0), 2.0)]).changed
    assert len(list(drafts.iterdir())) == 2


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Failing(Reproject):
    """An engine that ends without its work done."""

    def prepare(self, wanted, scratch, told):
        (scratch / "left over").write_bytes(b"x" * 1000)
        raise EngineFailed("it was killed")


class Partial(Reproject):
    """An engine that cannot have one of the fields."""

    def prepare(self, wanted, scratch, told):
        assert not list(scratch.iterdir())
        (scratch / "left over").write_bytes(b"x" * 1000)
        sheets = super().prepare(wanted, scratch, told)
        names = {one.field.name for one in wanted}
        object.__setattr__(sheets, "failed", {"b": "too odd"} if "b" in names else {})
        return sheets


def test_an_engine_that_fails_ends_the_build_and_one_field_that_does_not(house):
    fields = [house.field("a", (10.0, 10.0), 2.0)]
    first = house.build(fields)
    more = [*fields, house.field("b", (50.0, 10.0), 2.0), house.field("c", (90.0, 10.0), 2.0)]
    unreadable = replace(house.field("d", (130.0, 10.0), 2.0), path=house.directory / "nowhere")
    with pytest.raises(EngineFailed, match="it was killed") as ended:
        house.build([*more, unreadable], engine=Failing())
    assert list(ended.value.left_out) == ["d"]
    assert house.trees.current("continuum-band-6") == first.build
    report = house.build(more, engine=Partial())
    assert dict(report.left_out) == {"b": "too odd"}
    assert {path.name for path in report.build.directory.iterdir()} == {
        "tree", "tiles.arrow", "members.arrow", "build.json",
    }  # fmt: skip


def test_a_tree_that_is_refused_is_never_served(house):
    # who looks at it sees all of it, beside the one that is served meanwhile
    fields = [house.field("a", (10.0, 10.0), 2.0)]
    first = house.build(fields)
    seen = []

    def refuse(tree: Path) -> None:
        seen.append(tree)
        assert read_held(tree.parent).names == ("a", "b")
        assert (tree / "properties").is_file()
        assert house.trees.current("continuum-band-6") == first.build
        raise TreeRefused("it is not compatible")

    more = [*fields, house.field("b", (50.0, 10.0), 2.0)]
    unreadable = replace(house.field("c", (90.0, 10.0), 2.0), path=house.directory / "nowhere")
    with pytest.raises(TreeRefused, match="not compatible") as refused:
        house.build([*more, unreadable], look_at=refuse)
    assert list(refused.value.left_out) == ["c"]
    assert house.trees.current("continuum-band-6") == first.build
    assert len(seen) == 1 and not seen[0].exists()
    assert house.build(more, look_at=seen.append).build.tree == seen[1]
    assert not house.build(more, look_at=seen.append).changed and len(seen) == 2  # what is served was seen


def missing() -> Reproject:
    raise EngineMissing("no Java")


def test_engines_are_chosen_by_name_or_by_what_is_there():
    makers = {"hipsgen": missing, "reproject": Reproject}
    assert choose("auto", makers).name == "reproject"
    assert choose("reproject", makers).name == "reproject"
    with pytest.raises(EngineMissing, match="no Java"):
        choose("hipsgen", makers)
    with pytest.raises(EngineMissing, match="no engine 'other'; there are: hipsgen, reproject, auto"):
        choose("other", makers)
    with pytest.raises(EngineMissing, match="no engine can run here: hipsgen: no Java"):
        choose("auto", {"hipsgen": missing})


def test_a_field_that_failed_can_be_sent_from_another_process():
    import pickle

    error = pickle.loads(pickle.dumps(FieldFailed("a", "of this")))
    assert (error.name, error.reason, str(error)) == ("a", "of this", "a: of this")
    assert Trees(Path("x")).index == Path("x/index.json")
