"""``vo-service ingest``: harmonise files into a new snapshot."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from tap_schema import published
from vo_service.commands.command import Action, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import Home, open_home
from vo_service.holdings.ingest import ingest
from vo_service.holdings.reports import IngestReport
from vo_service.holdings.roots import RootError
from vo_service.settings import Settings

_SHOWN = 20


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="directories (or files) of products"
    )
    parser.add_argument(
        "--no-pixels", action="store_true", help="headers only (this version reads no pixels at all)"
    )
    parser.add_argument(
        "--root", metavar="NAME", help="name of the directory in the holdings (default: its own)"
    )
    parser.add_argument("--keep", metavar="N", help="snapshots to keep (default 3)")


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    for path in arguments.paths:
        if not path.exists():
            raise CallMistake(f"there is no {path}; name a directory or file of products")
    with open_home(settings) as home:
        report = add_files(arguments.paths, arguments.root, home, settings, console)
    tell(report, settings, console)
    return report.exit_code


def add_files(
    paths: Sequence[Path], root_name: str | None, home: Home, settings: Settings, console: Console
) -> IngestReport:
    """Ingest directories and show how far it is."""
    try:
        with console.progress("files") as progress:
            return ingest(
                paths,
                home=settings.home,
                snapshots=home.snapshots,
                catalogue=home.catalogue,
                published=published(),
                authority=settings.authority,
                root_name=root_name,
                workers=settings.ingest_workers or os.cpu_count() or 1,
                keep=settings.keep,
                wait_seconds=settings.wait_seconds,
                progress=progress,
            )
    except RootError as error:
        raise CallMistake(str(error)) from error


def tell(report: IngestReport, settings: Settings, console: Console) -> None:
    """What an ingest did, in a few lines; files that could not be described with their reasons."""
    snapshot = f"snapshot {report.snapshot}" if report.snapshot is not None else "nothing changed"
    console.say(
        f"ingested {report.found} files: {report.ok} described, {report.skipped} unchanged, "
        f"{report.withdrawn} withdrawn, {report.failed} failed; {report.datasets} data sets, "
        f"{report.rows} rows in ivoa.obscore; {snapshot}"
    )
    for entry in report.failures[:_SHOWN]:
        console.complain(f"{entry.root}/{entry.path}: {entry.error_class}: {entry.error_message}")
    if report.failed > _SHOWN:
        console.complain(
            f"... and {report.failed - _SHOWN} more: vo-service runs {report.run_id} --state failed"
        )
    if report.unlisted and settings.unlisted == "closed":
        console.say(
            f"{report.unlisted} data sets have no archive row and no release date: their files are closed. "
            'VO_SERVICE_UNLISTED=open (or unlisted = "open" in vo-service.toml) opens them.'
        )


ACTION = Action(_arguments, _run)
