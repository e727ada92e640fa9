"""The story of one product from file to row: what was found, read, decided, repaired, matched and published.

Everything is read from the current snapshot and the run log, nothing from the file: the story is that of what
is published.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from vo_service.store import Catalogue, RunLog, Snapshot

Row = dict[str, Any]

_SHOWN = 5
_COMPARED = 20_000

_FILE = "root path _container size_bytes media_type _sha256 version duplicate_of".split()
_ROLE = "role evidence _evidence_measured state error_class error_message".split()
_HEADER = "hdu axes bitpix data_offset".split()
_TOMBSTONE = ["withdrawn", "successor", "reason"]
_OBSCORE = (
    "obs_publisher_did obs_id dataproduct_type dataproduct_subtype calib_level target_name proposal_id "
    "origin s_ra s_dec s_fov s_resolution t_min t_max t_exptime em_min em_max em_xel frequency specsys "
    "rest_frequency band_list pol_states o_ucd o_unit obs_release_date archive_publisher_did"
).split()
_ARCHIVE = "archive_row_id source run_id archive_obs_id archive_publisher_did target_name".split()


class NoProduct(LookupError):
    """No product, or no single one, goes by a text; ``near`` are identifiers and places that may be meant."""

    def __init__(self, message: str, near: Sequence[str]) -> None:
        super().__init__(message)
        self.near = tuple(near)


class SeveralProducts(NoProduct):
    """More than one product goes by a text."""


@dataclass(frozen=True, slots=True)
class Story:
    """``product`` has the row of ``holdings.product``, of a withdrawn file that of ``holdings.tombstone``
    (then ``withdrawn``). The other parts are rows of the tables that their names say; ``cards`` counts header
    cards, ``lines`` line candidates. ``runs`` are entries of the run log, oldest first."""

    product: Row
    withdrawn: bool
    cards: int
    dataset: Row | None
    members: list[Row]
    archive: list[Row]
    repairs: list[Row]
    measurement: Row | None
    lines: int
    qa2: Row | None
    published: list[Row]
    runs: list[Row]

    def sections(self) -> dict[str, object]:
        """The story under names, as it is written in JSON."""
        return {
            "product_id": self.product["product_id"],
            "withdrawn": self.withdrawn,
            "file": _part(self.product, _FILE) | {"modified": _modified(self.product)},
            "header": _part(self.product, _HEADER) | {"cards": self.cards},
            "role": _part(self.product, _ROLE),
            "identity": _part(self.product, ["proposal_id", "member_ous_uid", "target_name"]),
            "dataset": self.dataset,
            "members": self.members,
            "archive_rows": self.archive,
            "repairs": self.repairs,
            "measurement": None if self.measurement is None else _published_part(self.measurement),
            "line_candidates": self.lines,
            "qa2": self.qa2,
            "tombstone": _part(self.product, ["withdrawn", "successor", "reason"])
            if self.withdrawn
            else None,
            "published": self.published,
            "runs": self.runs,
        }


def tell_story(snapshot: Snapshot, catalogue: Catalogue, text: str) -> Story:
    """The story of the product that goes by ``text``: its identifier, that of a data set that it is the file
    to use of, a path (below its root, with the root's name, or where it lies on this machine) or the last
    part of one. Raises NoProduct."""
    product, withdrawn = _find(snapshot, catalogue, text)
    name = product["product_id"]
    dataset = _one(snapshot, "holdings.dataset", "dataset_id", None if withdrawn else product["dataset_id"])
    member_columns = ["product_id", "root", "path", "role", "is_primary", "version"]
    members = _all(snapshot, "holdings.product", "dataset_id", _id(dataset, "dataset_id"), member_columns)
    matched = _all(
        snapshot, "holdings.archive_row", "matched_dataset_id", _id(dataset, "dataset_id"), _ARCHIVE
    )
    repairs = _all(snapshot, "holdings.repair", "product_id", name)
    repairs += _all(snapshot, "holdings.repair", "dataset_id", _id(dataset, "dataset_id"))
    log = RunLog(catalogue)
    return Story(
        product=product,
        withdrawn=withdrawn,
        cards=snapshot.read("holdings.header_card", ["card_index"], "product_id = ?", [name]).num_rows,
        dataset=dataset,
        members=sorted(members, key=lambda row: (not row["is_primary"], row["root"], row["path"])),
        archive=matched,
        repairs=sorted(repairs, key=lambda row: (row["product_id"] is None, row["item"], row["rule_id"])),
        measurement=_one(snapshot, "holdings.measurement", "product_id", name),
        lines=snapshot.read("holdings.line_candidate", ["candidate_id"], "product_id = ?", [name]).num_rows,
        qa2=_one(snapshot, "holdings.qa2", "product_id", name),
        published=_all(snapshot, "ivoa.obscore", "dataset_id", _id(dataset, "dataset_id"), _OBSCORE),
        runs=[dict(row) for row in log.list_appearances(name, product["root"], product["path"])],
    )


def find_appearances(catalogue: Catalogue, text: str) -> list[Row]:
    """What the runs did at the place of that name (below its root, with the root's name, or where it lies on
    this machine), oldest first. It may be one that no product is listed for."""
    names = (text, _place_of(catalogue, text) or text)
    return [dict(row) for row in RunLog(catalogue).find_appearances(names)]


def _find(snapshot: Snapshot, catalogue: Catalogue, text: str) -> tuple[Row, bool]:
    """The one product that goes by the text, and whether it is withdrawn."""
    name = text.rpartition("?")[2] if text.startswith("ivo://") else text
    place = _place_of(catalogue, text) or text
    exact = "product_id = ? OR path = ? OR concat(root, '/', path) = ?"
    for condition, values in (
        (f"{exact} OR (is_primary = 1 AND dataset_id = ?)", [name, place, place, name]),
        ("ends_with(path, ?)", [f"/{place}"]),
    ):
        found = snapshot.read("holdings.product", None, condition, values).to_pylist()
        if len(found) == 1:
            return found[0], False
        if found:
            near = [f"{row['root']}/{row['path']}" for row in found]
            raise SeveralProducts(f"{len(found)} products go by {text!r}", near)
    gone = snapshot.read("holdings.tombstone", None, exact, [name, place, place]).to_pylist()
    if len(gone) == 1:
        return gone[0], True
    raise NoProduct(f"no product goes by {text!r}", _near(snapshot, text))


def _place_of(catalogue: Catalogue, text: str) -> str | None:
    """Root and path of a file on this machine, where it lies below an ingest root."""
    path = Path(text).absolute()
    for name, directory in catalogue.roots().items():
        if isinstance(directory, Path) and path.is_relative_to(directory):
            return f"{name}/{path.relative_to(directory).as_posix()}"
    return None


def _near(snapshot: Snapshot, text: str) -> list[str]:
    """Places and identifiers like the text: those that hold it, then those that look like it."""
    columns = ["product_id", "root", "path"]
    holding = "contains(lower(concat(root, '/', path)), ?) OR contains(product_id, ?)"
    words = [text.lower()] * 2
    found = _some(snapshot.read_batches("holdings.product", columns, holding, words), _SHOWN)
    if found:
        return sorted(f"{row['root']}/{row['path']}" for row in found)
    every = _some(snapshot.read_batches("holdings.product", columns), _COMPARED)
    by_name = {row["product_id"]: row["product_id"] for row in every}
    for row in every:
        by_name[row["path"].rpartition("/")[2]] = f"{row['root']}/{row['path']}"
    last = text.rpartition("/")[2]
    return [by_name[name] for name in difflib.get_close_matches(last, by_name, _SHOWN, 0.5)]


def _some(batches: Iterator[pa.RecordBatch], count: int) -> list[Row]:
    rows = itertools.chain.from_iterable(batch.to_pylist() for batch in batches)
    return list(itertools.islice(rows, count))


def _all(
    snapshot: Snapshot, table: str, column: str, value: str | None, columns: Sequence[str] | None = None
) -> list[Row]:
    if value is None:
        return []
    rows: list[Row] = snapshot.read(table, columns, f"{column} = ?", [value]).to_pylist()
    return rows


def _one(
    snapshot: Snapshot, table: str, column: str, value: str | None, columns: Sequence[str] | None = None
) -> Row | None:
    return next(iter(_all(snapshot, table, column, value, columns)), None)


def _id(row: Mapping[str, Any] | None, name: str) -> str | None:
    return None if row is None else row[name]


def _part(row: Mapping[str, Any], names: Sequence[str]) -> Row:
    return {name.lstrip("_"): row.get(name) for name in names}


def _published_part(row: Mapping[str, Any]) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_")}


def _modified(product: Mapping[str, Any]) -> str | None:
    """When the file was changed last, UTC."""
    nanoseconds = product.get("_modified_ns")
    if nanoseconds is None:
        return None
    return f"{datetime.fromtimestamp(nanoseconds / 1e9, UTC):%Y-%m-%dT%H:%M:%SZ}"
