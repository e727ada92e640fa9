"""``/packages/list``: the files of a package as rows of a table."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml

from tap_schema import Column, published
from vo_service import __version__
from vo_service.access import PUBLIC, Rights
from vo_service.asking.door import Wish
from vo_service.asking.queries import Asker
from vo_service.asking.tables import Portion, Portions, TableBytes, Told
from vo_service.dali.column_words import column_of
from vo_service.dali.faults import link_faulted
from vo_service.dali.parameters import MAXREC
from vo_service.dali.streams import Cancellation
from vo_service.formats import OK, OVERFLOW, Format, Info, TableDescription
from vo_service.packages.contents import Absent, Item, Package, Packer
from vo_service.packages.request import Request, read_request
from vo_service.products.digests import Digests
from vo_service.products.stored import StoredFile

_FILE: Final = Path(__file__).resolve().parent / "list_columns.yaml"
_BATCH_ROWS: Final = 1000
_NULLS: Final = "Rows of the query whose identifier is null; they name nothing."


@cache
def list_columns() -> tuple[Column, ...]:
    """The columns of the list."""
    return tuple(_column(words) for words in yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def _column(words: Mapping[str, Any]) -> Column:
    if words["table"] is None:
        return column_of(words)
    of_table: Column = published()[words["table"]].column(words["name"])
    return replace(of_table, nullable=True, restricted=False, computed=None, measured=None)


@dataclass(frozen=True, slots=True)
class Listing:
    """Makes lists of packages: what all lists of a process share."""

    packer: Packer
    digests: Digests
    rights: Rights

    def query(self, wish: Wish) -> ListQuery:
        """One list, nothing of which has been done yet. Raises ServiceError (400)."""
        asked = read_request(wish.form, self.packer.limits)
        most = wish.form.one(MAXREC)
        most = self.packer.limits.files if most is None else min(most, self.packer.limits.files)
        return ListQuery(self, asked, wish.asker, wish.format, 0 if wish.head else most)

    def rows(self, package: Package, asker: Asker, most: int) -> Iterator[dict[str, Any]]:
        """A row for each file, then one for each identifier without, then those for identifiers whose files
        are listed under others; no more than ``most`` are taken."""
        known = self.digests.known_of(item.file for item in package.items[:most] if not item.is_closed)
        yield from (self._of_item(item, known, asker) for item in package.items)
        yield from (self._of_absent(absent, asker) for absent in package.absent)
        yield from ({"id": each.id, "listed_under": each.other} for each in package.listed)

    def _of_item(self, item: Item, known: Mapping[str, str], asker: Asker) -> dict[str, Any]:
        file = item.file
        return {
            "id": item.id,
            "path": item.path,
            "product_id": file.product_id,
            "dataset_id": file.dataset_id,
            "obs_publisher_did": None if item.dataset is None else item.dataset.did,
            "role": file.role,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": None if item.is_closed else known.get(file.product_id),
            "access_url": file_address(asker.base_url, file),
            "version": file.version,
            "data_rights": self._rights_word(file, asker),
            "authorized": not item.is_closed,
            "obs_release_date": file.release_date,
            "error_message": None if item.fault is None else link_faulted(item.fault),
        }

    def _of_absent(self, absent: Absent, asker: Asker) -> dict[str, Any]:
        found: dict[str, Any] = {"id": absent.id, "error_message": link_faulted(absent.fault)}
        if absent.row is not None:
            row = absent.row
            date = row.get("obs_release_date")
            found |= {
                "obs_publisher_did": row.get("obs_publisher_did"),
                "media_type": row.get("access_format"),
                "access_url": archive_address(asker.base_url, row),
                "data_rights": self.rights.word(row.get("origin"), date, asker.now),
                "obs_release_date": date,
            }
        return found

    def _rights_word(self, file: StoredFile, asker: Asker) -> str:
        """That of what is closed longest: a tar has the rights of all that is in it."""
        words = {self.rights.word(each.origin, each.release_date, asker.now) for each in file.claims}
        return words.pop() if len(words) == 1 else next(word for word in words if word != PUBLIC)


@dataclass(slots=True)
class ListQuery:
    """A list about to be made, once; ``most`` rows of it."""

    _shared: Listing
    _asked: Request
    _asker: Asker
    _format: Format
    _most: int
    told: Told = field(default_factory=Told)

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the list. Raises ServiceError as `TableBytes.pieces`."""
        packer = self._shared.packer
        package = packer.pack(self._asked, self._asker, cancellation)
        package = packer.looked_at(package, cancellation, self._most)
        rows = islice(self._shared.rows(package, self._asker, self._most), self._most)
        count = len(package.items) + len(package.absent) + len(package.listed)
        is_cut = count > self._most or self._most == 0
        table = TableBytes(self._format, self.told, place=self._asker.place)
        yield from table.pieces(
            _portions(rows),
            lambda: _described(self._asked, package, self._asker.now),
            lambda: OVERFLOW if is_cut else OK,
        )


def file_address(base_url: str, file: StoredFile) -> str:
    """Where a file is to be had."""
    return f"{base_url}/files/{file.product_id}"


def archive_address(base_url: str, row: Mapping[str, Any]) -> str | None:
    """Where an archive's row leads."""
    path = row.get("_access_path")
    return path if path is None or "://" in path else f"{base_url}/{path}"


def _described(asked: Request, package: Package, now: datetime) -> TableDescription:
    given = package.given
    infos = (
        *((Info("QUERY", asked.adql),) if asked.adql else ()),
        Info("QUERY_TIMESTAMP", f"{now:%Y-%m-%dT%H:%M:%SZ}"),
        Info("server", f"vo-service/{__version__}"),
        *((Info("snapshot", str(package.snapshot)),) if package.snapshot is not None else ()),
        Info("package", package.name, "Folder of the files in /packages/tar and /packages/script."),
        Info("files", str(len(given)), "Files that are given to whoever asks."),
        Info("bytes", str(package.size), "Bytes of these files, as far as their sizes are known."),
        Info("left_out", str(len(package.items) - len(given) + len(package.absent)), "Rows without a file."),
        *((Info("null_identifiers", str(package.nulls), _NULLS),) if asked.adql else ()),
    )
    return TableDescription(list_columns(), infos, "package", "Files of a package, and what has none.")


def _portions(rows: Iterator[Mapping[str, Any]]) -> Portions:
    fields = pa.schema([column.arrow_field for column in list_columns()])
    while some := list(islice(rows, _BATCH_ROWS)):
        batch = pa.RecordBatch.from_pylist(
            [{name: row.get(name) for name in fields.names} for row in some], fields
        )
        yield Portion(batch, leaves=len(some) == _BATCH_ROWS)  # fewer are the last
