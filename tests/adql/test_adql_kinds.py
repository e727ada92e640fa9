"""Types: what columns are, what comes of two numbers, what fits both sides of a set operation."""

from __future__ import annotations

import pytest

from tap_schema import Column
from vo_service.adql.meaning.shape_regions import region_of
from vo_service.adql.nodes.kinds import Facts, Kind, kind_of, result_of_arithmetic, widest
from vo_service.adql.nodes.resolved import Reference
from vo_service.adql.nodes.resolved_shapes import Stored
from vo_service.sky import unit_vectors

COLUMNS = [
    # ADQL-161, ADQL-164: datatype, arraysize, xtype, kind
    ("short", None, None, Kind.SMALLINT),
    ("unsignedByte", None, None, Kind.SMALLINT),
    ("int", None, None, Kind.INTEGER),
    ("long", None, None, Kind.BIGINT),
    ("float", None, None, Kind.REAL),
    ("double", "1", None, Kind.DOUBLE),
    ("char", "*", None, Kind.TEXT),
    ("char", "12", None, Kind.TEXT),
    ("unicodeChar", "*", None, Kind.TEXT),
    ("char", "*", "timestamp", Kind.TIMESTAMP),
    ("char", "19", "timestamp", Kind.TIMESTAMP),
    ("char", "*", "adql:REGION", Kind.REGION),
    ("char", "*", "shape", Kind.REGION),
    ("char", "*", "moc", Kind.MOC),
    ("char", "*", "adql:CLOB", Kind.OTHER),
    ("char", "*", "uri", Kind.TEXT),
    ("char", "*", "uuid", Kind.TEXT),
    ("char", "*", "json", Kind.TEXT),
    ("char", "*", "hms", Kind.TEXT),
    ("char", "*", "multishape", Kind.TEXT),
    ("double", "2", "point", Kind.POINT),
    ("float", "2", "point", Kind.POINT),
    ("double", "3", "circle", Kind.CIRCLE),
    ("double", "*", "polygon", Kind.POLYGON),
    ("double", "8", "polygon", Kind.POLYGON),
    ("double", "4", "range", Kind.RANGE),
    ("double", "2", "interval", Kind.ARRAY),
    ("long", "2", "interval", Kind.ARRAY),
    ("double", "2x*", "multiinterval", Kind.ARRAY),
    ("double", "*", None, Kind.ARRAY),
    ("int", "2", "point", Kind.ARRAY),
    ("unsignedByte", "*", "adql:BLOB", Kind.ARRAY),
    ("floatComplex", None, None, Kind.OTHER),
]


@pytest.mark.parametrize(("datatype", "arraysize", "xtype", "kind"), COLUMNS)
def test_kinds_of_columns(datatype: str, arraysize: str | None, xtype: str | None, kind: Kind) -> None:
    assert kind_of(Column("a", datatype, arraysize, xtype, None, None, None, "")) is kind


KINDS = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.REAL, Kind.DOUBLE)


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_types_of_arithmetic_and_of_common_columns(one: Kind, other: Kind) -> None:
    # ADQL-063, ADQL-094
    whole = {Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT}
    wider = max(one, other, key=KINDS.index)
    assert result_of_arithmetic(one, other) is (wider if {one, other} <= whole else Kind.DOUBLE)
    alone = one if one is other else Kind.DOUBLE  # a REAL holds no INTEGER beyond 2**24
    assert widest([one, other]) is (wider if {one, other} <= whole else alone)
    assert result_of_arithmetic(one, Kind.NULL) is (one if one in whole else Kind.DOUBLE)
    assert widest([one, Kind.TEXT]) is None and widest([Kind.NULL, one]) is one


def test_a_range_of_a_row_is_a_region() -> None:
    # ADQL-164: DALI's longitudes first, then latitudes
    facts = Facts(Kind.RANGE)
    value = Stored(Reference("t1", "box", facts), facts)
    region = region_of(value, ([350.0, 10.0, -1.0, 1.0],))
    assert region is not None
    assert region.contains(unit_vectors([0.0, 20.0, 0.0], [0.0, 0.0, 2.0])).tolist() == [True, False, False]
    assert region_of(value, ([350.0, 10.0, 1.0, -1.0],)) is None and region_of(value, (None,)) is None
