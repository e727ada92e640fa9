"""``vo-service hips``: build the tile trees of the holdings, as far as something has changed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hips.trees.versions import FOLDER, Trees
from vo_service.commands.command import DONE, SOME_FAILED, Action, CallFailed, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import FIRST, open_existing_home
from vo_service.commands.image_trees import make_image_trees
from vo_service.commands.row_trees import make_row_trees
from vo_service.commands.tree_work import Make, TreeWork
from vo_service.settings import Settings
from vo_service.store import DiskFull, Snapshot
from vo_service.store.disk import disk_errors, remove_tree

KINDS: tuple[Make, ...] = (make_image_trees, make_row_trees)
"""Who makes trees, one kind each, in this order."""

_SCRATCH = "scratch-"


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        dest="hips_engine",
        metavar="NAME",
        help="what brings images onto tiles: reproject, hipsgen, or auto (default: setting hips_engine)",
    )
    parser.add_argument(
        "--lint",
        action="store_true",
        help="have hipsgen's LINT judge each new tree of images, density or exposure before it is served;"
        " those of images that hipsgen made it judges always",
    )


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    with open_existing_home(settings) as home, home.snapshots.lease() as snapshot:
        if snapshot is None:
            raise CallMistake(f"{settings.home} holds no data yet; {FIRST}")
        _require_current(snapshot)
        trees = Trees(settings.home / FOLDER)
        with (
            trees.writing("vo-service hips", settings.wait_seconds),
            _scratch(trees.directory) as scratch,
            console.progress("done") as progress,
        ):
            now = datetime.now(UTC)
            work = TreeWork(settings, home, snapshot, trees, scratch, now, console, progress, arguments.lint)
            went_well = _make_all(work)
    return DONE if all(went_well) else SOME_FAILED


def _make_all(work: TreeWork) -> list[bool]:
    """Of each kind whether all went well. Trees are served one by one: what a full disk ends is the rest."""
    try:
        return [make(work) for make in KINDS]
    except DiskFull as error:
        raise CallFailed(
            f"no space left on the disk (ENOSPC) while {error.doing}; trees that were done before are served,"
            " all others are what they were: make room and run the command again"
        ) from error


def _require_current(snapshot: Snapshot) -> None:
    """Raises CallFailed for a snapshot that lacks what trees are made by."""
    if snapshot.lacks:
        raise CallFailed(
            f"snapshot {snapshot.number} is of another version of this software; `vo-service serve`, or the "
            "next ingest, brings it up to date"
        )


@contextmanager
def _scratch(trees: Path) -> Iterator[Path]:
    """A directory for what is laid aside meanwhile. What killed runs left of theirs goes first."""
    with disk_errors("making room for the work on trees"):
        for left in trees.glob(f"{_SCRATCH}*"):
            remove_tree(left)
        with TemporaryDirectory(prefix=_SCRATCH, dir=trees, ignore_cleanup_errors=True) as made:
            yield Path(made)


ACTION = Action(_arguments, _run)
