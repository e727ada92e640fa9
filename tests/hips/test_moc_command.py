"""``vo-service moc`` on the sample holdings: what it says, and the checks of section 16 on what it builds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cdshealpix.nested
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from astropy.time import Time
from live_service import copy_home
from moc_judge import judge_ascii, judge_fits, judge_json
from service_processes import run_command

from hips.mocs.kept import Build, open_build
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.names import Dimension
from hips.mocs.sweeping import degraded
from hips.mocs.times import PADDING_SECONDS
from hips.mocs.writing import Form, Label, write_map
from vo_service.sky import parse_region, positions, unit_vectors
from vo_service.store import Catalogue, Snapshots
from vo_service.store.lock import hold_writer_lock

JUDGES = {Form.FITS: judge_fits, Form.ASCII: judge_ascii, Form.JSON: judge_json}
LABEL = Label("TEST", None, None, datetime(2026, 1, 1, tzinfo=UTC))
LIGHT = 299_792_458.0
CELL = 2.2 / 2.0**14  # radians: no cell of order 14 is longer from corner to corner


@dataclass(frozen=True)
class Mapped:
    """A home with maps of its snapshot, and the rows they are made of."""

    home: Path
    said: str
    build: Build
    rows: list[dict[str, Any]]


def read_rows(home: Path) -> list[dict[str, Any]]:
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    try:
        current = snapshots.current()
        assert current is not None
        rows: list[dict[str, Any]] = current.read("ivoa.obscore").to_pylist()
        return rows
    finally:
        snapshots.close()
        catalogue.close()


@pytest.fixture(scope="module")
def mapped(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapped]:
    """The sample's maps, files without an archive row closed."""
    home = copy_home(holdings.home, tmp_path_factory.mktemp("moc") / "home")
    done = run_command(home, "moc")
    assert done.returncode == 0, done.stderr
    build = open_build(home)
    assert build is not None
    yield Mapped(home, done.stdout, build, read_rows(home))


def holds(space: SpaceMap, xyz: np.ndarray) -> np.ndarray:
    lon, lat = positions(xyz)
    cells = cdshealpix.nested.lonlat_to_healpix(Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), 29)
    return space.moc.holds_cells(cells.astype(np.int64))


def space_of(build: Build, *name: str) -> SpaceMap:
    found = build.moc(name, Dimension.SPACE)
    assert isinstance(found, SpaceMap)
    return found


def joint_of(build: Build, dimension: Dimension, *name: str) -> JointMap:
    found = build.moc(name, dimension)
    assert isinstance(found, JointMap)
    return found


def test_it_says_what_it_did_and_does_it_once(mapped: Mapped) -> None:
    assert f"{len(mapped.rows)} rows in" in mapped.said and "made, 0 as before" in mapped.said
    again = run_command(mapped.home, "moc")
    assert again.returncode == 0
    assert "are what they were" in again.stdout and len(again.stdout.splitlines()) == 1


def test_all_projects_bands_and_years_have_maps(mapped: Mapped) -> None:
    names = set(mapped.build.names())
    wanted = {("holdings",)}
    for row in mapped.rows:
        wanted |= {("band", band) for band in (row["band_list"] or "").split()}
        wanted |= {("project", row["proposal_id"])} if row["proposal_id"] else set()
        if row["t_min"] is not None:
            wanted.add(("year", str(Time(row["t_min"], format="mjd").datetime.year)))
    assert names == wanted


def test_rows_lie_inside_and_nothing_else_does(mapped: Mapped) -> None:
    """# CHK-M12, MOC-089: corners and centres of published rows in the maps they count in"""
    whole = space_of(mapped.build, "holdings")
    assert whole.order == 14
    regions = []
    for row in mapped.rows:
        by_pixels = row["obs_publisher_did"] in mapped.build.told_by_pixels
        text = row["_region_measured"] if by_pixels else row["s_region"]
        if text:
            regions.append(parse_region(text))
            xyz = regions[-1].places()
        elif row["s_ra"] is not None:
            xyz = unit_vectors(row["s_ra"], row["s_dec"])
        else:
            continue
        assert holds(whole, xyz).all()
        if row["proposal_id"]:
            assert holds(space_of(mapped.build, "project", row["proposal_id"]), xyz).all()
        for band in (row["band_list"] or "").split():
            assert holds(space_of(mapped.build, "band", band), xyz).all()
    random = np.random.default_rng(0)
    centres = np.array([region.cap().centre for region in regions])
    near = np.repeat(centres, 20, axis=0) + random.normal(size=(20 * len(centres), 3)) * np.radians(0.05)
    places = np.concatenate([near, random.normal(size=(5000, 3))])
    places /= np.linalg.norm(places, axis=1)[:, None]
    away = np.min([region.distance(places) for region in set(regions)], axis=0)
    outside = holds(whole, places[away > CELL])
    assert len(outside) > 5000 and not outside.any()


def test_times_and_frequencies_lie_inside(mapped: Mapped) -> None:
    """# CHK-M13, CHK-M14"""
    time = joint_of(mapped.build, Dimension.TIME, "holdings")
    frequency = joint_of(mapped.build, Dimension.FREQUENCY, "holdings")
    placed = [row for row in mapped.rows if row["s_region"] or row["s_ra"] is not None]
    mjd = np.array([row[key] for row in placed for key in ("t_min", "t_max") if row[key] is not None])
    tcb = Time(mjd, format="mjd", scale="utc").tcb
    microseconds = np.rint(tcb.jd1 * 86400e6).astype(np.int64) + np.rint(tcb.jd2 * 86400e6).astype(np.int64)
    starts, stops = time.outer()
    at = np.searchsorted(starts, microseconds, side="right") - 1
    assert (microseconds < stops[at]).all() and len(mjd) > 100
    slack = PADDING_SECONDS * 1e6 + 2.0 ** (61 - time.outer_order)
    assert 0 <= microseconds.min() - starts[0] <= slack and 0 <= stops[-1] - microseconds.max() <= slack
    windows = [
        pair
        for row in placed
        if row["em_min"] is not None
        for pair in np.reshape(row["em_support"] or [row["em_min"], row["em_max"]], (-1, 2))
    ]
    index = np.floor((np.log10(LIGHT / np.array(windows).ravel()) + 18.0) / 56.0 * 2.0**52).astype(np.int64)
    starts, stops = frequency.outer()
    at = np.searchsorted(starts, index, side="right") - 1
    assert (index < stops[at]).all() and len(index) > 200


def test_every_map_passes_in_every_form(mapped: Mapped) -> None:
    """# CHK-M02 to CHK-M09"""
    seen = 0
    for name in mapped.build.names():
        for dimension in Dimension:
            one = mapped.build.moc(name, dimension)
            assert one is not None
            found = [judge(write_map(one, form, LABEL)) for form, judge in JUDGES.items()]
            assert found[0] == found[1] == found[2]
            seen += 1
    assert seen > 60


def test_coarser_maps_hold_the_full_ones(mapped: Mapped) -> None:
    """# CHK-M11"""
    whole = space_of(mapped.build, "holdings")
    for order in (3, 8, 13):
        coarse = whole.degraded(order)
        assert coarse.order == order
        assert whole.moc.complement().common(coarse.moc).count or coarse.moc == whole.moc
        assert coarse.moc.complement().common(whole.moc).count == 0
        cells = {cell >> 2 * (29 - order) for start, stop in whole.moc.ranges for cell in (start, stop - 1)}
        assert cells <= {
            cell
            for start, stop in coarse.moc.ranges
            for cell in range(start >> 2 * (29 - order), stop >> 2 * (29 - order))
        }
    assert whole.degraded(20) is whole
    time = joint_of(mapped.build, Dimension.TIME, "holdings")
    assert degraded(time, 20, 6).orders == (20, 6)


def test_parts_make_up_the_whole(mapped: Mapped) -> None:
    whole = space_of(mapped.build, "holdings").moc
    for name in mapped.build.names():
        part = space_of(mapped.build, *name).moc
        assert whole.complement().common(part).count == 0
        for dimension in (Dimension.TIME, Dimension.FREQUENCY):
            joint = joint_of(mapped.build, dimension, *name)
            assert (
                space_of(mapped.build, *name).degraded(12).moc.complement().common(joint.space().moc).count
                == 0
            )


def test_what_is_open_changes_what_is_seen(mapped: Mapped, tmp_path: Path) -> None:
    """Design 4.3: files without an archive row are closed or, by a setting, open: then pixels tell."""
    home = copy_home(mapped.home, tmp_path / "home")
    told = {row["obs_publisher_did"] for row in mapped.rows if row["_region_measured"] is not None}
    files = {
        row["obs_publisher_did"]
        for row in mapped.rows
        if row["origin"] == "file" and row["obs_release_date"] is None
    }
    assert told & files
    assert not set(mapped.build.told_by_pixels) & files
    done = run_command(home, "moc", VO_SERVICE_UNLISTED="open")
    assert done.returncode == 0 and "as before" in done.stdout
    build = open_build(home)
    assert build is not None
    assert told & files <= set(build.told_by_pixels) <= told
    done = run_command(home, "moc")
    closed = open_build(home)
    assert closed is not None and set(closed.told_by_pixels) == set(mapped.build.told_by_pixels)
    assert space_of(closed, "holdings") == space_of(mapped.build, "holdings")


def test_calls_that_are_mistakes(tmp_path: Path) -> None:
    missing = run_command(tmp_path / "none", "moc", check=False)
    assert missing.returncode == 2 and "there is no home directory" in missing.stderr
    (tmp_path / "empty").mkdir()
    empty = run_command(tmp_path / "empty", "moc", check=False)
    assert empty.returncode == 2 and "holds no data yet" in empty.stderr
    assert run_command(tmp_path / "empty", "moc", "more", check=False).returncode == 2


def test_another_run_is_waited_for_and_named(mapped: Mapped) -> None:
    with hold_writer_lock(mapped.home / "moc.lock", "another run", 0.0):
        busy = run_command(mapped.home, "moc", VO_SERVICE_WAIT_SECONDS="0")
    assert busy.returncode == 1
    assert "another run" in busy.stderr and "Traceback" not in busy.stderr
