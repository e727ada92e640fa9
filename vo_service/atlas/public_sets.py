"""The data sets that everybody may see at a moment, as the rows of a snapshot describe them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vo_service.access import Rights
from vo_service.products.stored import FILE_COLUMNS, StoredFile, stored_file
from vo_service.store import Snapshot

Row = Mapping[str, Any]

_SCIENCE = ("image", "cube")
_PRIMARY_BEAM = "pb"
_CORRECTED = "pbcor"
_OBSCORE = (
    "dataset_id",
    "obs_publisher_did",
    "origin",
    "obs_release_date",
    "obs_collection",
    "facility_name",
    "instrument_name",
    "proposal_id",
    "bib_reference",
    "band_list",
    "em_min",
    "em_max",
    "t_min",
    "t_max",
)
_RIGHT = ("product_id", "origin", "obs_release_date")
_MEASURED = (*_RIGHT, "rms", "rms_unit", "error_class")
_CANDIDATES = (
    *_RIGHT,
    "channel_first",
    "channel_last",
    "f_low",
    "f_high",
    "specsys",
    "lines",
    "redshift",
)


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A data set with its science image or cube.

    ``row`` has what is read of ``ivoa.obscore``; ``primary_beams`` are companions that are as public as it.
    ``rms`` is the measured noise in ``rms_unit``, ``candidates`` are the rows of ``holdings.line_candidate``,
    ``original`` is the file that the same pixels came with first, its own where that is none. ``is_blank``:
    none of its pixels is a number.
    """

    science: StoredFile
    row: Row
    primary_beams: tuple[StoredFile, ...] = ()
    rms: float | None = None
    rms_unit: str | None = None
    candidates: tuple[Row, ...] = ()
    original: str = ""
    is_blank: bool = False

    @property
    def dataset_id(self) -> str:
        """Its identifier."""
        return str(self.row["dataset_id"])

    @property
    def is_corrected(self) -> bool:
        """Whether the name of the file says that it is corrected for the primary beam, as that of the
        observatory's do."""
        return _CORRECTED in self.science.name.lower()


def public_sets(snapshot: Snapshot, rights: Rights, now: datetime) -> list[PublicSet]:
    """All science images and cubes that are public at ``now`` by both their row and their file, by
    dataset_id. Raises StoreError."""
    gate = _Gate(rights, now)
    rows = {row["dataset_id"]: row for row in gate.passing(snapshot, "ivoa.obscore", _OBSCORE, _OF_OURS)}
    science: dict[str, StoredFile] = {}
    originals: dict[str, str] = {}
    beams: dict[str, list[StoredFile]] = {}
    columns = (*FILE_COLUMNS, "duplicate_of")
    for row in gate.passing(snapshot, "holdings.product", columns, _OF_IMAGES, (*_SCIENCE, _PRIMARY_BEAM)):
        file = stored_file(row)
        if file.dataset_id is None or file.dataset_id not in rows:
            continue
        if file.role == _PRIMARY_BEAM:
            beams.setdefault(file.dataset_id, []).append(file)
        elif file.is_primary:
            science[file.dataset_id] = file
            originals[file.product_id] = row["duplicate_of"] or file.product_id
    measured = {
        row["product_id"]: row for row in gate.passing(snapshot, "holdings.measurement", _MEASURED, None)
    }
    candidates = _candidates(gate, snapshot)
    return [
        _joined(
            science[name],
            rows[name],
            beams.get(name, ()),
            measured.get(science[name].product_id, {}),
            candidates.get(science[name].product_id, ()),
            originals[science[name].product_id],
        )
        for name in sorted(science)
    ]


_OF_OURS = "dataset_id IS NOT NULL"
_OF_IMAGES = "state = 'ok' AND dataset_id IS NOT NULL AND role IN (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class _Gate:
    """The rule of design 4.3 for somebody unknown, at one moment."""

    rights: Rights
    now: datetime

    def passing(
        self,
        snapshot: Snapshot,
        table: str,
        columns: Sequence[str],
        where: str | None,
        params: Sequence[object] = (),
    ) -> Iterator[Row]:
        """The rows of a table that are public."""
        for batch in snapshot.read_batches(table, columns, where, params):
            for row in batch.to_pylist():
                if self.rights.is_open(row["origin"], row["obs_release_date"], self.now):
                    yield row


def _candidates(gate: _Gate, snapshot: Snapshot) -> dict[str, list[Row]]:
    """Line candidates of each cube, by channel."""
    found: dict[str, list[Row]] = {}
    for row in gate.passing(snapshot, "holdings.line_candidate", _CANDIDATES, "channel_first IS NOT NULL"):
        found.setdefault(row["product_id"], []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (row["channel_first"], row["channel_last"]))
    return found


def _joined(
    science: StoredFile,
    row: Row,
    primary_beams: Sequence[StoredFile],
    measured: Row,
    candidates: Sequence[Row],
    original: str,
) -> PublicSet:
    return PublicSet(
        science,
        row,
        tuple(sorted(primary_beams, key=lambda file: file.product_id)),
        measured.get("rms"),
        measured.get("rms_unit"),
        tuple(candidates),
        original,
        measured.get("error_class") == "no_valid_pixels",
    )
