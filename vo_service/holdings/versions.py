"""Identifiers and versions of described files: a file keeps its own, and new bytes are the next version."""

from __future__ import annotations

from collections.abc import Mapping

from vo_service.holdings.comparison import Comparison, Known
from vo_service.holdings.contents import content_of
from vo_service.holdings.group import Place
from vo_service.holdings.ids import assign, product_id
from vo_service.holdings.records import Product
from vo_service.holdings.tombstones import Tombstone


def name_products(
    fresh: Mapping[Place, Product], comparison: Comparison, tombstones: Mapping[str, Tombstone]
) -> dict[Place, str]:
    """Identifiers of the described files.

    A file that is listed keeps its own, and so does one that returns to its place. Those of files that are
    gone are free: a file that is the same product at another place takes its own with it.
    """
    gone = {each.place for each in comparison.gone}
    kept = {place: each.product_id for place, each in comparison.known.items() if place not in gone}
    buried = {stone.place: name for name, stone in tombstones.items()}
    own = {place: name for place in fresh if (name := kept.get(place) or buried.get(place)) is not None}
    return assign(
        [(place, product_id(product), "/".join(place)) for place, product in fresh.items()],
        own,
        [name for place, name in kept.items() if place not in fresh],
    )


def number_versions(
    fresh: Mapping[Place, Product],
    names: Mapping[Place, str],
    comparison: Comparison,
    tombstones: Mapping[str, Tombstone],
) -> dict[Place, int]:
    """Versions of the described files: one more than the last that the identifier had, the same where the
    bytes are, 1 for an identifier that never was."""
    listed = {each.product_id: each for each in comparison.known.values()}
    versions = {}
    for place, product in fresh.items():
        last: Known | Tombstone | None = listed.get(names[place]) or tombstones.get(names[place])
        if last is None:
            versions[place] = 1
        else:
            versions[place] = last.version + (not last.content.is_same(content_of(product)))
    return versions
