"""The columns of what is found by a map: data, in the YAML file beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from tap_schema import Column, published
from vo_service.dali.column_words import column_of

MapKind = Literal["coverage", "probability"]

_FILE: Final = Path(__file__).resolve().parent / "search_columns.yaml"


@cache
def result_columns(kind: MapKind) -> tuple[Column, ...]:
    """The columns for a kind of map."""
    return tuple(_column(words) for words in _listed() if words.get("of", kind) == kind)


@cache
def stored_columns() -> tuple[str, ...]:
    """The names of those that are read from ``ivoa.obscore``."""
    return tuple(words["name"] for words in _listed() if words["table"] is not None)


def sort_columns(kind: MapKind) -> tuple[str, ...]:
    """The names by which results may be sorted."""
    return tuple(column.name for column in result_columns(kind))


def _column(words: Mapping[str, Any]) -> Column:
    if words["table"] is None:
        return replace(column_of(words), nullable=True)
    of_table: Column = published()[words["table"]].column(words["name"])
    return of_table


@cache
def _listed() -> tuple[Mapping[str, Any], ...]:
    return tuple(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
