"""Manifests: lists of URLs of files, one a line, or as a table with their sizes and digests."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_URL_COLUMNS = ("url", "access_url")
_SIZE_COLUMNS = ("size", "size_bytes")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ManifestMistake(ValueError):
    """A manifest that cannot be read; the text says where and what would be right."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A file: its URL, its ``size_bytes`` and SHA-256 (hexadecimal) where they are given, and where in the
    manifest it stands."""

    url: str
    size_bytes: int | None = None
    sha256: str | None = None
    place: str = ""


def read_manifest(path: Path) -> tuple[ManifestEntry, ...]:
    """The files that a manifest lists: a URL a line, or CSV or ECSV (comma, blank or tab between cells) with
    a column ``url`` or ``access_url`` and, if it likes, ``size`` (bytes) and ``sha256``. Blank lines and
    those that begin with ``#`` count for nothing.

    Raises ManifestMistake.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestMistake(f"{path.name} cannot be read as text: {error}") from error
    numbered = [
        (n, line.strip())
        for n, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not numbered:
        raise ManifestMistake(f"{path.name} lists no file")
    if "://" in numbered[0][1]:
        entries = [ManifestEntry(line, place=f"{path.name}, line {n}") for n, line in numbered]
    else:
        entries = list(_rows(path.name, numbered))
    for entry in entries:
        if "://" not in entry.url or re.search(r"\s", entry.url):
            raise ManifestMistake(f"{entry.place}: {entry.url!r} is no URL")
    return tuple(entries)


def _rows(name: str, numbered: Sequence[tuple[int, str]]) -> Iterator[ManifestEntry]:
    header = numbered[0][1]
    delimiter = next((each for each in ",\t;|" if each in header), " ")
    columns = [cell.strip().lower() for cell in next(csv.reader([header], delimiter=delimiter))]
    url_at = next((columns.index(each) for each in _URL_COLUMNS if each in columns), None)
    if url_at is None:
        raise ManifestMistake(
            f"{name}, line {numbered[0][0]}: neither a URL nor a row of column names with url or access_url"
        )
    size_at = next((columns.index(each) for each in _SIZE_COLUMNS if each in columns), None)
    sha_at = columns.index("sha256") if "sha256" in columns else None
    for number, line in numbered[1:]:
        place = f"{name}, line {number}"
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
        if len(cells) != len(columns):
            raise ManifestMistake(f"{place}: {len(cells)} cells, but {len(columns)} columns")
        yield ManifestEntry(
            cells[url_at],
            None if size_at is None else _size(cells[size_at], place),
            None if sha_at is None else _digest(cells[sha_at], place),
            place,
        )


def _size(text: str, place: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise ManifestMistake(f"{place}: the size {text!r} is no number of bytes")
    return int(text)


def _digest(text: str, place: str) -> str | None:
    if not text:
        return None
    if not _SHA256.fullmatch(text.lower()):
        raise ManifestMistake(f"{place}: {text!r} is no SHA-256 of 64 hexadecimal digits")
    return text.lower()
