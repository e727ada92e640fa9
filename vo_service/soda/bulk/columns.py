"""Which columns of an uploaded table say what: by their names, else by their UCDs and xtypes.

A column that is called as its role is wins; then one whose UCD says that it is the main one; then one with
another usual name; then one with a UCD or an xtype. Where several are equally good the table is ambiguous,
and an error says so. Other columns are passed over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from astropy import units

from tap_schema import Column
from vo_service.dali.errors import usage
from vo_service.dali.parameters import shortened

_FORMATS: Final = ("generic", "vounit", "cds")


@dataclass(frozen=True, slots=True)
class Role:
    """What a column may say: its name is the role's own; ``others`` are usual names, ``ucds`` patterns of
    whole UCDs in lower case, ``unit`` that which its numbers are wanted in."""

    name: str
    others: tuple[str, ...] = ()
    ucds: tuple[str, ...] = ()
    xtype: str | None = None
    unit: str | None = None


ROLES: Final = (
    Role("id", ucds=(r"meta\.ref\.iv.*", r"meta\.ref\.ur[il];meta\.curation.*")),
    Role(
        "ra",
        ("raj2000", "ra_j2000", "ra_icrs", "ra_deg", "s_ra"),
        (r"pos\.eq\.ra(;meta\.main)?",),
        unit="deg",
    ),
    Role(
        "dec",
        ("dej2000", "decj2000", "dec_j2000", "de_icrs", "dec_icrs", "dec_deg", "s_dec"),
        (r"pos\.eq\.dec(;meta\.main)?",),
        unit="deg",
    ),
    Role("radius", unit="deg"),
    Role("size", unit="deg"),
    Role("circle", xtype="circle", unit="deg"),
    Role("polygon", xtype="polygon", unit="deg"),
    Role("pos"),
    Role("band", unit="m"),
    Role("freq", ("frequency",), unit="Hz"),
    Role("line"),
    Role("z", ("redshift",), (r"src\.redshift(;.*)?",)),
    Role("width", unit="km/s"),
    Role("channels"),
    Role("pol"),
    Role("label", ("name",), (r"meta\.id(;.*)?",)),
)
_IDENTIFIERS: Final = ("obs_publisher_did", "dataset_id", "product_id")
"""Columns of our own tables that name data sets: each wins over a column ``id``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A column that was recognised: its place in the table, its name there, and what its numbers are to be
    multiplied by."""

    index: int
    name: str
    factor: float = 1.0


def recognise(columns: Sequence[Column]) -> Mapping[str, Place]:
    """Which column has which role, by the names of ROLES. Raises ServiceError (400) for a table that can be
    understood in several ways, or whose units cannot be converted."""
    found: dict[str, Place] = {}
    for role in ROLES:
        index = _identifier(columns) if role.name == "id" else None
        if index is None:
            index = _best(role, columns)
        if index is not None:
            column = columns[index]
            found[role.name] = Place(index, column.name, _factor(role, column))
    _settle_names(found, columns)
    return found


def _identifier(columns: Sequence[Column]) -> int | None:
    names = [column.name.lower() for column in columns]
    return next((names.index(name) for name in _IDENTIFIERS if name in names), None)


def _best(role: Role, columns: Sequence[Column]) -> int | None:
    ranked = [
        (rank, index) for index, column in enumerate(columns) if (rank := _rank(role, column)) is not None
    ]
    if not ranked:
        return None
    first = min(ranked)[0]
    best = [index for rank, index in ranked if rank == first]
    if len(best) > 1 and role.name != "label":  # of several names the first will do
        names = " and ".join(columns[index].name for index in best)
        raise usage(
            f"The columns {names} of the table may each be its {role.name}.",
            f"Call the one that is meant {role.name}, or leave the others out.",
        )
    return best[0]


def _rank(role: Role, column: Column) -> int | None:
    name, ucd = column.name.lower(), (column.ucd or "").lower().replace(" ", "")
    if name == role.name:
        return 0
    fits = any(re.fullmatch(pattern, ucd) for pattern in role.ucds)
    if fits and "meta.main" in ucd:
        return 1
    if name in role.others:
        return 2
    if fits or (role.xtype is not None and column.xtype == role.xtype):
        return 3
    return None


def _settle_names(found: dict[str, Place], columns: Sequence[Column]) -> None:
    """A column ``id`` of numbers, or one beside another that names data sets, is a name of the row."""
    names = [column.name.lower() for column in columns]
    id = found.get("id")
    if id is not None and not columns[id.index].is_text:
        del found["id"]
    named = names.index("id") if "id" in names else None
    if named is not None and "label" not in found and found.get("id", Place(-1, "")).index != named:
        found["label"] = Place(named, columns[named].name)
    if "label" in found and "id" in found and found["label"].index == found["id"].index:
        del found["label"]


def _factor(role: Role, column: Column) -> float:
    if role.unit is None or not (column.unit or "").strip() or column.is_text:
        return 1.0
    unit = _unit(column)
    try:
        return float(unit.to(role.unit))
    except units.UnitConversionError as error:
        raise usage(
            f"The column {column.name} is in {shortened(str(column.unit))};"
            f" {role.name} is wanted in {role.unit}."
        ) from error


def _unit(column: Column) -> units.UnitBase:
    text = str(column.unit).strip()
    for format in _FORMATS:
        try:
            return units.Unit(text, format=format)
        except ValueError:
            continue
    raise usage(f"The unit {shortened(text)!r} of the column {column.name} is not known.")
