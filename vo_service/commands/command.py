"""What a command is: a name, its arguments, and a function that does it and returns an exit code."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vo_service.commands.console import Console
from vo_service.settings import Settings

DONE = 0
SOME_FAILED = 1
MISTAKE = 2


class CallMistake(Exception):
    """The call cannot be done as it stands (exit code 2): the message says what would be right."""


class CallFailed(Exception):
    """The call was right and could not be done (exit code 1): the message says why and what helps."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a command takes and does. Arguments named like a setting override it."""

    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Settings, Console], int]


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it is listed; ``load`` imports what it needs.

    ``defaults`` stand in for the settings' own.
    """

    name: str
    help: str
    load: Callable[[], Action]
    defaults: Mapping[str, str] = field(default_factory=dict)
