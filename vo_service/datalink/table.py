"""Links as rows: identifiers as they are echoed, batches for the encoders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from tap_schema import Column
from vo_service.datalink.links import Link
from vo_service.datalink.meanings import columns

_NO_PLACE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def echo_of(text: str) -> str:
    """An identifier as column ID has it: the text itself but for what XML has no place for, which no
    identifier of ours contains. (Where rows are written as bytes, those have no place for characters beyond
    U+FFFF either.)"""
    return _NO_PLACE.sub("\ufffd", text)


def table_columns(echoes: Iterable[str]) -> tuple[Column, ...]:
    """The columns of a table with these identifiers: ID is char as the standard wants it (DL-027), and wider
    where the client sent what char has no place for, since it has to come back unaltered (DL-031)."""
    first, *others = columns()
    if not all(echo.isascii() for echo in echoes):
        first = replace(first, datatype="unicodeChar")
    return (first, *others)


def batch_of(answered: Sequence[tuple[str, Sequence[Link]]]) -> pa.RecordBatch:
    """The rows of some identifiers, each with its links, as `columns` has them."""
    rows = [_row(echo, link) for echo, links in answered for link in links]
    fields = [column.arrow_field for column in columns()]
    values: Sequence[Sequence[Any]] = list(zip(*rows)) if rows else [()] * len(fields)
    arrays = [pa.array(each, field.type) for each, field in zip(values, fields, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _row(echo: str, link: Link) -> tuple[Any, ...]:
    auth, authorized = link.access if link.access is not None else (None, None)
    return (
        echo,
        link.access_url,
        link.service_def,
        link.error_message,
        link.description,
        link.semantics,
        link.content_type,
        link.content_length,
        link.qualifier,
        link.local,
        auth,
        authorized,
        link.target,
    )
