"""``vo-service explain``: what becomes of a query, stage by stage, or where it goes wrong."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tap_schema import published
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import LANGUAGES, VERSIONS, AdqlError, explain
from vo_service.commands.command import DONE, Action, CallFailed, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import FIRST, Home, open_existing_home
from vo_service.engines import EngineError, Engines, Limits
from vo_service.query import Context, Question, Resolver, Targets, engine_plan
from vo_service.settings import Settings
from vo_service.store import Snapshot

_DIALECTS = {"duckdb": "duckdb", "postgresql": "postgres"}
_BATCH_ROWS = 10_000


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("query", nargs="?", metavar="QUERY", help="the ADQL text (default: standard input)")
    parser.add_argument(
        "--version",
        choices=LANGUAGES,
        default=VERSIONS[-1],
        help="version of ADQL; 2.1-strict refuses the extensions of this service (default: %(default)s)",
    )
    parser.add_argument(
        "--engine-plan",
        action="store_true",
        help="show the engine's own plan on the current snapshot, too; the probes of the query are run",
    )


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    text = arguments.query if arguments.query is not None else sys.stdin.read()
    if not text.strip():
        raise CallMistake("there is no query; give it as an argument or on standard input")
    try:
        if arguments.engine_plan or settings.home.is_dir():
            with _current(settings) as (home, snapshot):
                _show(text, arguments, settings, console, snapshot)
                if arguments.engine_plan:
                    _show_engine_plan(text, arguments.version, settings, console, home, snapshot)
        else:
            _show(text, arguments, settings, console, None)
    except AdqlError as error:
        raise CallMistake(f"{error}\n{_marked(text, error.line, error.column)}") from error
    return DONE


@contextmanager
def _current(settings: Settings) -> Iterator[tuple[Home, Snapshot | None]]:
    with open_existing_home(settings) as home, home.snapshots.lease() as snapshot:
        yield home, snapshot


def _show(
    text: str, arguments: Namespace, settings: Settings, console: Console, snapshot: Snapshot | None
) -> None:
    """The stages of the compiler; names of targets are those of the snapshot where there is one."""
    names = None if snapshot is None else Targets(snapshot, _resolver(settings))
    console.say(explain(text, published(), _DIALECTS[settings.engine], arguments.version, names))


def _show_engine_plan(
    text: str, version: str, settings: Settings, console: Console, home: Home, snapshot: Snapshot | None
) -> None:
    if snapshot is None:
        raise CallMistake(f"{settings.home} holds no data yet; {FIRST}")
    limits = Limits(settings.query_seconds, settings.memory_bytes, _BATCH_ROWS)
    rights = Rights(unlisted_open=settings.unlisted == "open")
    context = Context(ANONYMOUS, datetime.now(UTC), "", limits, rights, resolver=_resolver(settings))
    with TemporaryDirectory() as spill:
        engines = Engines(settings, home.catalogue, Path(spill))
        try:
            with engines.on(snapshot) as engine:
                plan = engine_plan(Question(text, version=version), context, snapshot, engine)
        except EngineError as error:
            raise CallFailed(str(error)) from error
    console.say(f"\n-- plan of the engine, as anybody's query ({settings.engine})\n{plan}")


def _resolver(settings: Settings) -> Resolver | None:
    return Resolver(settings.resolver_url) if settings.resolver_url else None


def _marked(text: str, line: int, column: int) -> str:
    """The line of the query that is wrong, with a mark under the place."""
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    return f"  {shown}\n  {' ' * (column - 1)}^"


ACTION = Action(_arguments, _run)
