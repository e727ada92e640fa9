"""Tables encoded as VOTable, and read back."""

from __future__ import annotations

import base64
import io
import warnings

import pyarrow as pa
from astropy.io.votable import parse
from astropy.io.votable.exceptions import W47
from astropy.io.votable.tree import TableElement
from lxml import etree

from tap_schema import Column
from vo_service.formats import (
    OK,
    Info,
    Outcome,
    TableDescription,
    find_format,
)

SERIALISATIONS = ["votable/b2", "votable/td", "votable/b"]
NAMESPACE = "{http://www.ivoa.net/xml/VOTable/v1.3}"


def column(
    name: str, datatype: str, arraysize: str | None = None, xtype: str | None = None, **more: str
) -> Column:
    return Column(
        name,
        datatype,
        arraysize,
        xtype,
        more.get("unit"),
        more.get("ucd"),
        more.get("utype"),
        more.get("description", ""),
    )


def encode(
    asked: str,
    columns: tuple[Column, ...],
    batches: list[pa.RecordBatch],
    outcome: Outcome = OK,
    infos: tuple[Info, ...] = (),
    resources: tuple[bytes, ...] = (),
) -> bytes:
    encoder = find_format(asked).make()
    parts = list(encoder.begin(TableDescription(columns, infos, resources=resources)))
    for batch in batches:
        parts += encoder.rows(batch)
    parts += encoder.end(outcome)
    return b"".join(parts)


def read(document: bytes) -> TableElement:
    """astropy in its strictest mode; it warns of a char without arraysize, which is a legal single one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", W47)
        return parse(io.BytesIO(document), verify="exception").get_first_table()


def stream(document: bytes) -> bytes:
    found = etree.fromstring(document).find(f".//{NAMESPACE}STREAM")
    return base64.b64decode("".join((found.text or "").split()), validate=True)
