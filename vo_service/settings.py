"""Everything an operator can set, in one table, and the one place that looks at the environment.

A setting is a field of `Settings`: its default, its parser and its help stand beside it, and `SETTINGS` is
read off those fields, so there is no second list. Where a setting is given more than once, the command line
holds over the environment (``VO_SERVICE_<NAME>``), the environment over the file ``HOME/vo-service.toml``,
the file over the default.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

PREFIX = "VO_SERVICE_"
FILE_NAME = "vo-service.toml"
_NOT_SETTINGS = re.compile(r"TEST_|REQUIRE_")  # variables of the test suite share the prefix
_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

T = TypeVar("T")


class SettingsError(Exception):
    """A setting that cannot be used: ``source`` says where it was given, ``name`` which one."""

    def __init__(self, source: str, name: str, message: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.name = name


def text(value: str) -> str:
    """Any text that is not empty. Raises ValueError for blanks."""
    cleaned = value.strip()
    if not cleaned:
        raise ValueError("a text is wanted, got nothing")
    return cleaned


def optional_text(value: str) -> str | None:
    """A text, or None where it is empty."""
    return value.strip() or None


def directory(value: str) -> Path:
    """A directory's path (it need not exist yet); ``~`` is the user's home."""
    return Path(text(value)).expanduser()


def optional_file(value: str) -> Path | None:
    """A file's path, or None where it is empty; ``~`` is the user's home."""
    return Path(value.strip()).expanduser() if value.strip() else None


def boolean(value: str) -> bool:
    """true/false, yes/no, on/off, 1/0. Raises ValueError for anything else."""
    word = value.strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"true or false is wanted, got {value!r}")


def choice(*words: str) -> Callable[[str], str]:
    """A parser for one of the given words."""

    def parse(value: str) -> str:
        word = value.strip().lower()
        if word not in words:
            raise ValueError(f"one of {', '.join(words)} is wanted, got {value!r}")
        return word

    return parse


def integer(least: int, most: int) -> Callable[[str], int]:
    """A parser for a whole number from ``least`` to ``most``."""

    def parse(value: str) -> int:
        try:
            number = int(value.strip().replace("_", ""))
        except ValueError:
            raise ValueError(f"a whole number is wanted, got {value!r}") from None
        if not least <= number <= most:
            raise ValueError(f"a number from {least} to {most} is wanted, got {number}")
        return number

    return parse


def seconds(value: str) -> float:
    """A time in seconds, at least 0."""
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"a number of seconds is wanted, got {value!r}") from None
    if not 0 <= number < 1e9:
        raise ValueError(f"a number of seconds from 0 to 1e9 is wanted, got {value!r}")
    return number


def byte_size(value: str) -> int:
    """A size in bytes, plain or with a unit: ``512MB``, ``2 GiB``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if not found or found[2].upper() not in _SIZES:
        raise ValueError(f"a size such as 512MB or 2GiB is wanted, got {value!r}")
    return int(float(found[1]) * _SIZES[found[2].upper()])


_USER = r"(?:(?!%00)%[0-9A-Fa-f]{2}|[^%@/?#\s])*"
_WORD = r"(?:(?!%00)%[0-9A-Fa-f]{2}|[^%@/?#:,&=\s\[\]])*"
_HOST = rf"(?:\[[0-9A-Fa-f:.%]+\]|{_WORD})(?::[0-9]{{1,5}})?"
POSTGRESQL_ADDRESS = re.compile(
    rf"postgres(?:ql)?://(?:{_USER}@)?(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<database>{_WORD}))?"
    r"(?:\?(?P<options>(?:[a-z_]+=(?:(?!%00)%[0-9A-Fa-f]{2}|[^%@?#&=\s])*(?:&(?!$)|$))*))?"
)
"""An address in which nothing of a password is taken for a host or a database, which messages name."""


def postgresql_address(value: str) -> str | None:
    """Address of a PostgreSQL database as libpq reads it, or None where it is empty. It may hold a password,
    which no message repeats. Raises ValueError."""
    address = value.strip()
    if address and not POSTGRESQL_ADDRESS.fullmatch(address):
        raise ValueError(
            "an address such as postgresql://vo_owner@db.example.org:5432/vo is wanted; in a name or "
            "password write / as %2F, ? as %3F, # as %23, @ as %40, % as %25 and other marks likewise"
        )
    return address or None


def http_url(value: str) -> str | None:
    """An http(s) address without the slash at its end, or None where it is empty."""
    address = value.strip().rstrip("/")
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"an address such as https://archive.example.org/vo is wanted, got {value!r}")
    return address


def resolver_address(value: str) -> str | None:
    """What a name is put behind to ask where it is, or None where it is empty."""
    address = value.strip()
    if address and not re.match(r"https?://[^/\s]+/\S*$", address):
        raise ValueError(f"an address such as https://sesame.example.org/-oI? is wanted, got {value!r}")
    return address or None


def authority_name(value: str) -> str:
    """An IVOA authority: letters, digits, ``. - _ ~`` and at least three characters."""
    word = value.strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]{2,}", word):
        raise ValueError(f"a name such as archive.example.org is wanted, got {value!r}")
    return word


def _setting(default: str, parse: Callable[[str], T], doc: str) -> T:
    """A field of `Settings` with its parser and its help; typed as its value, as `field` itself is."""
    declared: Any = field(default=parse(default), metadata={"default": default, "parse": parse, "help": doc})
    return declared  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one service, read once by `Settings.load` and handed in."""

    home: Path = _setting(  # noqa: RUF009  (a Path is immutable)
        "./vo-home", directory, "directory of all state: catalogue, snapshots, logs"
    )
    engine: str = _setting(
        "duckdb", choice("duckdb", "postgresql"), "database engine that answers queries: duckdb or postgresql"
    )
    postgresql_url: str | None = _setting(
        "",
        postgresql_address,
        "address of the database for the engine postgresql, as its owner: loads snapshots",
    )
    postgresql_reader_url: str | None = _setting(
        "", postgresql_address, "the same as the role that may only read: runs queries"
    )
    postgresql_connections: int = _setting(
        "0",
        integer(0, 1024),
        "connections to PostgreSQL that one server process has for queries, besides one for its health; 0: as"
        " many as queries",
    )
    catalogue_url: str | None = _setting(
        "", optional_text, "SQLAlchemy URL of the catalogue database; empty: SQLite under HOME"
    )
    base_url: str | None = _setting(
        "", http_url, "public address of the service, for links; empty: the address the client came by"
    )
    trust_proxy: bool = _setting("false", boolean, "take host and scheme from X-Forwarded-* headers")
    authority: str = _setting(
        "vo-service.invalid",
        authority_name,
        "IVOA authority of the dataset identifiers; fixed at the first ingest",
    )
    unlisted: str = _setting(
        "closed",
        choice("closed", "open"),
        "whether files without an archive row are public (open) or not (closed)",
    )
    redshifts: Path | None = _setting(  # noqa: RUF009  (a Path is immutable)
        "",
        optional_file,
        "table of targets and their redshifts, for line candidates: columns target, redshift and, where"
        " wanted, reference (CSV, ECSV, VOTable, Parquet)",
    )
    requested: Path | None = _setting(  # noqa: RUF009
        "",
        optional_file,
        "table of the noise and beam that observers asked for, for QA2 criteria: columns in docs/lines.md",
    )
    resolver_url: str | None = _setting(
        "",
        resolver_address,
        "Sesame service that source('NAME') asks for names that the holdings do not know; the name is put"
        " behind this address; empty: none",
    )
    host: str = _setting("127.0.0.1", text, "address to listen at; 0.0.0.0 for all")
    port: int = _setting("8000", integer(0, 65535), "port to listen at; 0 for any free one")
    workers: int = _setting("2", integer(1, 256), "server processes")
    queries: int = _setting("8", integer(1, 1024), "queries that one server process runs at a time")
    queue_seconds: float = _setting("20", seconds, "seconds that a query waits for its turn before 503")
    maxrec_default: int = _setting("100000", integer(1, 2**62), "rows given when MAXREC is not")
    maxrec_hard: int = _setting("10000000", integer(1, 2**62), "rows given at most, whatever MAXREC says")
    query_seconds: float = _setting("300", seconds, "seconds that one query may run")
    probe_rows: int = _setting(
        "2000000", integer(1, 2**40), "different positions or shapes that a query may have tested one by one"
    )
    probe_pairs: int = _setting(
        "5000000", integer(1, 2**40), "pairs of positions or shapes that a query may have tested one by one"
    )
    memory_bytes: int = _setting(
        "512MiB",
        byte_size,
        "memory for queries in one process: of DuckDB for all of them, of PostgreSQL for eight sorts",
    )
    body_bytes: int = _setting("16MiB", byte_size, "size of a request's body at most")
    digest_bytes: int = _setting(
        "64MB",
        byte_size,
        "files up to this size are digested before their first answer, larger ones behind it",
    )
    ingest_workers: int = _setting(
        "0", integer(0, 1024), "processes that read files during ingest; 0: one per core"
    )
    pixel_bytes: int = _setting(
        "32GiB", byte_size, "size of the pixels of one image, unpacked, up to which they are measured"
    )
    pixel_seconds: float = _setting("3600", seconds, "seconds that measuring one image may take")
    wait_seconds: float = _setting(
        "600", seconds, "seconds that an ingest or harvest waits for another to end"
    )
    keep: int = _setting("3", integer(1, 10000), "snapshots kept after an ingest or harvest")

    @property
    def catalogue_address(self) -> str:
        """SQLAlchemy URL of the catalogue database, the one under HOME where none is set."""
        return self.catalogue_url or f"sqlite:///{self.home / 'catalogue.sqlite'}"

    @classmethod
    def load(
        cls,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
    ) -> Settings:
        """Read the settings of a service.

        ``home`` and ``overrides`` come from the command line; ``environ`` is the process's own by default.
        ``defaults`` stand in for those of the table (the demo is open where others are closed).
        Raises SettingsError for an unknown name or a value that cannot be read, naming where it was given.
        """
        surroundings = os.environ if environ is None else environ
        given = _from_environment(surroundings)
        if home is not None:
            given["home"] = ("--home", str(home))
        layers = {name: ("default", value) for name, value in (defaults or {}).items()}
        place = layers.get("home", ("default", _BY_NAME["home"].default))
        place = given.get("home", place)
        layers.update(_from_file(_parsed("home", *place) / FILE_NAME))
        layers.update(given)
        for name, value in (overrides or {}).items():
            layers[name] = (f"--{name.replace('_', '-')}", value)
        settings = cls(**{name: _parsed(name, source, value) for name, (source, value) in layers.items()})
        settings._check()
        return settings

    def _check(self) -> None:
        """Raises SettingsError where one setting does not go with another."""
        if self.maxrec_default > self.maxrec_hard:
            raise SettingsError(
                "settings",
                "maxrec_default",
                "maxrec_default is above maxrec_hard; lower the one or raise the other",
            )
        if self.engine != "postgresql":
            return
        for name in ("postgresql_url", "postgresql_reader_url"):
            if getattr(self, name) is None:
                raise SettingsError(
                    "settings", name, f"the engine postgresql wants {name}; docs/operations.md says how"
                )
        if self.postgresql_url == self.postgresql_reader_url:
            raise SettingsError(
                "settings",
                "postgresql_reader_url",
                "postgresql_reader_url is postgresql_url: queries must not run as the owner of the tables",
            )


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


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(
        declared.name, declared.metadata["default"], declared.metadata["parse"], declared.metadata["help"]
    )
    for declared in fields(Settings)
)
_BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


def _parsed(name: str, source: str, value: str) -> Any:
    try:
        return _BY_NAME[name].parse(value)
    except ValueError as error:
        raise SettingsError(source, name, str(error)) from error


def _near(name: str) -> str:
    close = difflib.get_close_matches(name, _BY_NAME, n=3, cutoff=0.6)
    return f"; near it: {', '.join(close)}" if close else ""


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Settings given as variables. A variable that is nearly a setting's is an error; others are not ours."""
    given: dict[str, tuple[str, str]] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in _BY_NAME:
            given[name] = (variable, value)
        elif _near(name) and not _NOT_SETTINGS.match(variable.removeprefix(PREFIX)):
            raise SettingsError(variable, name, f"no setting has this name{_near(name)}")
    return given


def _from_file(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
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
        if name not in _BY_NAME:
            raise SettingsError(str(path), name, f"no setting is called {key!r}{_near(name)}")
        if isinstance(value, bool):
            yield name, (f"{path}: {key}", str(value).lower())
        elif isinstance(value, str | int | float):
            yield name, (f"{path}: {key}", str(value))
        else:
            raise SettingsError(str(path), name, f"{key} wants a text, number, or true/false")
