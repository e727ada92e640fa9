"""The redshift to use for a target and where it comes from: the operator's table, else the header; never a
guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vo_service.holdings.names import same_target, spellings
from vo_service.holdings.operator_table import OperatorTable, OperatorTableError, read_operator_table
from vo_service.holdings.records import Product
from vo_service.holdings.redshift_cards import HIGHEST, LOWEST


@dataclass(frozen=True, slots=True)
class Redshift:
    """A redshift, barycentric where its frame is known, and the words that say where it comes from."""

    number: float
    source: str


@dataclass(frozen=True, slots=True)
class Redshifts:
    """The operator's redshifts: by key of the target's name, the names as written with their redshifts."""

    by_key: Mapping[str, Mapping[str, Redshift]] = field(default_factory=dict)

    def of(self, *names: str | None) -> Redshift | None:
        """The redshift of the first of these names that the table has in some spelling; None where it has
        none, or several that the name could be."""
        for name in names:
            listed = {
                each.number: each
                for key in sorted(spellings(name))
                for written, each in self.by_key.get(key, {}).items()
                if same_target(name, written)
            }
            if listed:
                return next(iter(listed.values())) if len(listed) == 1 else None
        return None


def read_redshifts(path: Path) -> Redshifts:
    """The table of an operator (CSV, ECSV, VOTable or Parquet): ``target``, ``redshift`` (barycentric) and,
    where wanted, ``reference``.

    Raises OperatorTableError for a table that cannot be read, a row without target or redshift, a redshift
    that is none, and a target that is listed with two.
    """
    table = read_operator_table(path, required=("target", "redshift"), optional=("reference",))
    found: dict[str, dict[str, Redshift]] = {}
    for row in table.rows:
        name = row.text("target")
        if name is None or not spellings(name):
            raise OperatorTableError(row.place, "target names nothing; a name as in the archive is wanted")
        number = row.number("redshift")
        if number is None or not LOWEST <= number <= HIGHEST:
            raise OperatorTableError(
                row.place,
                f"redshift is {row.text('redshift')!r}; a number from {LOWEST:g} to {HIGHEST:g} is wanted",
            )
        made = Redshift(number, _table_source(table, row.text("reference")))
        for key in sorted(spellings(name)):
            listed = found.setdefault(key, {})
            other = next((each for each in listed if same_target(each, name)), None)
            if other is not None and listed[other].number != number:
                raise OperatorTableError(
                    row.place, f"{name!r} has redshift {listed[other].number!r} further up; one can stay"
                )
            listed.setdefault(name, made)
    return Redshifts(found)


def redshift_of(product: Product, target_name: str | None, redshifts: Redshifts) -> Redshift | None:
    """The redshift to use for a product: the operator's for its target (as published, else as in the file),
    else the header's; None where neither states one."""
    listed = redshifts.of(target_name, product.identity.target_name)
    if listed is not None:
        return listed
    if product.redshift is None or product.redshift_source is None:
        return None
    return Redshift(product.redshift, product.redshift_source)


def _table_source(table: OperatorTable, reference: str | None) -> str:
    return f"table {table.name}" if reference is None else f"table {table.name}: {reference}"
