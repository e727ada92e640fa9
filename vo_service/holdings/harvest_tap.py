"""An archive's table from a live TAP service: in pages, resumable, and only what has changed since last time.

Pages are asked for in the order of ``lastModified``, ``obs_id`` and ``obs_publisher_did``, each from where
the one before ended, so no cap of the service can lose a row. They lie below ``HOME/harvest`` until their
rows are published: a run that was cut off goes on after the last page it has.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pyvo
import requests
import urllib3
from pyvo.dal.exceptions import DALFormatError, DALQueryError, DALServiceError

from vo_service.holdings.harvest_sources import ArchiveTable, SourceError, open_votable_table
from vo_service.holdings.harvest_texts import BATCH_ROWS
from vo_service.holdings.remote_roots import UrlMistake, checked_url
from vo_service.holdings.reports import Progress, silent

PAGE_ROWS = 20_000
_TRIES = 3
_WAIT_SECONDS = 2.0
_STATE = "state.json"
_CHANGED = "lastmodified"
_KEYS = ("obs_id", "obs_publisher_did")

Key = list[str | None]


def open_tap(
    url: str,
    home: Path,
    table: str = "ivoa.obscore",
    *,
    page_rows: int = PAGE_ROWS,
    progress: Progress = silent,
) -> ArchiveTable:
    """The table of a TAP service; nothing is asked for before its first rows are.

    Raises SourceError for an address that is none, or holds a secret.
    """
    shown = re.sub(r"//[^/@]*@", "//...@", url.partition("?")[0])
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
        raise SourceError(shown, "not an address of a TAP service, as https://almascience.org/tap is")
    try:
        url = checked_url(url)
    except UrlMistake as error:
        raise SourceError(shown, str(error).removeprefix(f"{shown}: ")) from error
    digest = hashlib.blake2b(f"{url} {table}".encode(), digest_size=8).hexdigest()
    pages = _Pages(url, table, home / "harvest" / f"tap-{digest}", page_rows, progress)
    return ArchiveTable(url, pages.units, pages.tables, pages.forget)


@dataclass(frozen=True, slots=True)
class _Phase:
    """Rows with a time of change, in its order, or rows without one; ``keys`` is what pages are ordered
    by.
    """

    name: str
    keys: tuple[str, ...]
    always: str | None


class _Pages:
    """The pages of one table of one service, as far as they have been fetched."""

    def __init__(self, url: str, table: str, directory: Path, page_rows: int, progress: Progress) -> None:
        self._service = pyvo.dal.TAPService(url)
        self._url = url
        self._table = table
        self._directory = directory
        self._page_rows = page_rows
        self._progress = progress
        self._state: dict[str, Any] = {"since": None, "pages": []}
        self.units: dict[str, str] = {}

    def tables(self) -> Iterator[pa.Table]:
        """All rows, the last changed first, so that a row met twice is taken in its newer state."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if (self._directory / _STATE).is_file():
            self._state = json.loads((self._directory / _STATE).read_text())
        for phase in self._phases():
            self._fetch(phase)
        self.units.update(self._state.get("units", {}))
        for page in reversed(self._state["pages"]):
            with pq.ParquetFile(self._directory / page["file"]) as file:
                for batch in file.iter_batches(BATCH_ROWS):
                    yield pa.Table.from_batches([batch])

    def forget(self) -> None:
        """Drop the pages, whose rows are published now, and remember up to when rows are known."""
        changed = [page["last"][0] for page in self._state["pages"] if page["phase"] == "changed"]
        since = max([time for time in (*changed, self._state["since"]) if time is not None], default=None)
        shutil.rmtree(self._directory)
        self._directory.mkdir(parents=True)
        self._state = {"since": since, "pages": []}
        self._keep_state()

    def _phases(self) -> tuple[_Phase, ...]:
        """What the service can be asked in the order of, found from the names of its columns."""
        names = self._columns()
        keys = tuple(names[key] for key in _KEYS if key in names)
        if not keys:
            raise SourceError(self._url, f"{self._table} has neither obs_id nor obs_publisher_did")
        changed = names.get(_CHANGED)
        if changed is None:
            return (_Phase("all", keys, None),)
        return (
            _Phase("unchanged", keys, f"{changed} IS NULL"),
            _Phase("changed", (changed, *keys), f"{changed} IS NOT NULL"),
        )

    def _columns(self) -> Mapping[str, str]:
        found = self._ask(f"SELECT TOP 1 * FROM {self._table}")  # noqa: S608 - the name is ours
        return {field.name.lower(): field.name for field in found.fields}

    def _fetch(self, phase: _Phase) -> None:
        """Ask for page after page until one is empty, keeping each with the key it ends with."""
        mine = [page for page in self._state["pages"] if page["phase"] == phase.name]
        last: Key | None = mine[-1]["last"] if mine else None
        while True:
            found = self._ask(self._query(phase, last))
            source = open_votable_table(self._url, found)
            rows = pa.concat_tables(source.tables()) if len(found.array) else None
            if rows is None:
                return
            ended = [_text(rows[key][-1].as_py()) for key in phase.keys]
            if ended == last:
                raise SourceError(
                    self._url, f"the service keeps sending the rows before {_named(phase, last)}"
                )
            last = ended
            file = f"page-{len(self._state['pages']):06d}.parquet"
            pq.write_table(rows, self._directory / file, compression="zstd")
            self._state["units"] = {**self._state.get("units", {}), **source.units}
            self._state["pages"].append(
                {"file": file, "phase": phase.name, "last": last, "rows": rows.num_rows}
            )
            self._keep_state()
            self._progress("fetching", sum(page["rows"] for page in self._state["pages"]), None)

    def _query(self, phase: _Phase, last: Key | None) -> str:
        conditions = [phase.always] if phase.always else []
        if last is not None:
            conditions.append(_after(phase.keys, last))
        elif phase.name == "changed" and self._state["since"] is not None:
            conditions.append(f"{phase.keys[0]} >= {_quoted(self._state['since'])}")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = ", ".join(phase.keys)
        # ADQL for the archive: its own column names, and values with their quotes doubled
        return f"SELECT TOP {self._page_rows} * FROM {self._table}{where} ORDER BY {order}"  # noqa: S608

    def _ask(self, query: str) -> Any:
        """The table that answers a query; a service that fails is asked again, a refusal is final."""
        for attempt in range(1, _TRIES + 1):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return self._service.search(query, maxrec=self._page_rows).resultstable
            except (DALQueryError, DALFormatError, DALServiceError, requests.RequestException) as error:
                if not _is_outage(error):
                    raise SourceError(self._url, f"the service refuses {query!r}: {_line(error)}") from error
                if attempt == _TRIES:
                    raise SourceError(self._url, f"the service does not answer: {_line(error)}") from error
                time.sleep(_WAIT_SECONDS * attempt)
        raise AssertionError("the loop returns or raises")

    def _keep_state(self) -> None:
        """Write the state beside and rename it, so that a kill leaves the old or the new one."""
        fresh = self._directory / f"{_STATE}.new"
        fresh.write_text(json.dumps(self._state))
        fresh.replace(self._directory / _STATE)


def _is_outage(error: Exception) -> bool:
    """Whether the network or the server failed, and not the query: pyvo wraps one in the other."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.HTTPError):
            return cause.response is None or cause.response.status_code >= 500
        if isinstance(cause, requests.RequestException | urllib3.exceptions.HTTPError | OSError):
            return True
        cause = getattr(cause, "cause", None) or cause.__cause__ or cause.__context__
    return isinstance(error, DALServiceError)


def _after(keys: Sequence[str], last: Key) -> str:
    """The condition that a row comes after ``last`` in the order of ``keys``; null counts as passed."""
    key, value = keys[0], last[0]
    if len(keys) == 1:
        return "1 = 0" if value is None else f"{key} > {_quoted(value)}"
    inner = _after(keys[1:], last[1:])
    if value is None:
        return f"({key} IS NULL AND {inner})"
    return f"({key} > {_quoted(value)} OR ({key} = {_quoted(value)} AND {inner}))"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _named(phase: _Phase, last: Key | None) -> str:
    return ", ".join(f"{key} {value}" for key, value in zip(phase.keys, last or []))


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
