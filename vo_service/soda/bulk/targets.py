"""What the identifiers of a table name: the data sets that are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vo_service.products.datasets import DataSet
from vo_service.products.named import Named
from vo_service.products.provenance import source_version
from vo_service.products.shelf import Shelf

_AT_ONCE: Final = 500  # identifiers of one look-up


@dataclass(frozen=True, slots=True)
class Target:
    """A data set by the ``name`` that leads to it alone: its dataset_id, or the product_id of one of its
    files."""

    name: str
    found: DataSet


@dataclass(frozen=True, slots=True)
class Targets:
    """What one identifier leads to; ``fault`` says why to nothing."""

    found: tuple[Target, ...] = ()
    fault: str | None = None


def version_of(found: DataSet, roles: Sequence[str]) -> str:
    """A word for the state of the files that a cut-out is made of: the image, and its companions of these
    roles."""
    companions = sorted(
        f"{file.product_id}:{source_version(file)}"
        for role in dict.fromkeys(roles)
        for file in found.companions.get(role, ())
    )
    return " ".join((source_version(found.science), *companions))


def find_targets(shelf: Shelf, texts: Sequence[str], authority: str, address: str) -> Mapping[str, Targets]:
    """What each of these identifiers leads to: one data set, or all of a member. Raises ServiceError
    (503)."""
    wanted = list(dict.fromkeys(texts))
    found: dict[str, Targets] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        for named in shelf.find_named(wanted[start : start + _AT_ONCE], authority, address):
            found[named.text] = _targets(named)
    return found


def _targets(named: Named) -> Targets:
    if named.fault is not None:
        return Targets(fault=" ".join(named.fault.text.split()))
    file = named.file
    if file is not None:
        found = named.datasets[0].as_dataset(file) if named.datasets else DataSet(file, {}, {})
        return Targets((Target(file.product_id, found),))
    targets = tuple(
        Target(each.dataset_id, each.as_dataset(each.science))
        for each in named.datasets
        if each.science is not None
    )
    if targets:
        return Targets(targets)
    if named.archive:
        return Targets(fault="Only the archive has this data set; there is no file of it here.")
    return Targets(fault="The holdings have no image of this name.")
