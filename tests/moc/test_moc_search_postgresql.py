"""The search by map on PostgreSQL: as on DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from made_archive import MadeArchive, made_archive
from postgres_cluster import Database
from sky_map_files import bell, multi_order
from test_moc_search import cone, rows_of

SEARCH = "/moc/search"


@pytest.fixture(scope="module")
def on_postgresql(
    make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeArchive]:
    database = make_database()
    addresses = {"postgresql_url": database.owner_url, "postgresql_reader_url": database.reader_url}
    home = tmp_path_factory.mktemp("made-on-postgresql") / "home"
    with made_archive(home, engine="postgresql", **addresses) as archive:
        yield archive


@pytest.mark.parametrize("order", [5, 8, 14])
@pytest.mark.parametrize("path", [SEARCH, "/sia2/query"])
def test_maps_short_and_long(made: MadeArchive, on_postgresql: MadeArchive, path: str, order: int) -> None:
    pairs = (("MOC", cone(10.0, -5.0, 6.0, order).to_string()), ("POL", "XX"), ("TARGET", "m83"))
    for given in (pairs[:1], pairs[:2], pairs):
        wanted, found = (archive.csv(path, given) for archive in (made, on_postgresql))
        key = "obs_publisher_did"
        assert sorted(found, key=lambda row: row[key]) == sorted(wanted, key=lambda row: row[key])
        assert found


def test_a_sky_map(made: MadeArchive, on_postgresql: MadeArchive) -> None:
    content = multi_order(bell(5, 10.0, -5.0, 4.0))
    wanted, found = (
        rows_of(
            archive.ask(
                SEARCH,
                method="POST",
                data={"UPLOAD": "gw,param:f", "RESPONSEFORMAT": "csv"},
                files={"f": ("map.fits", content)},
            )
        )
        for archive in (made, on_postgresql)
    )
    assert found == wanted and len(found) > 50
