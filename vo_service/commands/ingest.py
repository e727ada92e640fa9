"""``vo-service ingest``: harmonise files into a new snapshot."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from tap_schema import published
from vo_service.commands.command import Action, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import Home, open_home, read_stated, tell_authority
from vo_service.holdings.comparison import ERROR_CLASSES
from vo_service.holdings.ingest import ingest
from vo_service.holdings.manifest import ManifestMistake, read_manifest
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.remote_roots import is_url
from vo_service.holdings.reports import IngestReport, PixelReport
from vo_service.holdings.roots import RootError
from vo_service.settings import Settings

_SHOWN = 20


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="directories (or files) of products; or URLs of such: http(s)://... (a folder with / at its "
        "end) or s3://bucket/prefix/ (needs the extra `s3`). Tars are looked into",
    )
    parser.add_argument(
        "--manifest",
        metavar="FILE",
        help="a list of URLs of files: one a line, # before remarks, or CSV or ECSV with a column url or "
        "access_url and, if it likes, size (bytes) and sha256, which are then compared",
    )
    parser.add_argument(
        "--no-pixels",
        action="store_true",
        help="headers only; a later ingest without this flag measures the pixels of what is there",
    )
    parser.add_argument(
        "--root",
        metavar="NAME",
        help="name of the directory in the holdings (default: its own; of a URL, host and path)",
    )
    parser.add_argument("--keep", metavar="N", help="snapshots to keep (default 3)")
    parser.add_argument(
        "--retry",
        metavar="CLASS",
        action="append",
        default=[],
        help="try files again that failed with this class of error, though they have not changed (may be "
        f"repeated, or several with commas): {', '.join(ERROR_CLASSES)}",
    )
    parser.add_argument(
        "--withdraw",
        metavar="NAME",
        action="append",
        default=[],
        help="take all files of this root out of the holdings, and forget it (may be repeated)",
    )


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    if not arguments.paths and not arguments.withdraw and arguments.manifest is None:
        raise CallMistake(
            "name a directory, file or URL of products, a list of them by --manifest, or a root by --withdraw"
        )
    paths = [path if is_url(path) else Path(path) for path in arguments.paths]
    for path in paths:
        if isinstance(path, Path) and not path.exists():
            raise CallMistake(f"there is no {path}; name a directory, file or URL of products")
    retry = _classes(arguments.retry)
    with open_home(settings) as home:
        tell_authority(home, settings, console)
        report = add_files(
            paths,
            arguments.root,
            home,
            settings,
            console,
            retry=retry,
            withdraw=arguments.withdraw,
            manifest=None if arguments.manifest is None else Path(arguments.manifest),
            pixels=not arguments.no_pixels,
        )
    tell(report, settings, console)
    return report.exit_code


def _classes(texts: Sequence[str]) -> list[str]:
    """The classes of errors named, one or several in each text."""
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    for name in names:
        if name not in ERROR_CLASSES:
            raise CallMistake(
                f"--retry: there is no class of error {name!r}; the classes are {', '.join(ERROR_CLASSES)}"
            )
    return names


def add_files(
    paths: Sequence[Path | str],
    root_name: str | None,
    home: Home,
    settings: Settings,
    console: Console,
    *,
    retry: Sequence[str] = (),
    withdraw: Sequence[str] = (),
    manifest: Path | None = None,
    pixels: bool = True,
) -> IngestReport:
    """Ingest directories, URLs (as text) and what a manifest lists, with their pixels unless these are not
    wanted, and show how far it is.
    """
    stated = read_stated(settings)
    limits = PixelLimits(settings.pixel_bytes, settings.pixel_seconds)
    try:
        entries = () if manifest is None else read_manifest(manifest)
        with console.progress("files") as progress:
            return ingest(
                paths,
                entries=entries,
                home=settings.home,
                snapshots=home.snapshots,
                catalogue=home.catalogue,
                published=published(),
                authority=settings.authority,
                root_name=root_name,
                retry=retry,
                withdraw=withdraw,
                workers=settings.ingest_workers or os.cpu_count() or 1,
                keep=settings.keep,
                wait_seconds=settings.wait_seconds,
                progress=progress,
                pixels=limits if pixels else None,
                stated=stated,
            )
    except (RootError, ManifestMistake) as error:
        raise CallMistake(str(error)) from error


def tell(report: IngestReport, settings: Settings, console: Console) -> None:
    """What an ingest did, in a few lines; files that could not be described with their reasons."""
    for notice in report.notices:
        console.say(notice)
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
    if report.pixels is not None:
        _tell_pixels(report.pixels, console)
    if report.broken:
        console.say(
            f"{_files(report.broken)} still broken, as before: `vo-service runs --broken` lists them, "
            "`vo-service ingest --retry CLASS` tries them again"
        )
    if report.unlisted and settings.unlisted == "closed":
        console.say(
            f"{report.unlisted} data sets have no archive row and no release date: their files are closed. "
            'VO_SERVICE_UNLISTED=open (or unlisted = "open" in vo-service.toml) opens them.'
        )


def _tell_pixels(report: PixelReport, console: Console) -> None:
    """What the pass over pixels did, if it had anything to do."""
    if report.run_id is not None:
        snapshot = f"snapshot {report.snapshot}" if report.snapshot is not None else "nothing changed"
        console.say(f"measured the pixels of {report.ok} images, {report.failed} failed; {snapshot}")
    for entry in report.failures[:_SHOWN]:
        console.complain(f"{entry.root}/{entry.path}: {entry.error_class}: {entry.error_message}")
    if report.failed > _SHOWN:
        console.complain(
            f"... and {report.failed - _SHOWN} more: vo-service runs {report.run_id} --state failed"
        )
    if report.broken:
        console.say(
            f"{_files(report.broken)} still not measured, as before: `vo-service runs --broken` "
            "lists them, `vo-service ingest --retry CLASS` tries them again"
        )


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


ACTION = Action(_arguments, _run)
