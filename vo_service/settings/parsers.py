"""From the text of a setting to its value; each parser raises ValueError with what is wanted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


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


def duration(unit: str, least: float, most: float) -> Callable[[str], float]:
    """A parser for a number of ``unit`` from ``least`` to ``most``."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"a number of {unit} is wanted, got {value!r}") from None
        if not least <= number <= most:
            raise ValueError(f"a number of {unit} from {least:g} to {most:.0f} is wanted, got {value!r}")
        return number

    return parse


seconds = duration("seconds", 0.0, 1e9)
days = duration("days", 1e-4, 1e5)


def words(*known: str) -> Callable[[str], tuple[str, ...]]:
    """A parser for some of the given words, with commas between, in any case."""

    def parse(value: str) -> tuple[str, ...]:
        spelt = {word.lower(): word for word in known}
        given = [part.strip().lower() for part in value.split(",") if part.strip()]
        if not given or any(word not in spelt for word in given):
            raise ValueError(f"some of {', '.join(known)} are wanted, got {value!r}")
        return tuple(dict.fromkeys(spelt[word] for word in given))

    return parse


def host_patterns(value: str) -> tuple[str, ...]:
    """Names of hosts with commas between; ``*.example.org`` stands for all below example.org."""
    patterns = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    for pattern in patterns:
        if not re.fullmatch(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", pattern):
            raise ValueError(f"names of hosts such as data.example.org are wanted, got {pattern!r}")
    return patterns


def byte_size(value: str) -> int:
    """A size in bytes, plain or with a unit: ``512MB``, ``2 GiB``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if not found or found[2].upper() not in _SIZES:
        raise ValueError(f"a size such as 512MB or 2GiB is wanted, got {value!r}")
    return int(float(found[1]) * _SIZES[found[2].upper()])


def byte_size_from(least: int) -> Callable[[str], int]:
    """Parser of a size that is no smaller than ``least`` bytes."""

    def parse(value: str) -> int:
        size = byte_size(value)
        if size < least:
            raise ValueError(f"a size of {least} bytes or more is wanted, got {value!r}")
        return size

    return parse


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
