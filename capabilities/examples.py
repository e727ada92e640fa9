"""Example queries: one source for the documentation, the examples resource and the tests.

``python -m capabilities.examples`` prints ``docs/queries.md``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tap_schema import published


@dataclass(frozen=True, slots=True)
class Example:
    """A query with a name and a sentence on what it asks; ``id`` is an XML name, ``tables`` are those that
    the query reads, in the order in which it names them."""

    id: str
    name: str
    text: str
    query: str
    tables: tuple[str, ...]


@cache
def examples() -> tuple[Example, ...]:
    """All examples, in the order they are shown."""
    source = (Path(__file__).parent / "examples.yaml").read_text(encoding="utf-8")
    return tuple(
        Example(e["id"], e["name"], e["text"], e["query"].rstrip(), _tables(e["query"]))
        for e in yaml.safe_load(source)["examples"]
    )


def _tables(query: str) -> tuple[str, ...]:
    """The published tables that a query names."""
    named = re.findall(r"\w+\.\w+", query)
    return tuple(dict.fromkeys(name for name in named if name in published()))


def as_markdown() -> str:
    """The page ``docs/queries.md``."""
    parts = [
        "# Queries to start from",
        "Written from `capabilities/examples.yaml` by `python -m capabilities.examples`; the tests run every "
        "one of them through pyvo and compare the answer with numpy's on the same rows.",
    ]
    for example in examples():
        parts.append(f"## {example.name}\n\n{example.text}\n\n```sql\n{example.query}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
