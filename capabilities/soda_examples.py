"""Example calls of the cut-out service: templates, to be filled in with data sets that the holdings have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from capabilities.examples_page import PageExample
from capabilities.soda import SODA_SYNC


def soda_examples(data_sets: Mapping[str, Mapping[str, str]]) -> tuple[PageExample, ...]:
    """The examples for which there is a data set, in the order they are shown.

    ``data_sets`` are facts by kind (``cube``, ``image``), under the names that ``soda_examples.yaml`` tells.
    Raises KeyError for a fact that is missing.
    """
    return tuple(
        PageExample(
            one["id"],
            one["name"],
            one["text"],
            parameters=tuple(
                (name, value.format_map(data_sets[one["of"]])) for name, value in one["parameters"].items()
            ),
            capability=SODA_SYNC if one.get("standard") else None,
        )
        for one in _templates()
        if one["of"] in data_sets
    )


@cache
def _templates() -> tuple[dict[str, Any], ...]:
    source = (Path(__file__).parent / "soda_examples.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(source)["examples"])
