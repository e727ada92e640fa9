"""Registry records in the catalogue database, in SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vo_service.store import Catalogue
from vo_service.store.errors import CatalogueError
from vo_service.store.records import NewRecord, Records, Span

START = datetime(2025, 1, 1, 0, 0, 0, 900_000, tzinfo=UTC)
STAMP = START.replace(microsecond=0)


@pytest.fixture
def records(catalogue_url: str) -> Iterator[Records]:
    catalogue = Catalogue.open(catalogue_url)
    yield Records(catalogue)
    catalogue.close()


def new(text: str) -> NewRecord:
    return NewRecord(text, lambda created, updated: f"{text} {created:%H:%M:%S} {updated:%H:%M:%S}")


def refresh(
    records: Records, minutes: float, *names: str, kept: Any = (), snapshot: int | None = None
) -> bool:
    """Make the records those named: an identifier, or one with what it says behind a blank."""
    wanted = {name.split()[0]: new(name) for name in names}
    return records.refresh(wanted, kept, snapshot, lambda: START + timedelta(minutes=minutes))


def shown(records: Records, first: int | None = None) -> dict[str, tuple[float, bool]]:
    span = Span() if first is None else Span(STAMP + timedelta(minutes=first))
    return {
        one.ivoid: ((one.datestamp - STAMP).total_seconds() / 60, one.deleted)
        for one in records.listed(span, None, 100)
    }


def test_records_come_change_go_and_come_back(records: Records) -> None:
    # REG-024, REG-043, REG-046
    assert records.earliest() is None and records.listed(Span(), None, 9) == () and records.count(Span()) == 0
    assert refresh(records, 0, "a", "b")
    assert shown(records) == {"a": (0, False), "b": (0, False)}
    assert refresh(records, 1, "a", "b")
    assert shown(records) == {"a": (0, False), "b": (0, False)}
    assert refresh(records, 2, "a other", "b")
    found = records.find("A")
    assert found is not None and found.document == "a other 00:00:00 00:02:00"
    assert found.created == STAMP and found.datestamp == STAMP + timedelta(minutes=2)
    assert refresh(records, 3, "a other")
    gone = records.find("b")
    assert gone is not None and gone.deleted and gone.document == ""
    assert refresh(records, 4, "a other")
    assert shown(records) == {"a": (2, False), "b": (3, True)}
    assert refresh(records, 5, "a other", "b")
    assert shown(records) == {"a": (2, False), "b": (5, False)}
    assert records.earliest() == STAMP + timedelta(minutes=2)


def test_kept_records_neither_change_nor_go(records: Records) -> None:
    # REG-142
    refresh(records, 0, "a", "b")
    assert refresh(records, 1, "b", kept={"a"})
    assert shown(records) == {"a": (0, False), "b": (0, False)}


def test_lists_go_by_identifier_and_datestamp(records: Records) -> None:
    # REG-044, REG-049
    refresh(records, 0, *"fdbeca")
    refresh(records, 1, *"abc", "d new", "e new", "f new")
    assert [one.ivoid for one in records.listed(Span(), None, 100)] == list("abcdef")
    assert [one.ivoid for one in records.listed(Span(), "b", 2)] == ["c", "d"]
    later = Span(STAMP + timedelta(minutes=1))
    assert [one.ivoid for one in records.listed(later, None, 100)] == list("def")
    assert records.count(later) == 3
    assert records.count(Span(None, STAMP)) == 3
    assert records.count(Span(STAMP + timedelta(minutes=2))) == 0


def test_records_of_an_older_snapshot_do_not_replace_newer_ones(records: Records) -> None:
    refresh(records, 0, "a")
    assert not refresh(records, 1, "a other", snapshot=7)
    assert shown(records) == {"a": (0, False)}
    assert not refresh(records, 1, "a", snapshot=7)


def test_many_workers_at_once_write_each_change_once(records: Records) -> None:
    refresh(records, 0, "a", "b", "c")
    threads = [
        threading.Thread(target=refresh, args=(records, minutes, "a new", "b new", "d"))
        for minutes in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stamps = {one.datestamp for one in records.listed(Span(), None, 100)}
    assert len(stamps) == 1
    assert [(one.ivoid, one.deleted) for one in records.listed(Span(), None, 100)] == [
        ("a", False),
        ("b", False),
        ("c", True),
        ("d", False),
    ]


def test_a_database_that_fails_is_told(records: Records, catalogue_url: str) -> None:
    catalogue = Catalogue.open(catalogue_url)
    with catalogue.writing() as connection:
        connection.exec_driver_sql("DROP TABLE record")
    catalogue.close()
    with pytest.raises(CatalogueError):
        records.find("a")
