"""What a setting is: a field of `Settings` with its default, its parser and its help beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

PREFIX = "VO_SERVICE_"

T = TypeVar("T")


class SettingsError(Exception):
    """A setting that cannot be used: ``source`` says where it was given, ``name`` which one."""

    def __init__(self, source: str, name: str, message: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.name = name


def setting(default: str, parse: Callable[[str], T], doc: str) -> T:
    """A field of `Settings` with its parser and its help; typed as its value, as `field` itself is."""
    declared: Any = field(default=parse(default), metadata={"default": default, "parse": parse, "help": doc})
    return declared  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as operators see it: its name, default text, parser, help and environment variable."""

    name: str
    default: str
    parse: Callable[[str], object]
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that gives it."""
        return PREFIX + self.name.upper()
