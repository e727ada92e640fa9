"""Small VOTables by hand, and the reading of uploads as the tests of this directory want it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tap_schema import Column
from vo_service.dali.multipart import Part
from vo_service.dali.uploads import Coverage, ReadLimits, ReadTable, UploadFault, read_table

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
ROWS = 1000
BYTES = 1 << 20


def read_any(
    content: bytes | str,
    rows: int = ROWS,
    size: int = BYTES,
    check: Callable[[], None] = lambda: None,
    spooled: bool = False,
) -> ReadTable | Coverage:
    """What an uploaded file holds; nothing is left in its directory. ``spooled``: the part lies in a file."""
    data = content.encode() if isinstance(content, str) else content
    with TemporaryDirectory() as name:
        place = Path(name)
        held: bytes | Path = data
        if spooled:
            held = place / "part"
            held.write_bytes(data)
        found = read_table(Part("p", held, len(data)), ReadLimits(rows, size, place, check))
        assert [path.name for path in place.iterdir() if path.name != "part"] == []
        return found


def read(content: bytes | str, **limits: Any) -> ReadTable:
    """The table of an uploaded file."""
    found = read_any(content, **limits)
    assert isinstance(found, ReadTable)
    return found


def rows_of(table: ReadTable) -> list[tuple[Any, ...]]:
    """Its rows as Python values."""
    return list(zip(*(column.to_pylist() for column in table.rows.columns)))


def fault_of(content: bytes | str, **limits: Any) -> UploadFault:
    """Why a file is refused."""
    try:
        read_any(content, **limits)
    except UploadFault as fault:
        return fault
    raise AssertionError("the file was taken")


def facts(column: Column) -> tuple[str | None, ...]:
    """Type and facts of a column."""
    return (column.datatype, column.arraysize, column.xtype, column.unit, column.ucd, column.utype)


def field(name: str, datatype: str, inner: str = "", **attributes: str) -> str:
    """A FIELD element."""
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<FIELD name="{name}" datatype="{datatype}"{written}>{inner}</FIELD>'


def tabledata(rows: Sequence[Sequence[str]]) -> str:
    """The DATA element of cells that are texts."""
    lines = "".join("<TR>" + "".join(f"<TD>{cell}</TD>" for cell in row) + "</TR>\n" for row in rows)
    return f"<DATA><TABLEDATA>\n{lines}</TABLEDATA></DATA>"


def stream(content: bytes | str, kind: str = "BINARY2", attributes: str = 'encoding="base64"') -> str:
    """The DATA element of bytes (or of what stands for them)."""
    text = base64.encodebytes(content).decode() if isinstance(content, bytes) else content
    return f"<DATA><{kind}><STREAM {attributes}>{text}</STREAM></{kind}></DATA>"


def votable(fields: Sequence[str], data: str, namespace: str | None = NAMESPACE) -> str:
    """A document with one TABLE."""
    xmlns = "" if namespace is None else f' xmlns="{namespace}"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.4"{xmlns}>\n'
        f'<RESOURCE type="results"><TABLE>{"".join(fields)}{data}</TABLE></RESOURCE></VOTABLE>'
    )


def column_of(datatype: str, cells: Sequence[str], **attributes: str) -> list[Any]:
    """The values of a TABLEDATA column."""
    null = attributes.pop("null", None)
    inner = "" if null is None else f'<VALUES null="{null}"/>'
    table = read(votable([field("x", datatype, inner, **attributes)], tabledata([[cell] for cell in cells])))
    return [row[0] for row in rows_of(table)]


def column_fault(datatype: str, cells: Sequence[str], **attributes: str) -> str:
    """Why the cells of a TABLEDATA column are refused: the place and the reason."""
    document = votable([field("x", datatype, **attributes)], tabledata([[cell] for cell in cells]))
    fault = fault_of(document)
    return f"{fault.place}: {fault.message}"
