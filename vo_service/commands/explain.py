"""``vo-service explain``: what becomes of a query, stage by stage, or where it goes wrong."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from tap_schema import published
from vo_service.adql import AdqlError, explain
from vo_service.commands.command import DONE, Action, CallMistake
from vo_service.commands.console import Console
from vo_service.settings import Settings


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("query", nargs="?", metavar="QUERY", help="the ADQL text (default: standard input)")


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    text = arguments.query if arguments.query is not None else sys.stdin.read()
    if not text.strip():
        raise CallMistake("there is no query; give it as an argument or on standard input")
    try:
        console.say(explain(text, published(), settings.engine))
    except AdqlError as error:
        raise CallMistake(f"{error}\n{_marked(text, error.line, error.column)}") from error
    return DONE


def _marked(text: str, line: int, column: int) -> str:
    """The line of the query that is wrong, with a mark under the place."""
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    return f"  {shown}\n  {' ' * (column - 1)}^"


ACTION = Action(_arguments, _run)
