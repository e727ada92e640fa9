"""``vo-service explain``: what becomes of a query, stage by stage, or where it goes wrong."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tap_schema import published
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import LANGUAGES, VERSIONS, AdqlError, explain
from vo_service.commands.command import DONE, Action, CallFailed, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import FIRST, Home, open_existing_home
from vo_service.engines import EngineError, Engines, Limits, dialect_of
from vo_service.query import Context, Question, Resolver, Targets, engine_plan
from vo_service.settings import Settings
from vo_service.store import Snapshot

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
    targets = Targets(Resolver(settings.resolver_url) if settings.resolver_url else None)
    try:
        stages = explain(
            text, published(), dialect_of(settings), arguments.version, _HomeTargets(settings, targets)
        )
        console.say(stages)
        if arguments.engine_plan:
            _show_engine_plan(text, arguments.version, settings, console, targets)
    except AdqlError as error:
        raise CallMistake(f"{error}\n{_marked(text, error.line, error.column)}") from error
    return DONE


@dataclass(frozen=True, slots=True)
class _HomeTargets:
    """Names of targets: those of the current snapshot, which is looked for when a query names one."""

    settings: Settings
    targets: Targets

    def position(self, name: str) -> tuple[float, float]:
        """As `adql.Names`."""
        with _current(self.settings) as (_, snapshot):
            return self.targets.on(snapshot).position(name)


@contextmanager
def _current(settings: Settings) -> Iterator[tuple[Home, Snapshot]]:
    """The home and its current snapshot. Raises CallMistake where it has none; then nothing is made there."""
    if not settings.home.is_dir() or (settings.home / "snapshots").is_dir():
        with open_existing_home(settings) as home, home.snapshots.lease() as snapshot:
            if snapshot is not None:
                yield home, snapshot
                return
    raise CallMistake(f"{settings.home} holds no data yet; {FIRST}")


def _show_engine_plan(
    text: str, version: str, settings: Settings, console: Console, targets: Targets
) -> None:
    limits = Limits(settings.query_seconds, _BATCH_ROWS)
    rights = Rights(unlisted_open=settings.unlisted == "open")
    context = Context(ANONYMOUS, datetime.now(UTC), "", limits, rights, targets=targets)
    with _current(settings) as (home, snapshot), TemporaryDirectory() as spill:
        engines = Engines(settings, home.catalogue, Path(spill))
        try:
            with engines.on(snapshot) as engine:
                plan = engine_plan(Question(text, version=version), context, snapshot, engine)
        except EngineError as error:
            raise CallFailed(str(error)) from error
    console.say(f"\n-- plan of the engine, as anybody's query ({settings.engine})\n{plan}")


def _marked(text: str, line: int, column: int) -> str:
    """The line of the query that is wrong, with a mark under the place."""
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    return f"  {shown}\n  {' ' * (column - 1)}^"


ACTION = Action(_arguments, _run)
