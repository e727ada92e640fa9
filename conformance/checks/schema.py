"""TAP_SCHEMA and the VOSI tables document: what is published, and that both say the same."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from conformance.findings import failed, judged, not_applicable
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Answer, Service, rows_of

TABLESET = "{http://www.ivoa.net/xml/VOSITables/v1.0}tableset"


def _tables(service: Service) -> Answer:
    return service.get(f"{service.tap_path}/tables")


def _length(arraysize: object) -> str:
    """Nothing and "1" are the same single value; readers give either for one character."""
    text = str(arraysize or "")
    return "" if text == "1" else text


@requirement("TAP-242", clause="TAP 1.1, 4", level=Level.MUST, service="tap")
def listed_tables_can_be_queried(service: Service) -> Iterator[Finding]:
    """Every table of TAP_SCHEMA.tables can be queried by the name written there"""
    listed = rows_of(service.query("SELECT table_name FROM TAP_SCHEMA.tables"))
    if not listed:
        yield failed("TAP_SCHEMA.tables lists no table, not even its own")
    for row in listed:
        answer = service.query(f"SELECT TOP 1 {service.number} AS probe FROM {row['table_name']}")
        works = answer.status == 200 and [f.name for f in answer.table().fields] == ["probe"]
        yield judged(works, f"SELECT ... FROM {row['table_name']} works", answer)


@requirement("TAP-243", clause="TAP 1.1, 4.3", level=Level.MUST, service="tap")
def flags_are_numbers(service: Service) -> Iterator[Finding]:
    """principal, indexed and std are the integers 0 and 1"""
    for flag in ("principal", "indexed", "std"):
        values = {row[flag] for row in service.columns}
        yield judged(bool(values) and values <= {0, 1}, f"{flag} holds {sorted(values, key=str)}")
    answer = service.query("SELECT COUNT(*) AS n FROM TAP_SCHEMA.columns WHERE principal = 1")
    listed = sum(row["principal"] == 1 for row in service.columns)
    yield judged(
        answer.status == 200 and rows_of(answer)[0]["n"] == listed,
        f"WHERE principal = 1 finds the {listed} rows",
        answer,
    )


@requirement("TAP-247", clause="TAP 1.1, 4.4", level=Level.MUST, service="tap")
def keys_point_to_columns(service: Service) -> Iterator[Finding]:
    """Keys join tables and columns that exist"""
    known = {(str(c["table_name"]).lower(), str(c["column_name"]).lower()) for c in service.columns}
    keys = rows_of(
        service.query(
            "SELECT k.key_id, k.from_table, k.target_table, c.from_column, c.target_column "
            "FROM TAP_SCHEMA.keys AS k JOIN TAP_SCHEMA.key_columns AS c ON k.key_id = c.key_id"
        )
    )
    if not keys:
        yield not_applicable("no keys are listed")
    for key in keys:
        for table, column in (("from_table", "from_column"), ("target_table", "target_column")):
            pair = (str(key[table]).lower(), str(key[column]).lower())
            yield judged(pair in known, f"key {key['key_id']}: {pair[0]}.{pair[1]} exists")


@requirement("TAP-260", clause="TAP 1.1, 2.5; VOSI 1.1, 2.3", level=Level.MUST, service="tap")
def tables_document(service: Service) -> Iterator[Finding]:
    """The tables resource is a VOSI tableset with at least one schema"""
    answer = _tables(service)
    if answer.status == 404:
        yield not_applicable("no tables resource (404)")
        return
    root = answer.xml()
    yield judged(root.tag == TABLESET, f"the root is {TABLESET}", answer)
    yield judged(root.find("schema") is not None, "there is a schema element", answer)


@requirement("TAP-261", clause="TAP 1.1, 2.5", level=Level.MUST, service="tap")
def tables_equal_tap_schema(service: Service) -> Iterator[Finding]:
    """The tables resource and TAP_SCHEMA list the same columns with the same units and UCDs"""
    answer = service.get(f"{service.tap_path}/tables?detail=max")
    if answer.status == 404:
        yield not_applicable("no tables resource (404)")
        return
    listed: dict[tuple[str, str], tuple[str, str, str]] = {}
    for table in answer.xml().iter("table"):
        for column in table.iter("column"):
            key = ((table.findtext("name") or "").lower(), (column.findtext("name") or "").lower())
            data_type = column.find("dataType")
            kind = data_type.text or "" if data_type is not None else ""
            listed[key] = (column.findtext("unit") or "", column.findtext("ucd") or "", kind)
    held = {
        (str(c["table_name"]).lower(), str(c["column_name"]).lower()): (
            str(c["unit"] or ""),
            str(c["ucd"] or ""),
            str(c["datatype"]),
        )
        for c in service.columns
    }
    for key in sorted(set(listed) ^ set(held)):
        yield failed(f"{'.'.join(key)} is only in {'tables' if key in listed else 'TAP_SCHEMA'}")
    for key in sorted(set(listed) & set(held)):
        if listed[key] != held[key]:
            yield failed(f"{'.'.join(key)}: tables say {listed[key]}, TAP_SCHEMA says {held[key]}")
    both = len(set(listed) & set(held))
    yield judged(both > 0, f"{both} columns are in both and were compared", answer)


@requirement("TAP-267", clause="VOSI 1.1, 2.3", level=Level.MUST, service="tap")
def one_table_document(service: Service) -> Iterator[Finding]:
    """tables/NAME describes one table; an unknown name is 404"""
    if _tables(service).status == 404:
        yield not_applicable("no tables resource (404)")
        return
    name = str(rows_of(service.query("SELECT TOP 1 table_name FROM TAP_SCHEMA.tables"))[0]["table_name"])
    answer = service.get(f"{service.tap_path}/tables/{quote(name)}")
    yield judged(
        answer.status == 200 and answer.xml().findtext("name") == name, f"tables/{name} describes it", answer
    )
    missing = service.get(f"{service.tap_path}/tables/no_such_schema.no_such_table")
    yield judged(missing.status == 404, "an unknown table is 404", missing)


@requirement("TAP-107", clause="TAP 1.1, 3.2", level=Level.MUST, service="tap")
def fields_equal_tap_schema(service: Service) -> Iterator[Finding]:
    """FIELDs of plain columns have datatype, arraysize and xtype of TAP_SCHEMA"""
    by_table: dict[str, dict[str, dict[str, object]]] = {}
    for column in service.columns:
        by_table.setdefault(str(column["table_name"]), {})[str(column["column_name"]).strip('"')] = column
    if not by_table:
        yield failed("TAP_SCHEMA.columns lists no column, not even its own")
    for name, columns in sorted(by_table.items()):
        answer = service.query(f"SELECT TOP 1 * FROM {name}")
        fields = answer.table().fields
        yield judged(
            len(fields) == len(columns), f"{name}: * gives the {len(columns)} listed columns", answer
        )
        for field in fields:
            listed = columns.get(field.name)
            if listed is None:
                yield failed(f"{name}.{field.name} is not in TAP_SCHEMA")
                continue
            got = (field.datatype, _length(field.arraysize), field.xtype or "")
            wanted = (str(listed["datatype"]), _length(listed["arraysize"]), str(listed["xtype"] or ""))
            if got != wanted:
                yield failed(f"{name}.{field.name}: FIELD says {got}, TAP_SCHEMA says {wanted}")


CHECKS: tuple[Check, ...] = (
    tables_document,
    one_table_document,
    tables_equal_tap_schema,
    listed_tables_can_be_queried,
    flags_are_numbers,
    keys_point_to_columns,
    fields_equal_tap_schema,
)
