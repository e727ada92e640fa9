"""``vo-service serve``: serve what was ingested and harvested."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from vo_service.commands import server
from vo_service.commands.command import DONE, Action
from vo_service.commands.console import Console
from vo_service.commands.home import require_snapshot
from vo_service.settings import Settings


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--host", metavar="H", help="address to listen at (default 127.0.0.1)")
    parser.add_argument("--port", metavar="P", help="port to listen at (default 8000; 0: any free one)")
    parser.add_argument("--workers", metavar="N", help="server processes (default 2)")


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    require_snapshot(settings, console)
    listening = server.take_port(settings.host, settings.port)
    server.serve(settings, listening, console.quiet, lambda address: console.say(f"serving at {address}"))
    return DONE


ACTION = Action(_arguments, _run)
