"""``vo-service runs``: what each ingest and harvest did, what one of them did with each product, what is
still broken, and the story of one product from file to row."""

from __future__ import annotations

import difflib
import json
import shutil
import textwrap
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vo_service.commands.command import DONE, Action, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import FIRST, Home, open_existing_home
from vo_service.commands.story_lines import appearance_lines, story_lines
from vo_service.holdings.changes import read_where
from vo_service.holdings.out_of_reach import read_out_of_reach
from vo_service.holdings.story import NoProduct, SeveralProducts, find_appearances, tell_story
from vo_service.settings import Settings
from vo_service.store import RunLog, Snapshot

Row = Mapping[str, Any]

_ERROR = ["error_class", "product_id", "error_message"]
_PLACE = ["root", "path"]
_STATES = ("ok", "failed", "skipped", "withdrawn")
_HEADS = ("run", "kind", "state", "seconds", "snapshot", "ok", "failed", "skipped")
_LISTED = "run_id kind state started finished snapshot".split()
_COUNTS = "product_count ok_count failed_count skipped_count row_count rejected_count software".split()
_ENTRY = "state error_class error_message root path line product_id repair_count duration".split()


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
        help="show the files that could not be described or measured, whichever run met them, and what the "
        "last look at each ingest root could not take at all",
    )
    parser.add_argument(
        "--product",
        metavar="ID_OR_PATH",
        help="the story of one product from file to row: role, identity, match, repairs, what is published",
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON, with nothing left out")


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    _check_call(arguments)
    with open_existing_home(settings) as home:
        if arguments.product is not None:
            _show_story(arguments.product, home, arguments.json, console)
        elif arguments.broken:
            _show_broken(home, arguments.json, console)
        elif arguments.run is not None:
            _show_run(arguments.run, arguments.state, home, arguments.json, console)
        else:
            _show_runs(home, arguments.json, console)
    return DONE


def _check_call(arguments: Namespace) -> None:
    for option in ("broken", "product"):
        given = getattr(arguments, option)
        if given and (arguments.run is not None or arguments.state):
            raise CallMistake(f"--{option} is about all runs; leave out the run and the state")
    if arguments.broken and arguments.product:
        raise CallMistake("--broken lists files and --product tells of one; choose one of them")


def _show_runs(home: Home, as_json: bool, console: Console) -> None:
    runs = RunLog(home.catalogue).list_runs()
    if as_json:
        _write_json([_plain(run, (*_LISTED, *_COUNTS)) for run in runs], console)
        return
    console.table(
        _HEADS,
        [
            (
                run["run_id"],
                run["kind"],
                run["state"],
                _seconds(run),
                run["snapshot"],
                run["ok_count"],
                run["failed_count"],
                run["skipped_count"],
            )
            for run in runs
        ],
    )


def _show_run(name: str, states: Sequence[str], home: Home, as_json: bool, console: Console) -> None:
    log = RunLog(home.catalogue)
    runs = {str(run["run_id"]): run for run in log.list_runs()}
    if name not in runs:
        raise CallMistake(
            f"there is no run {name!r}; {_near(difflib.get_close_matches(name, runs, 3))}"
            "`vo-service runs` lists them"
        )
    run, entries = runs[name], log.list_products(name, states)
    if as_json:
        told = _plain(run, (*_LISTED, *_COUNTS)) | {"products": [_plain(entry, _ENTRY) for entry in entries]}
        _write_json(told, console)
        return
    started, classes = run["started"], Counter(entry["error_class"] for entry in entries)
    console.say(f"{run['kind']} {name}: {run['state']}, by {run['software']}")
    snapshot = "no snapshot" if run["snapshot"] is None else f"snapshot {run['snapshot']}"
    console.say(f"started {_moment(started)}, {_seconds(run) or 'unknown'} seconds; {snapshot}")
    console.say(
        f"{run['ok_count'] or 0} ok, {run['failed_count'] or 0} failed, {run['skipped_count'] or 0} skipped"
    )
    failures = ", ".join(f"{kind} {count}" for kind, count in sorted(classes.items(), key=str) if kind)
    if failures:
        console.say(f"failed: {failures}")
    console.say("")
    _say_entries("state", ((str(entry["state"]), entry) for entry in entries), console)


def _show_broken(home: Home, as_json: bool, console: Console) -> None:
    snapshot = home.snapshots.current()
    rows = [] if snapshot is None else _broken(snapshot)
    rows += [
        {
            "root": each.root,
            "path": each.path,
            "product_id": None,
            "error_class": each.kind,
            "error_message": each.message,
        }
        for each in read_out_of_reach(home.catalogue)
    ]
    rows.sort(key=lambda row: (row["error_class"], row["root"], row["path"]))
    if as_json:
        _write_json([_plain(row, (*_ERROR, *_PLACE)) for row in rows], console)
        return
    _say_entries("error", ((row["error_class"], row) for row in rows), console)
    classes = Counter(row["error_class"] for row in rows)
    for kind, count in sorted(classes.items()):
        console.note(f"{count} {kind}: `vo-service ingest --retry {kind} DIR` tries them again")


def _broken(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The files that could not be described, and those whose pixels could not be measured."""
    failed = snapshot.read("holdings.product", [*_ERROR, *_PLACE], "state = 'failed'").to_pylist()
    unmeasured = snapshot.read("holdings.measurement", _ERROR, "state = 'failed'").to_pylist()
    names = [row["product_id"] for row in unmeasured]
    rows = read_where(
        snapshot, snapshot.tables, "holdings.product", "product_id", names, ["product_id", *_PLACE]
    )
    places = {row["product_id"]: row for row in rows.to_pylist()}
    return [*failed, *(places[row["product_id"]] | row for row in unmeasured)]


def _show_story(text: str, home: Home, as_json: bool, console: Console) -> None:
    snapshot = home.snapshots.current()
    try:
        if snapshot is None:
            raise NoProduct(f"nothing was ever ingested here; {FIRST}", ())
        story = tell_story(snapshot, home.catalogue, text)
    except NoProduct as error:
        entries = [] if isinstance(error, SeveralProducts) else find_appearances(home.catalogue, text)
        if not entries:
            raise _unknown(error, snapshot) from error
        _show_entries(text, entries, as_json, console)
        return
    if as_json:
        _write_json(story.sections(), console)
        return
    for line in story_lines(story, _width()):
        console.say(line)


def _unknown(error: NoProduct, snapshot: Snapshot | None) -> CallMistake:
    if snapshot is None:
        return CallMistake(str(error))
    return CallMistake(
        f"{error}; {_near(error.near)}name its identifier or its path; /tap's holdings.product lists all"
    )


def _show_entries(text: str, entries: Sequence[Row], as_json: bool, console: Console) -> None:
    """What the runs did at a place that has no product: it could not be taken, or has gone."""
    if as_json:
        _write_json({"product_id": None, "runs": entries}, console)
        return
    console.say(f"no product goes by {text!r}; what the runs did there:")
    for line in appearance_lines(entries, _width()):
        console.say(line)


def _say_entries(head: str, entries: Iterable[tuple[str, Row]], console: Console) -> None:
    """One line a product, and what is wrong with it in lines below, wrapped to the terminal."""
    console.say(f"{head.ljust(9)}  repairs  place")
    for word, entry in entries:
        repairs = entry.get("repair_count")
        console.say(f"{word.ljust(9)}  {'' if repairs is None else repairs!s:>7}  {_place(entry)}")
        if entry["error_message"]:
            kind = entry["error_class"]
            text = entry["error_message"] if word == kind else f"{kind}: {entry['error_message']}"
            for line in textwrap.wrap(
                text, _width(), initial_indent=" " * 11, subsequent_indent=" " * 11, break_long_words=False
            ):
                console.say(line)


def _width() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _near(names: Sequence[str]) -> str:
    return f"near it: {', '.join(names)}; " if names else ""


def _write_json(value: object, console: Console) -> None:
    console.say(json.dumps(value, indent=1, default=_moment, ensure_ascii=False))


def _plain(row: Row, names: Sequence[str]) -> dict[str, object]:
    return {name: row.get(name) for name in names}


def _seconds(run: Row) -> str:
    started, finished = run["started"], run["finished"]
    if isinstance(started, datetime) and isinstance(finished, datetime):
        return f"{(finished - started).total_seconds():.1f}"
    return ""


def _moment(value: object) -> str:
    """A time in UTC as ISO 8601."""
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)


def _place(entry: Row) -> str:
    """Where it was: the path under its root, or the row of its table."""
    place = "/".join(str(part) for part in (entry["root"], entry["path"]) if part)
    line = entry.get("line")
    return f"{place}:{line}" if line is not None else place


ACTION = Action(_arguments, _run)
