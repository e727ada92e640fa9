"""Data sets by name, and what the holdings know of each: its files, and its row of ``ivoa.obscore``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from vo_service.engines import StoredRows
from vo_service.holdings.obscore_rows import POLARISATIONS
from vo_service.products.selection import RowFacts
from vo_service.products.stored import StoredFile, find_file, find_files
from vo_service.sky import RegionError, parse_region

COLUMNS = (
    "obs_publisher_did",
    "dataset_id",
    "dataproduct_type",
    "target_name",
    "obs_title",
    "facility_name",
    "s_ra",
    "s_dec",
    "s_fov",
    "s_region",
    "s_xel1",
    "s_xel2",
    "em_min",
    "em_max",
    "em_xel",
    "specsys",
    "rest_frequency",
    "t_min",
    "t_max",
    "pol_states",
    "o_unit",
)
"""What is read of the row of a data set."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """``science`` is the file that is asked for: the one that is the data set itself, or another of its files
    by name. ``companions`` by role, the science file not among them. ``row``: COLUMNS of ``ivoa.obscore``,
    empty where the file belongs to no data set.
    """

    science: StoredFile
    companions: Mapping[str, Sequence[StoredFile]]
    row: Mapping[str, Any]

    @property
    def did(self) -> str | None:
        """Its identifier for publication."""
        return self.row.get("obs_publisher_did")

    def facts(self) -> RowFacts:
        """What the row says of axes that the image may lack."""
        row = self.row
        return RowFacts(
            shape=_region(row.get("s_region")),
            wavelengths=_pair(row.get("em_min"), row.get("em_max")),
            times=_pair(row.get("t_min"), row.get("t_max")),
            polarisations=_labels(row.get("pol_states")) or None,
        )


def find_dataset(rows: StoredRows, name: str) -> DataSet | None:
    """A data set by its dataset_id, or by the product_id of one of its files; None where the holdings have no
    file of it. Raises EngineError."""
    files = find_files(rows, {"dataset_id": name})
    science = next((file for file in files if file.is_primary), None)
    if science is None:
        science = find_file(rows, name)
        if science is None:
            return None
        files = find_files(rows, {"dataset_id": science.dataset_id}) if science.dataset_id is not None else []
    companions: dict[str, list[StoredFile]] = {}
    for file in files:
        if file.product_id != science.product_id:
            companions.setdefault(file.role, []).append(file)
    return DataSet(science, companions, _row(rows, science.dataset_id))


def _row(rows: StoredRows, dataset_id: str | None) -> Mapping[str, Any]:
    if dataset_id is None:
        return {}
    listed = rows.find("holdings.dataset", ("obs_publisher_did",), {"dataset_id": dataset_id}).to_pylist()
    if not listed:
        return {}
    found = rows.find("ivoa.obscore", COLUMNS, {"obs_publisher_did": listed[0]["obs_publisher_did"]})
    described: list[dict[str, Any]] = found.to_pylist()
    return described[0] if described else {}


class KnownDataSets:
    """The data sets asked for last, of one snapshot. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._snapshot = -1
        self._known: OrderedDict[str, DataSet] = OrderedDict()

    def find(self, snapshot: int, rows: StoredRows, name: str) -> DataSet | None:
        """As `find_dataset`, of ``rows`` of that snapshot."""
        with self._lock:
            if snapshot > self._snapshot:
                self._known.clear()
                self._snapshot = snapshot
            known = self._known.get(name) if snapshot == self._snapshot else None
            if known is not None:
                self._known.move_to_end(name)
                return known
        found = find_dataset(rows, name)
        with self._lock:
            if found is not None and snapshot == self._snapshot:
                self._known[name] = found
                if len(self._known) > self._most:
                    self._known.popitem(last=False)
        return found


def _region(text: str | None) -> Any:
    try:
        return parse_region(text) if text else None
    except RegionError:
        return None


def _labels(states: str | None) -> tuple[str, ...]:
    """The polarisations that a row lists: an archive's may name others than there are."""
    return tuple(label for label in (states or "").split("/") if label in POLARISATIONS)


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)
