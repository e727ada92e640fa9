"""Where settings come from: the one place that looks at the environment and the file.

Where a setting is given more than once, the command line holds over the environment (``VO_SERVICE_<NAME>``),
the environment over the file ``HOME/vo-service.toml``, the file over the default.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vo_service.settings.setting import PREFIX, Setting, SettingsError

FILE_NAME = "vo-service.toml"
_NOT_SETTINGS = re.compile(r"TEST_|REQUIRE_")  # variables of the test suite share the prefix


class Loader:
    """Reads the values of known settings."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._by_name: Mapping[str, Setting] = {setting.name: setting for setting in settings}

    def load(
        self,
        home: Path | None,
        environ: Mapping[str, str] | None,
        overrides: Mapping[str, str] | None,
        defaults: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        """Values by name of whatever is given anywhere; arguments as in `Settings.load`."""
        surroundings = os.environ if environ is None else environ
        given = self._from_environment(surroundings)
        if home is not None:
            given["home"] = ("--home", str(home))
        layers = {name: ("default", value) for name, value in (defaults or {}).items()}
        place = layers.get("home", ("default", self._by_name["home"].default))
        place = given.get("home", place)
        layers.update(self._from_file(self._parsed("home", *place) / FILE_NAME))
        layers.update(given)
        for name, value in (overrides or {}).items():
            layers[name] = (f"--{name.replace('_', '-')}", value)
        return {name: self._parsed(name, source, value) for name, (source, value) in layers.items()}

    def _parsed(self, name: str, source: str, value: str) -> Any:
        try:
            return self._by_name[name].parse(value)
        except ValueError as error:
            raise SettingsError(source, name, str(error)) from error

    def _near(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._by_name, n=3, cutoff=0.6)
        return f"; near it: {', '.join(close)}" if close else ""

    def _from_environment(self, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Settings given as variables. One that is nearly a setting's is an error; others are let be."""
        given: dict[str, tuple[str, str]] = {}
        for variable, value in environ.items():
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX).lower()
            if name in self._by_name:
                given[name] = (variable, value)
            elif self._near(name) and not _NOT_SETTINGS.match(variable.removeprefix(PREFIX)):
                raise SettingsError(variable, name, f"no setting has this name{self._near(name)}")
        return given

    def _from_file(self, path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
        """Settings of the TOML file, if there is one: flat names with plain values."""
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise SettingsError(str(path), "", f"cannot be read: {error.strerror}") from error
        try:
            document = tomllib.loads(content.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(str(path), "", f"not valid TOML: {error}") from error
        for key, value in document.items():
            name = key.lower()
            if name == "home":
                raise SettingsError(
                    str(path), name, "home is where this file lies; give it by --home or VO_SERVICE_HOME"
                )
            if name not in self._by_name:
                raise SettingsError(str(path), name, f"no setting is called {key!r}{self._near(name)}")
            if isinstance(value, bool):
                yield name, (f"{path}: {key}", str(value).lower())
            elif isinstance(value, str | int | float):
                yield name, (f"{path}: {key}", str(value))
            else:
                raise SettingsError(str(path), name, f"{key} wants a text, number, or true/false")
