"""Snapshots of other versions, whose tables lack columns of this one: told, not served, and made new without
opening a product."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ingest_homes import Home, open_home
from pixel_products import MEMBER, harvest_row, write_cube
from postgres_cluster import Database

from tap_schema import Published, Table, published
from vo_service.app import create_app
from vo_service.cli import main
from vo_service.commands.command import CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import require_snapshot
from vo_service.dali.errors import ServiceError
from vo_service.engines import DuckDBEngine, Engines, Limits, SnapshotOutdated, Statement
from vo_service.holdings.measurement import PixelLimits
from vo_service.settings import Settings
from vo_service.store import Snapshots, StoreError

LATER: Mapping[str, Collection[str]] = {
    "_hidden.footprint": ("area", "centre_lon", "centre_lat"),
    "ivoa.obscore": ("_region_measured", "_shape_measured", "_footprint_id", "specsys", "em_support"),
    "holdings.product": ("_evidence_measured", "media_type"),
    "holdings.header_card": ("_value_measured", "_comment_measured"),
}
"""Columns that the older layout of these tests does not have; nor does it have the table of pairs."""
PAIRS = "_hidden.staged_footprint"
LIMITS = Limits(seconds=20.0, batch_rows=1000)


def without(table: Table) -> Table:
    """A table as it was before LATER."""
    gone = LATER.get(table.qualified, ())
    return replace(
        table,
        columns=tuple(one for one in table.columns if one.name not in gone),
        hidden=tuple(one for one in table.hidden if one.name not in gone),
    )


def older() -> Published:
    """What is published, as it was before LATER."""
    now = published()
    schemas = tuple(
        replace(schema, tables=tuple(without(table) for table in schema.tables)) for schema in now.schemas
    )
    return Published(schemas, tuple(without(t) for name, t in now.hidden.items() if name != PAIRS))


def make_older(home: Home) -> int:
    """Publish the current snapshot in the older layout; its number."""
    snapshots = Snapshots(home.path, home.catalogue, older())
    with snapshots.writer("a test", 0.0):
        number = snapshots.publish(snapshots.draft(), snapshots.current()).number
    snapshots.close()
    return number


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Two cubes with their pixels, one of which is not released, and an archive row."""
    opened = open_home(tmp_path / "home")
    tree = tmp_path / "tree"
    write_cube(tree / MEMBER / "M83__sci.spw17.cube.I.pbcor.fits", 1)
    write_cube(tree / "b" / "NGC253_sci.spw5.cube.I.fits", 2, OBJECT="NGC253")
    opened.ingest(tree, pixels=PixelLimits())
    harvest_row(tmp_path / "archive.csv", "2999-01-01")
    opened.harvest(tmp_path / "archive.csv")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def contents(home: Home) -> dict[str, list[str]]:
    """All rows of all tables but those of runs and of TAP_SCHEMA, without when and by which run they
    were made."""
    names = [name for name in published().storage if not name.startswith(("holdings.run", "tap_schema."))]
    return {name: sorted(repr(plain(row)) for row in home.rows(name)) for name in names}


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its numbers to twelve digits: the last depend on how many rows are computed at once."""
    return {
        name: f"{value:.12g}" if isinstance(value, float) else value
        for name, value in row.items()
        if name not in ("lastModified", "run_id")
    }


def test_an_older_snapshot_knows_what_it_lacks_and_gives_nulls(home: Home) -> None:
    assert home.snapshot.lacks == ()
    make_older(home)
    gone = {f"{table}.{name}" for table, names in LATER.items() for name in names} | {PAIRS}
    assert set(home.snapshot.lacks) == gone
    rows = home.snapshot.read("_hidden.footprint", ["region", "area"], "area IS NULL AND region IS NOT NULL")
    assert rows.num_rows > 0 and rows["area"].null_count == rows.num_rows
    with pytest.raises(StoreError, match="of another version: it has no"):
        home.snapshots.rebuild(home.snapshot.number)


@pytest.mark.parametrize("command", ["ingest", "harvest", "serve"])
def test_commands_bring_an_older_snapshot_up_to_date_without_opening_a_product(
    home: Home, tmp_path: Path, command: str
) -> None:
    before = contents(home)
    number = make_older(home)
    for path in (tmp_path / "tree").rglob("*.fits"):  # as found, and not readable as FITS any more
        state = path.stat()
        path.write_bytes(b"x" * state.st_size)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    if command == "ingest":
        report = home.ingest(tmp_path / "tree", pixels=PixelLimits())
        assert (report.skipped, report.snapshot) == (2, None)
        assert report.notices[0].startswith(f"snapshot {number} was made by another version of vo-service")
    elif command == "harvest":
        found = home.harvest(tmp_path / "archive.csv")
        assert found.notices[0].startswith(f"snapshot {number} was made by another version")
    else:
        require_snapshot(Settings(home=home.path), Console(quiet=True))
    assert home.snapshot.number > number
    assert home.snapshot.lacks == ()
    assert contents(home) == before


def listing_all() -> Published:
    """What is published, as it was when every column was listed."""
    now = published()
    schemas = tuple(
        replace(
            schema,
            tables=tuple(
                replace(table, columns=tuple(replace(one, unlisted=False) for one in table.columns))
                for table in schema.tables
            ),
        )
        for schema in now.schemas
    )
    return Published(schemas, tuple(now.hidden.values()))


def test_a_snapshot_whose_tap_schema_says_something_else_is_described_anew(home: Home) -> None:
    # the columns are there, one of them was listed when it was made: no file is read again for it
    before = contents(home)
    earlier = Snapshots(home.path, home.catalogue, listing_all())
    with earlier.writer("a test", 0.0):
        number = earlier.publish(earlier.draft(), earlier.current()).number
    earlier.close()

    def listed() -> set[str]:
        rows = home.rows("tap_schema.columns")
        return {row["column_name"] for row in rows if row["table_name"] == "ivoa.obscore"}

    assert "em_support" in listed()
    assert home.snapshot.lacks == ()
    assert home.snapshots.is_outdated(home.snapshot)
    require_snapshot(Settings(home=home.path), Console(quiet=True))
    assert home.snapshot.number == number + 1
    assert "em_support" not in listed()
    assert not home.snapshots.is_outdated(home.snapshot)
    assert contents(home) == before
    require_snapshot(Settings(home=home.path), Console(quiet=True))
    assert home.snapshot.number == number + 1


def test_files_without_records_are_carried_over_and_told(home: Home, tmp_path: Path) -> None:
    make_older(home)
    with home.catalogue.writing() as connection:
        connection.exec_driver_sql("DELETE FROM product_record WHERE path LIKE 'b/%'")
    report = home.ingest(tmp_path / "tree")
    assert "1 files have no value in new columns, since their records are lost" in report.notices[0]
    types = {row["path"][:2]: row["media_type"] for row in home.rows("holdings.product")}
    assert types["b/"] is None
    assert types["me"] is not None
    assert all(row["area"] is not None for row in home.rows("_hidden.footprint"))
    again = home.ingest(tmp_path / "tree")
    assert again.notices == ()


def test_engines_refuse_an_older_snapshot_in_a_sentence(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = Engines(Settings(home=home.path), home.catalogue, tmp_path)
    with engines.on(home.snapshot) as engine:
        assert isinstance(engine, DuckDBEngine)
    number = make_older(home)
    said = f"snapshot {number} was made by another version of vo-service: it has no ivoa.obscore"
    with pytest.raises(SnapshotOutdated, match=said), engines.on(home.snapshot):
        pytest.fail("it was opened")
    query = "SELECT COUNT(*) FROM ivoa.obscore"
    assert main(["--home", str(home.path), "explain", "--engine-plan", query]) == 1
    assert "`vo-service ingest`, `harvest` or a new start of `vo-service serve`" in capsys.readouterr().err


def test_a_server_that_runs_says_what_is_wrong(home: Home) -> None:
    app = create_app(Settings(home=home.path))
    try:
        trouble = app.state.service.health.trouble
        assert trouble() is None
        number = make_older(home)
        said = rf"snapshot {number}\) were written by another version"
        with pytest.raises(ServiceError, match=said), app.state.service.current.use():
            pytest.fail("it was opened")
    finally:
        app.state.close()


def test_postgresql_has_the_renewed_snapshot_too(home: Home, make_database: Callable[[], Database]) -> None:
    make_older(home)
    database = make_database()
    environment = {
        "VO_SERVICE_ENGINE": "postgresql",
        "VO_SERVICE_POSTGRESQL_URL": database.owner_url,
        "VO_SERVICE_POSTGRESQL_READER_URL": database.reader_url,
    }
    settings = Settings.load(home=home.path, environ=environment)
    require_snapshot(settings, Console(quiet=True))
    with Engines(settings, home.catalogue, home.path).on(home.snapshot) as engine:
        schema = engine.schemas["_hidden"]
        statement = Statement(f'SELECT count(area) AS n, count(*) AS of FROM "{schema}".footprint')
        with engine.run(statement, LIMITS) as batches:
            counts = pa.Table.from_batches(list(batches.stream)).to_pylist()[0]
    assert counts["n"] == counts["of"] > 0


def test_a_home_without_data_is_told_so(tmp_path: Path) -> None:
    opened = open_home(tmp_path / "home")
    opened.snapshots.close()
    opened.catalogue.close()
    with pytest.raises(CallMistake, match="holds no data yet"):
        require_snapshot(Settings(home=tmp_path / "home"), Console(quiet=True))


def test_other_words_in_tap_schema_are_published_without_touching_rows(home: Home, tmp_path: Path) -> None:
    """Nothing is lacking: the rows stay in the files they are in."""
    now = published()
    obscore = now["ivoa.obscore"]
    reworded = replace(obscore, description="as it was called before")
    schemas = tuple(
        replace(s, tables=tuple(reworded if t.qualified == obscore.qualified else t for t in s.tables))
        for s in now.schemas
    )
    snapshots = Snapshots(home.path, home.catalogue, Published(schemas, tuple(now.hidden.values())))
    with snapshots.writer("a test", 0.0):
        snapshots.publish(snapshots.draft(), snapshots.current())
    snapshots.close()
    worded = {row["table_name"]: row["description"] for row in home.rows("tap_schema.tables")}
    assert worded["ivoa.obscore"] == "as it was called before"
    state = home.snapshot.manifest.tables["ivoa.obscore"]
    report = home.ingest(tmp_path / "tree")
    assert len(report.notices) == 1 and "had no" not in report.notices[0]
    worded = {row["table_name"]: row["description"] for row in home.rows("tap_schema.tables")}
    assert worded["ivoa.obscore"] == obscore.description
    assert home.snapshot.manifest.tables["ivoa.obscore"] == state
