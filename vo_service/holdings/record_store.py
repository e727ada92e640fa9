"""The harmonised record of every file, kept in the catalogue database.

A harvest that brings facts to a data set rebuilds its rows from these records without opening a file. A
record belongs to one state of a file (size and time of change): one that was written for a snapshot that
never came to be is simply not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import sqlalchemy as sa

from vo_service.holdings.recorded import read_record, record_text
from vo_service.holdings.records import FoundFile, Product
from vo_service.store import Catalogue

_METADATA = sa.MetaData()
_RECORD = sa.Table(
    "product_record",
    _METADATA,
    sa.Column("root", sa.String(200), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("modified_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("record", sa.Text, nullable=False),
)
_AT_ONCE = 500

Item = TypeVar("Item")


def load_records(catalogue: Catalogue, files: Iterable[FoundFile]) -> Mapping[FoundFile, Product]:
    """The products of those files whose record is known."""
    _create(catalogue)
    found: dict[FoundFile, Product] = {}
    by_root: dict[str, list[FoundFile]] = {}
    for file in files:
        by_root.setdefault(file.root, []).append(file)
    with catalogue.reading() as connection:
        for root, wanted in by_root.items():
            known = {(file.path, file.size_bytes, file.modified_ns): file for file in wanted}
            for some in _batches(wanted):
                statement = sa.select(_RECORD).where(
                    _RECORD.c.root == root, _RECORD.c.path.in_([file.path for file in some])
                )
                for row in connection.execute(statement):
                    held = known.get((row.path, row.size_bytes, row.modified_ns))
                    if held is not None:
                        found[held] = replace(read_record(row.record), file=held)
    return found


def keep_records(catalogue: Catalogue, products: Sequence[Product]) -> None:
    """Write the records of products, in place of any for the same state of the file."""
    _create(catalogue)
    with catalogue.writing() as connection:
        for some in _batches(products):
            for product in some:
                connection.execute(sa.delete(_RECORD).where(*_state(product.file)))
            connection.execute(
                sa.insert(_RECORD),
                [
                    {
                        "root": product.file.root,
                        "path": product.file.path,
                        "size_bytes": product.file.size_bytes,
                        "modified_ns": product.file.modified_ns,
                        "record": record_text(product),
                    }
                    for product in some
                ],
            )


def drop_records(catalogue: Catalogue, files: Iterable[FoundFile]) -> None:
    """Forget the records of files that are no longer in this state."""
    _create(catalogue)
    with catalogue.writing() as connection:
        for file in files:
            connection.execute(sa.delete(_RECORD).where(*_state(file)))


def _create(catalogue: Catalogue) -> None:
    with catalogue.writing() as connection:
        _METADATA.create_all(connection)


def _state(file: FoundFile) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _RECORD.c.root == file.root,
        _RECORD.c.path == file.path,
        _RECORD.c.size_bytes == file.size_bytes,
        _RECORD.c.modified_ns == file.modified_ns,
    )


def _batches(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
