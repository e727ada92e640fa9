"""``vo-service runs``: what each ingest and harvest did, or what one of them did with each product."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import datetime

from vo_service.commands.command import DONE, Action, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import open_existing_home
from vo_service.settings import Settings
from vo_service.store import RunLog

_STATES = ("ok", "failed", "skipped", "withdrawn")
_HEADS = (
    "run",
    "kind",
    "state",
    "started",
    "seconds",
    "snapshot",
    "ok",
    "failed",
    "skipped",
    "rows",
    "rejected",
)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", metavar="RUN", help="show what this run did, product by product")
    parser.add_argument(
        "--state",
        action="append",
        choices=_STATES,
        default=[],
        help="only products in this state (may be repeated)",
    )
    parser.add_argument(
        "--broken",
        action="store_true",
        help="show the files that the holdings list as failed, whichever run met them",
    )


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    if arguments.broken:
        if arguments.run is not None or arguments.state:
            raise CallMistake("--broken is about all runs; leave out the run and the state")
        return _show_broken(settings, console)
    with open_existing_home(settings) as home:
        log = RunLog(home.catalogue)
        runs = log.list_runs()
        if arguments.run is None:
            console.table(_HEADS, [_line(run) for run in runs])
            return DONE
        known = [str(run["run_id"]) for run in runs]
        if arguments.run not in known:
            raise CallMistake(f"there is no run {arguments.run!r}; `vo-service runs` lists them")
        entries = log.list_products(arguments.run, arguments.state)
    console.table(
        ("state", "error", "repairs", "product", "place", "message"),
        [
            (
                entry["state"],
                entry["error_class"],
                entry["repair_count"],
                entry["product_id"],
                _place(entry),
                entry["error_message"],
            )
            for entry in entries
        ],
    )
    return DONE


def _show_broken(settings: Settings, console: Console) -> int:
    columns = ["error_class", "product_id", "root", "path", "error_message"]
    with open_existing_home(settings) as home:
        snapshot = home.snapshots.current()
        rows = (
            []
            if snapshot is None
            else snapshot.read("holdings.product", columns, "state = 'failed'").to_pylist()
        )
    rows.sort(key=lambda row: (row["error_class"], row["root"], row["path"]))
    console.table(
        ("error", "product", "place", "message"),
        [
            (row["error_class"], row["product_id"], f"{row['root']}/{row['path']}", row["error_message"])
            for row in rows
        ],
    )
    return DONE


def _line(run: Mapping[str, object]) -> tuple[object, ...]:
    started, finished = run["started"], run["finished"]
    seconds = ""
    if isinstance(started, datetime) and isinstance(finished, datetime):
        seconds = f"{(finished - started).total_seconds():.1f}"
    return (
        run["run_id"],
        run["kind"],
        run["state"],
        f"{started:%Y-%m-%dT%H:%M:%SZ}" if isinstance(started, datetime) else None,
        seconds,
        run["snapshot"],
        run["ok_count"],
        run["failed_count"],
        run["skipped_count"],
        run["row_count"],
        run["rejected_count"],
    )


def _place(entry: Mapping[str, object]) -> str:
    """Where it was: the path under its root, or the row of its table."""
    place = "/".join(str(part) for part in (entry["root"], entry["path"]) if part)
    return f"{place}:{entry['line']}" if entry["line"] is not None else place


ACTION = Action(_arguments, _run)
