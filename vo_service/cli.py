"""The ``vo-service`` command: reads the call, runs one command, and says what went wrong in one line.

Exit codes: 0 all went well, 1 something failed and is logged, 2 the call was a mistake.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from vo_service import __version__
from vo_service.commands.command import MISTAKE, SOME_FAILED, Action, CallFailed, CallMistake, Command
from vo_service.commands.console import Console
from vo_service.settings import SETTINGS, Settings, SettingsError


def _in(module: str) -> Callable[[], Action]:
    """Loads a command's module when the command is called: most of them import much that others need not."""

    def load() -> Action:
        action: Action = import_module(f"vo_service.commands.{module}").ACTION
        return action

    return load


COMMANDS: tuple[Command, ...] = (
    Command("sample", "write sample holdings: products, an archive table, and the truth", _in("sample")),
    Command("ingest", "harmonise files into a new snapshot; unchanged ones are skipped", _in("ingest")),
    Command("harvest", "add rows of an archive's ObsCore table", _in("harvest")),
    Command("serve", "serve the holdings by TAP and over HTTP", _in("serve")),
    Command(
        "demo",
        "make sample holdings and serve them, in ./demo-home",
        _in("demo"),
        defaults={"home": "./demo-home", "unlisted": "open"},
    ),
    Command("moc", "bring the coverage maps (MOC) of the holdings up to date", _in("moc")),
    Command("hips", "build the tile trees of what is public: images by band and line", _in("hips")),
    Command("token", "create, list and revoke access tokens", _in("token")),
    Command("runs", "what each ingest and harvest did, per product: state, error, repairs", _in("runs")),
    Command(
        "explain", "show tree, plan and SQL of an ADQL query, or its error with the place", _in("explain")
    ),
)
_STOPPED = 130  # the shell's own number for an interrupt


class _LateParser(argparse.ArgumentParser):
    """The parser of one command, which gets its arguments when a call of that command is read."""

    command: Command | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's."""
        if self.command is not None:
            command, self.command = self.command, None
            command.load().arguments(self)
        return super().parse_known_args(args, namespace)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="vo-service",
        description="Harmonise interferometer products and serve them by Virtual Observatory protocols.",
        epilog="Every setting is a variable VO_SERVICE_<NAME> or a line in HOME/vo-service.toml.",
    )
    top.add_argument("--home", type=Path, metavar="DIR", help="directory of all state (default ./vo-home)")
    top.add_argument("--quiet", action="store_true", help="show no progress")
    top.add_argument("--version", action="version", version=f"vo-service {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_LateParser)
    for command in COMMANDS:
        late = commands.add_parser(command.name, help=command.help, description=command.help)
        late.command = command
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Never raises for what a user can meet."""
    arguments = parser().parse_args(argv)
    command = next(one for one in COMMANDS if one.name == arguments.command)
    console = Console(arguments.quiet)
    home: Path | None = arguments.home
    try:
        settings = Settings.load(home, overrides=_overrides(arguments, command), defaults=command.defaults)
        home = settings.home
        return command.load().run(arguments, settings, console)
    except (CallMistake, SettingsError) as error:
        return _complaint(console, command, str(error), MISTAKE)
    except CallFailed as error:
        return _complaint(console, command, str(error), SOME_FAILED)
    except KeyboardInterrupt:
        return _complaint(console, command, "stopped", _STOPPED)
    except BrokenPipeError:  # the reader of our output has left (`vo-service runs | head`)
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  (or the interpreter complains at its end)
        return SOME_FAILED
    except OSError as error:
        return _complaint(console, command, _about_system(error), SOME_FAILED)
    except Exception as error:  # the top of a job: nobody shall see a traceback, and none shall be lost
        log = _kept(traceback.format_exc(), home)
        return _complaint(
            console, command, f"failed: {type(error).__name__}; the reason is in {log}", SOME_FAILED
        )


def _overrides(arguments: argparse.Namespace, command: Command) -> dict[str, str]:
    """Arguments of the command that are settings."""
    names = {setting.name for setting in SETTINGS} - {"home"}
    return {name: value for name, value in vars(arguments).items() if name in names and value is not None}


def _complaint(console: Console, command: Command, message: str, code: int) -> int:
    console.complain(f"vo-service {command.name}: {message}")
    return code


def _about_system(error: OSError) -> str:
    """What the operating system refused, and where."""
    place = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left on the device{place}; nothing is lost: free some and run it again"
    return f"{error.strerror or error}{place}"


def _kept(trace: str, home: Path | None) -> Path:
    """Write a traceback to a log under HOME (or, where that cannot be, to a temporary file)."""
    name = f"error-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    try:
        logs = (home or Settings().home) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / name
        path.write_text(trace, encoding="utf-8")
    except OSError:
        path = Path(tempfile.mkdtemp(prefix="vo-service-")) / name
        path.write_text(trace, encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
