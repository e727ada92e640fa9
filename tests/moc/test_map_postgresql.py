"""Maps of answers and of data sets on PostgreSQL: as on DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from made_archive import MadeArchive, made_archive
from moc_judge import judge_fits
from postgres_cluster import Database


@pytest.fixture(scope="module")
def on_postgresql(
    make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeArchive]:
    database = make_database()
    addresses = {"postgresql_url": database.owner_url, "postgresql_reader_url": database.reader_url}
    home = tmp_path_factory.mktemp("maps-on-postgresql") / "home"
    with made_archive(home, engine="postgresql", **addresses) as archive:
        yield archive


@pytest.mark.parametrize(
    "path",
    [
        "?POS=CIRCLE+10+-5+6&ORDER=9",
        "?BAND=0.0012+0.0014&TARGET=m83&ORDER=10",
        "?COLLECTION=ALMA&POL=XX&ORDER=8",
        "/dataset/d-006-a.fits",
        "/time/dataset/d-009-a.fits",
        "/frequency/dataset/d-010-a.fits",
    ],
)
def test_maps(made: MadeArchive, on_postgresql: MadeArchive, path: str) -> None:
    wanted, found = (archive.ask(f"/moc{path}") for archive in (made, on_postgresql))
    assert wanted.status_code == found.status_code == 200, found.text
    assert judge_fits(found.content) == judge_fits(wanted.content)
