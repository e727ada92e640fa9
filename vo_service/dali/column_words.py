"""Columns of tables that no schema publishes, as YAML files beside their services describe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_schema import Column


def column_of(words: Mapping[str, Any]) -> Column:
    """The column: name, datatype and description, and arraysize, unit and UCD where it has them."""
    return Column(
        name=words["name"],
        datatype=words["datatype"],
        arraysize=words.get("arraysize"),
        xtype=None,
        unit=words.get("unit"),
        ucd=words.get("ucd"),
        utype=None,
        description=words["description"],
    )
