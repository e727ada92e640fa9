"""``vo-service harvest``: add the rows of an archive's ObsCore table."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tap_schema import published
from vo_service.commands.command import Action, CallFailed, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import Home, open_home, read_stated, tell_authority
from vo_service.holdings.harvest import harvest
from vo_service.holdings.harvest_sources import SourceError, open_file
from vo_service.holdings.harvest_tap import open_tap
from vo_service.holdings.reports import HarvestReport
from vo_service.settings import Settings

_SHOWN = 20


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="FILE_OR_TAP_URL",
        help="CSV, ECSV, VOTable or Parquet file with rows of observations or of projects, or the address of "
        "a TAP service",
    )
    parser.add_argument("--keep", metavar="N", help="snapshots to keep (default 3)")


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    source: str = arguments.source
    if not _is_address(source) and not Path(source).is_file():
        raise CallMistake(
            f"there is no file {source}; name a file, or the address of a TAP service (http...)"
        )
    with open_home(settings) as home:
        tell_authority(home, settings, console)
        report = add_rows(source, home, settings, console)
    tell(report, console)
    return report.exit_code


def _is_address(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def add_rows(source: str, home: Home, settings: Settings, console: Console) -> HarvestReport:
    """Harvest one file or TAP service and show how far it is. Raises CallFailed where it cannot be read."""
    stated = read_stated(settings)
    try:
        with console.progress("rows") as progress:
            if _is_address(source):
                table = open_tap(source, settings.home, progress=progress)
            else:
                table = open_file(Path(source))
            return harvest(
                table,
                home=settings.home,
                snapshots=home.snapshots,
                catalogue=home.catalogue,
                published=published(),
                authority=settings.authority,
                keep=settings.keep,
                wait_seconds=settings.wait_seconds,
                progress=progress,
                stated=stated,
            )
    except SourceError as error:
        raise CallFailed(str(error)) from error


def tell(report: HarvestReport, console: Console) -> None:
    """What a harvest did, in a few lines; rows that were refused with their reasons."""
    for notice in report.notices:
        console.say(notice)
    snapshot = f"snapshot {report.snapshot}" if report.snapshot is not None else "no change"
    console.say(
        f"harvested {_amount(report)} of {report.source}: {report.kept} kept ({report.new} new, "
        f"{report.matched} matched with products), {report.duplicates} duplicates, {report.rejected} "
        f"rejected; {snapshot}"
    )
    if report.table != "holdings.archive_row":
        console.say(
            f"{report.source} describes no observations: its rows are in {report.table}; "
            f"{report.filled} rows of ivoa.obscore took facts from it"
        )
    for warning in report.warnings:
        console.complain(f"{report.source}: {warning}")
    for entry in report.rejects[:_SHOWN]:
        console.complain(f"{report.source}: {entry.error_message}")
    if report.rejected > _SHOWN:
        console.complain(
            f"... and {report.rejected - _SHOWN} more: vo-service runs {report.run_id} --state failed"
        )


def _amount(report: HarvestReport) -> str:
    """How many rows were read, and what they make where that is another number."""
    if report.lines == report.read:
        return f"{report.read} rows"
    return f"{report.lines} lines, which make {report.read} rows,"


ACTION = Action(_arguments, _run)
