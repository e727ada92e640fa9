"""What tells of pixels though we have not measured it: some header cards, and repairs by some rules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).resolve().parent / "pixel_facts.yaml"


@cache
def pixel_keywords() -> frozenset[str]:
    """Keywords of the cards that tell what pixels hold."""
    return _named("cards")


@cache
def pixel_rules() -> frozenset[str]:
    """Rules by which pixels, not headers, are found to need repair."""
    return _named("rules")


def _named(key: str) -> frozenset[str]:
    return frozenset(yaml.safe_load(_FILE.read_text(encoding="utf-8"))[key])
