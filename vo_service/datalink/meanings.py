"""What files are to the data that they belong to, as ``links.yaml`` says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tap_schema import Column
from vo_service.dali.column_words import column_of
from vo_service.products.stored import StoredFile

_FILE = Path(__file__).resolve().parent / "links.yaml"
_LOOSE_ROLES = frozenset(("document", "table", "unknown"))


@dataclass(frozen=True, slots=True)
class Meaning:
    """``semantics``: a term of the vocabulary, ``name``: the same in words of this service (local_semantics),
    ``label``: for people, ``qualifier``: the type of product, where the role tells it."""

    semantics: str
    name: str
    label: str
    qualifier: str | None = None


@cache
def columns() -> tuple[Column, ...]:
    """The columns of the table of links, in their order."""
    return tuple(column_of(words) for words in _words()["columns"])


def meaning_of(file: StoredFile) -> Meaning:
    """What a file is to the data set of its own, or to that which it was derived from; for a file of no data
    set to those of its member."""
    if file.dataset_id is None and file.role in _LOOSE_ROLES:
        found = _meaning_of_name(file.name) or _meaning_of_name(
            (file.found.container or "").rpartition("/")[2]
        )
        if found is not None:
            return found
    return _roles().get(file.role) or _roles()["unknown"]


@cache
def _words() -> Mapping[str, Any]:
    words: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return words


@cache
def _roles() -> Mapping[str, Meaning]:
    return {
        role: Meaning(words["semantics"], role, words["label"], words.get("qualifier"))
        for role, words in _words()["roles"].items()
    }


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Meaning], ...]:
    return tuple(
        (
            re.compile(words["pattern"], re.IGNORECASE),
            Meaning(words["semantics"], words["name"], words["label"]),
        )
        for words in _words()["loose"]
    )


def _meaning_of_name(name: str) -> Meaning | None:
    return next((meaning for pattern, meaning in _patterns() if pattern.search(name)), None)
