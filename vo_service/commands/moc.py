"""``vo-service moc``: coverage maps of the current snapshot, brought up to date."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from hips.mocs.build import Report, build_maps
from hips.mocs.drafts import Source
from hips.mocs.errors import MocError
from hips.mocs.rows import TABLE, parts_of
from vo_service.access import Rights
from vo_service.commands.command import DONE, Action, CallFailed, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import FIRST, Home, open_existing_home
from vo_service.settings import Settings


def _arguments(parser: ArgumentParser) -> None:
    """It takes none."""


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    with open_existing_home(settings) as home:
        number, report = bring_up_to_date(home, settings, console)
    tell(number, report, console)
    return DONE


def bring_up_to_date(home: Home, settings: Settings, console: Console) -> tuple[int, Report]:
    """Build the maps of the current snapshot and show how far it is; its number, and what was done.

    Raises CallMistake where there is no snapshot, or one of another version, and CallFailed where maps cannot
    be built.
    """
    with home.snapshots.lease() as snapshot:
        if snapshot is None:
            raise CallMistake(f"{settings.home} holds no data yet; {FIRST}")
        if snapshot.lacks:
            raise CallMistake(
                f"snapshot {snapshot.number} is of another version of this software: "
                "`vo-service serve` brings it up to date"
            )
        source = Source(
            parts_of(snapshot),
            snapshot.number,
            snapshot.count_rows(TABLE),
            Rights(unlisted_open=settings.unlisted == "open"),
            datetime.now(UTC),
        )
        try:
            with console.progress("done") as progress:
                report = build_maps(
                    settings.home, source, "vo-service moc", settings.wait_seconds, progress=progress
                )
        except MocError as error:
            raise CallFailed(str(error)) from error
        return snapshot.number, report


def tell(number: int, report: Report, console: Console) -> None:
    """What a run did, in a line or two."""
    units = report.units
    if report.build is None:
        console.say(
            f"coverage maps: those of snapshot {number} are what they were; {units.units} units unchanged"
        )
    else:
        console.say(
            f"coverage maps of snapshot {number}: {units.rows} rows in {units.units} units (project, bands, "
            f"year), {units.made} made, {units.kept} as before, {units.gone} gone"
        )
    if units.unread:
        console.say(f"{units.unread} rows have a region that cannot be read: their positions stand for it")


ACTION = Action(_arguments, _run)
