"""The image trees of ``vo-service hips``: families of public data sets, built by an engine, judged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hips.hipsgen.errors import HipsgenMissing
from hips.hipsgen.tool import find_tool
from hips.images.build import Report, build_tree
from hips.images.crew import PRELOADED
from hips.images.engine import Engine, choose
from hips.images.errors import EngineMissing, ImagesError
from hips.images.hipsgen import hipsgen_engine
from hips.images.resample import Reproject
from hips.trees.description import Description
from vo_service.access import Rights
from vo_service.atlas import (
    Families,
    Family,
    LeftOut,
    Looks,
    Means,
    Workbench,
    description_of,
    families_of,
)
from vo_service.atlas.recipes import Quantity
from vo_service.commands.command import CallFailed
from vo_service.commands.tree_verdict import passes
from vo_service.commands.tree_work import TreeWork, counted
from vo_service.holdings.gzip_indexes import FOLDER as INDEXES
from vo_service.pixels.processes import forkserver
from vo_service.store.disk import disk_errors

LOOKS = "looks.json"
LEFT_OUT = "left-out.tsv"
"""In the folder of the trees: what is known of headers, and all that is in no tree, with the reasons."""
_PRELOADED = (
    "vo_service.atlas.fields",
    "vo_service.atlas.families",
    "vo_service.commands.command",
    *PRELOADED,
)
"""What fields take along into each process."""
_SHOWN = 20
_HIPSGEN = "hipsgen"


def make_image_trees(work: TreeWork) -> bool:
    """See tree_work.Make."""
    forkserver(_PRELOADED)  # before the first process is started
    engine = _engine(work)
    _require_judge(work)
    families = _families(work)
    failures = list(families.failed)
    went_well = True
    for family in families.families:
        try:
            report, passed = _build(work, family, engine)
        except ImagesError as error:
            work.console.complain(f"{family.name}: {error}")
            went_well = False
            left_out = error.left_out
        else:
            _tell(work, report, len(family.fields))
            went_well &= passed
            left_out = report.left_out
        failures += [LeftOut(name, family.name, reason) for name, reason in left_out.items()]
    _withdraw(work, families)
    _tell_left_out(work, families.left_out, failures)
    return went_well and not failures


def _engine(work: TreeWork) -> Engine:
    settings = work.settings
    jar, memory = settings.hipsgen_jar, settings.hipsgen_memory
    makers: dict[str, Callable[[], Engine]] = {
        "reproject": Reproject,
        _HIPSGEN: partial(hipsgen_engine, jar, memory, work.processes),
    }
    try:
        return choose(settings.hips_engine, makers)
    except EngineMissing as error:
        raise CallFailed(str(error)) from error


def _require_judge(work: TreeWork) -> None:
    """Raises CallFailed where LINT is asked for and cannot run: better before hours of work than after."""
    settings = work.settings
    try:
        if work.judged:
            find_tool(settings.hipsgen_jar, settings.hipsgen_memory, work.processes)
    except HipsgenMissing as error:
        raise CallFailed(f"--lint: {error}") from error


def _families(work: TreeWork) -> Families:
    settings = work.settings
    indexes = settings.home / INDEXES
    looks = Looks(work.trees.directory / LOOKS)
    with disk_errors("looking at headers"):
        indexes.mkdir(exist_ok=True)
        bench = Workbench(indexes, work.scratch, settings.hips_map_seconds)
        means = Means(work.home.catalogue.roots(), bench, settings.hips_map_bytes, work.processes)
        found = families_of(
            work.snapshot,
            means,
            looks,
            Rights(settings.unlisted == "open"),
            work.now,
            partial(work.progress, "headers"),
        )
        looks.save()
    return found


def _build(work: TreeWork, family: Family, engine: Engine) -> tuple[Report, bool]:
    """What became of a tree, and whether LINT had nothing against it where it was asked."""
    passed = True

    def describe(names: Sequence[str]) -> Description:
        return description_of(family.name, family.facts(frozenset(names)), work.publisher)

    def look_at(tree: Path) -> None:
        nonlocal passed
        passed = passes(work, family.name, tree)

    is_judged = work.judged or engine.name == _HIPSGEN
    with _scratch(work, family) as scratch:
        report = build_tree(
            family.name,
            [one.laid_aside_in(scratch) for one in family.fields],
            engine,
            work.trees,
            describe,
            processes=work.processes,
            moment=work.now,
            told=lambda doing, done, of: work.progress(f"{family.name}: {doing}", done, of),
            look_at=look_at if is_judged else None,
        )
    return report, passed


@contextmanager
def _scratch(work: TreeWork, family: Family) -> Iterator[Path]:
    """A directory for the maps of one family: all maps of all families would take more room than there is."""
    place = work.scratch / family.name
    with disk_errors(f"making room for the maps of {family.name}"):
        place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)  # what cannot go now goes with the run


def _tell(work: TreeWork, report: Report, fields: int) -> None:
    if report.build is None:
        work.console.say(
            f"{report.name}: none of its {counted(fields, 'field')} can be had; there is no tree"
        )
    elif not report.changed and len(report.left_out) == fields:
        work.console.say(
            f"{report.name}: none of its {counted(fields, 'field')} can be had; the tree before stays"
        )
    elif not report.changed:
        work.console.say(f"{report.name}: nothing changed")
    else:
        work.console.say(
            f"{report.name}: order {report.order}, {counted(fields - len(report.left_out), 'field')}; "
            f"{counted(report.made, 'tile')} made, {report.kept} taken over"
        )


def _withdraw(work: TreeWork, families: Families) -> None:
    """Trees of which no data set is left that is public go. Those of which only files cannot be read this
    time stay: the service itself shows nothing that is closed."""
    kept = {family.name for family in families.families} | {each.family for each in families.failed}
    for name in work.trees.served():
        if name not in kept and name.startswith(tuple(f"{quantity}-" for quantity in Quantity)):
            work.trees.withdraw(name)
            work.console.say(f"{name}: withdrawn, nothing public is left in it")


def _tell_left_out(work: TreeWork, left_out: Sequence[LeftOut], failures: Sequence[LeftOut]) -> None:
    """The first of both, and all in a file."""
    told, failed = _together(left_out), _together(failures)
    for line in told[:_SHOWN]:
        work.console.say(f"left out: {line}")
    for line in failed[:_SHOWN]:
        work.console.complain(f"failed: {line}")
    place = work.trees.directory / LEFT_OUT
    rows = (("left out", left_out), ("failed", failures))
    lines = [
        "\t".join((each.dataset_id, each.family, state, " ".join(each.reason.split())))
        for state, some in rows
        for each in some
    ]
    with disk_errors("writing down what is in no tree"):
        place.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    more = max(0, len(told) - _SHOWN) + max(0, len(failed) - _SHOWN)
    if more:
        work.console.say(f"... and {more} more, all in {place}")


def _together(some: Iterable[LeftOut]) -> list[str]:
    """A line for each data set and reason, with the trees that it is not in."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in some:
        found.setdefault((each.dataset_id, each.reason), []).append(each.family)
    return [f"{name} ({', '.join(trees)}): {reason}" for (name, reason), trees in found.items()]
