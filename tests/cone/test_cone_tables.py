"""Which tables can be asked for cones, and what of them is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tap_schema import published
from vo_service.adql import parse
from vo_service.cone.tables import ConeTable, cone_tables

TABLES = cone_tables(published())
UCDS = ("meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main")


def test_every_table_with_positions_can_be_asked() -> None:
    # SCS-016: whoever adds a table with positions adds a cone search
    with_positions = {
        name
        for name, table in published().items()
        if any((column.ucd or "").startswith("pos.eq.ra") for column in table.columns)
    }
    assert set(TABLES) == with_positions >= {"ivoa.obscore", "holdings.observation", "holdings.measurement"}


@pytest.mark.parametrize("name", TABLES)
def test_key_and_position_are_there_at_every_verbosity(name: str) -> None:
    # SCS-009
    cone = TABLES[name]
    few, more, all_ = (cone.columns(verbosity) for verbosity in (1, 2, 3))
    assert set(few) <= set(more) <= set(all_) and len(few) < len(all_)
    assert {*cone.key, cone.lon, cone.lat} <= set(few)
    assert all_ == cone.table.listed
    for verbosity in (1, 2, 3):
        parse(cone.adql(1.0, -2.0, 1e-300, verbosity))


def test_standard_columns_come_unasked() -> None:
    columns = {column.name for column in TABLES["ivoa.obscore"].columns(2)}
    assert {column.name for column in published()["ivoa.obscore"].columns if column.std} <= columns


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("verbosity", [1, 2, 3])
def test_each_of_the_three_ucds_is_there_once(name: str, verbosity) -> None:
    # SCS-016
    cone = TABLES[name]
    told = [cone.described(column).ucd for column in cone.columns(verbosity)]
    made = " AS row_id" in cone.adql(0.0, 0.0, 0.0, verbosity)
    assert [told.count(ucd) for ucd in UCDS] == [0 if made else 1, 1, 1]


def test_of_two_positions_the_main_one_counts() -> None:
    table = published()["holdings.observation"]
    other = [replace(table.column("s_ra"), name="ra2"), replace(table.column("s_dec"), name="dec2")]

    def with_ucds(suffix: str) -> ConeTable | None:
        main = [replace(column, ucd=f"{column.ucd}{suffix}") for column in other]
        doubled = replace(table, columns=(*table.columns, *main))
        return cone_tables({"x.y": doubled}).get("x.y")  # type: ignore[arg-type]

    assert with_ucds("") is None
    found = with_ucds(";meta.main")
    assert found is not None and (found.lon.name, found.lat.name) == ("ra2", "dec2")
    told = [found.described(column) for column in found.columns(3)]
    assert [column.name for column in told if column.ucd == UCDS[1]] == ["ra2"]
