"""Columns as VOTable's FIELDs: names, IDs, coordinate and time systems, the elements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal

from tap_schema import Column
from vo_service.formats.xml_document import XMLDocument

Version = Literal["1.4", "1.5"]

_SYSTEMS: Final = {
    # the closed list of 1.4 and the vocabulary of 1.5 (VOT-106); where positions were reduced to is not known
    # for every row, so refposition, which 1.5 brought (VOT-024), is left out
    "1.4": {"icrs": "ICRS", "galactic": "galactic"},
    "1.5": {"icrs": "ICRS", "galactic": "GALACTIC"},
}
_MJD: Final = "mjd"
_MJD_UTC: Final = {
    "ID": _MJD,
    "timeorigin": "MJD-origin",
    "timescale": "UTC",
    "refposition": "UNKNOWN",  # not known for every row: TOPOCENTER would be a guess (VOT-108)
}
_RESERVED: Final = frozenset({"icrs", "galactic", _MJD})
_REGION_XTYPES: Final = frozenset(
    {"adql:REGION", "adql:POINT", "point", "circle", "polygon", "range", "shape"}
)
_UCD: Final = re.compile(r"[A-Za-z0-9_.:;-]*")  # VOT-042
_NO_ID: Final = re.compile(r"[^A-Za-z0-9_.-]")


def unique_names(columns: Iterable[Column], *, any_case: bool = False) -> tuple[str, ...]:
    """Names of result columns, the same in every format (VOT-030): the column's own, without blanks at its
    ends or two in a row; a second column of that name is NAME_2.

    ``any_case``: names that differ in case only count as the same, as FITS wants it.
    """

    def key(name: str) -> str:
        return name.lower() if any_case else name

    plain = [" ".join(column.name.split()) or "_" for column in columns]
    own = {key(name) for name in plain}
    taken: set[str] = set()
    names = []
    for name in plain:
        chosen, number = name, 2
        while key(chosen) in taken or (chosen != name and key(chosen) in own):
            chosen, number = f"{name}_{number}", number + 1
        taken.add(key(chosen))
        names.append(chosen)
    return tuple(names)


def unique_ids(names: Iterable[str]) -> tuple[str, ...]:
    """FIELD IDs: the column's name where XML allows it, unique in the document (VOT-032)."""
    taken = set(_RESERVED)
    ids = []
    for own in names:
        plain = _NO_ID.sub("_", own)
        if not re.match(r"[A-Za-z_]", plain):
            plain = f"_{plain}"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        ids.append(name)
    return tuple(ids)


def field_ids(columns: Sequence[Column]) -> tuple[str, ...]:
    """The ID that the FIELD of each column has, for whatever refers to it from behind the table."""
    return unique_ids(unique_names(columns))


def write_systems(document: XMLDocument, columns: Sequence[Column], version: Version) -> None:
    """COOSYS and TIMESYS of those systems that columns refer to, before any reference (VOT-033)."""
    wanted = {reference(column) for column in columns}
    for frame, system in _SYSTEMS[version].items():
        if frame in wanted:
            document.leaf("COOSYS", "", {"ID": frame, "system": system})
    if _MJD in wanted:
        document.leaf("TIMESYS", "", _MJD_UTC)


@lru_cache(maxsize=4096)
def reference(column: Column) -> str | None:
    """The coordinate or time system that a column's values are in, as its UCD and xtype tell; None for those
    of users, whose systems are not known."""
    if column.unplaced:
        return None
    ucd = (column.ucd or "").lower()
    if ucd.startswith(("pos.eq.", "pos.eq;")) or column.xtype in _REGION_XTYPES:
        return "icrs"
    if ucd.startswith("pos.galactic."):
        return "galactic"
    if (
        column.unit == "d"
        and column.xtype is None
        and ucd.startswith(("time.start", "time.end", "time.epoch"))
    ):
        return _MJD
    return None


@lru_cache(maxsize=4096)
def field_element(column: Column, name: str, identifier: str, null: int | None) -> str:
    """One FIELD; ``null`` is the number that stands for null in it, where one does."""
    document = XMLDocument()
    document.open(
        "FIELD",
        {
            "ID": identifier,
            "name": name,
            "datatype": column.datatype,
            "arraysize": _arraysize(column),
            "xtype": column.xtype,
            "unit": column.unit,
            "ucd": column.ucd if column.ucd and _UCD.fullmatch(column.ucd) else None,
            "utype": column.utype,
            "ref": reference(column),
        },
    )
    if column.description:
        document.leaf("DESCRIPTION", column.description)
    if null is not None:
        document.leaf("VALUES", "", {"null": str(null)})
    document.close("FIELD")
    return document.taken().decode("utf-8")


def _arraysize(column: Column) -> str | None:
    """Never "1", which clients read differently; one character is one without it too (VOT-036, VOT-037)."""
    return None if column.arraysize == "1" else column.arraysize
