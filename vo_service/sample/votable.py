"""The archive's answer as a VOTable document (VOTable 1.3, TABLEDATA), written as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from vo_service.sample.columns import ARCHIVE_COLUMNS, ArchiveColumn

Cell = str | int | float | None
Row = Mapping[str, Cell]


def _field(column: ArchiveColumn) -> str:
    attributes = [("name", column.name), ("datatype", column.datatype)]
    for key in ("arraysize", "xtype", "unit", "ucd", "utype"):
        value = getattr(column, key)
        if value:
            attributes.append((key, value))
    return "      <FIELD " + " ".join(f"{key}={quoteattr(value)}" for key, value in attributes) + "/>\n"


def _cell(value: Cell) -> str:
    if value is None or value == "":
        return "<TD/>"
    text = repr(value) if isinstance(value, float) else str(value)
    return f"<TD>{escape(text)}</TD>"


def write_votable(rows: Sequence[Row]) -> Iterator[str]:
    """The document in pieces; a column that a row does not name is an empty cell."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3" version="1.3">\n'
    yield '  <RESOURCE type="results">\n    <INFO name="QUERY_STATUS" value="OK"/>\n    <TABLE>\n'
    for column in ARCHIVE_COLUMNS:
        yield _field(column)
    yield "      <DATA>\n        <TABLEDATA>\n"
    for row in rows:
        yield (
            "          <TR>" + "".join(_cell(row.get(column.name)) for column in ARCHIVE_COLUMNS) + "</TR>\n"
        )
    yield "        </TABLEDATA>\n      </DATA>\n    </TABLE>\n  </RESOURCE>\n</VOTABLE>\n"
