"""Real products and archive rows, from the command line to a TAP answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pyvo
from service_processes import run_command, running_server

FULL_ROWS = {
    "alma_obscore_select_star.ecsv.gz": 149,
    "NGC_1068_query_region.csv.gz": 150,
    "Hen_2-10_query_region.csv.gz": 4,
    "test_query_region_RCrA.csv.gz": 48,
}

pytestmark = pytest.mark.data


@dataclass(frozen=True)
class RealService:
    """A running service on everything real, and what the commands said."""

    tap: pyvo.dal.TAPService
    complaints: str

    def rows(self, query: str) -> list[dict[str, object]]:
        return [dict(row) for row in self.tap.search(query, maxrec=100_000)]


@pytest.fixture(scope="module")
def real_service(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealService]:
    home = tmp_path_factory.mktemp("real") / "home"
    said = run_command(home, "ingest", str(real_data / "fits")).stderr
    for name in FULL_ROWS:
        said += run_command(home, "harvest", str(real_data / "obscore" / name)).stderr
    with running_server(home) as address:
        yield RealService(pyvo.dal.TAPService(f"{address}/tap"), said)


def test_every_real_file_has_a_row_in_the_run_log(real_service: RealService, real_data: Path) -> None:
    files = {path.relative_to(real_data / "fits").as_posix() for path in (real_data / "fits").rglob("*")}
    files = {path for path in files if (real_data / "fits" / path).is_file()}
    logged = real_service.rows(
        "SELECT p.path, p.state, p.error_class FROM holdings.run_product AS p JOIN holdings.run AS r "
        "ON p.run_id = r.run_id WHERE p.path IS NOT NULL AND r.kind = 'ingest'"
    )
    assert Counter(str(row["path"]) for row in logged) == Counter(files)
    images = [row for row in logged if ".fits" in str(row["path"]) and "/" not in str(row["path"])]
    assert len(images) >= 45
    assert {row["state"] for row in logged} <= {"ok", "failed"}
    assert all(row["error_class"] for row in logged if row["state"] == "failed")
    assert not [row for row in logged if row["error_class"] == "internal"]
    assert "Traceback" not in real_service.complaints


def test_all_351_full_rows_are_queryable_by_tap(real_service: RealService) -> None:
    counts = real_service.rows("SELECT source, COUNT(*) AS n FROM holdings.archive_row GROUP BY source")
    assert sum(int(str(row["n"])) for row in counts) == sum(FULL_ROWS.values()) == 351
    listed = real_service.rows(
        "SELECT a.archive_row_id, a.source, a.target_name AS theirs, a.member_ous_uid, o.target_name AS ours,"
        " o.obs_id, o.em_min, o.s_region FROM holdings.archive_row AS a"
        " JOIN ivoa.obscore AS o ON o.obs_publisher_did = a.obs_publisher_did"
    )
    assert len({row["archive_row_id"] for row in listed}) == 351
    assert all(row["obs_id"] == row["member_ous_uid"] for row in listed)
    assert all(row["theirs"] == row["ours"] for row in listed)
    assert all(row["s_region"] and row["em_min"] for row in listed)
