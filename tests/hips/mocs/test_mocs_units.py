"""Units of rows, and their maps against brute force over the rows."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import cdshealpix.nested
import duckdb
import mocpy
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import Latitude, Longitude
from hypothesis import given, settings
from made_rows import FUTURE, LIGHT, NOW, PAST, Row, build_of, holdings, opened, parts_of_rows, row, table_of
from moc_judge import holds

from hips.mocs import rows as rows_module
from hips.mocs.axes import FREQUENCY, TIME
from hips.mocs.frequencies import ranges_of_frequencies
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.names import Dimension, names_of
from hips.mocs.orders import Orders
from hips.mocs.rows import rows_of
from hips.mocs.times import PADDING_SECONDS, ranges_of_times
from hips.mocs.units import UnitKey, units_of
from vo_service.access import Rights
from vo_service.sky import RegionError, parse_region, positions


def cell_of(lon: float, lat: float, order: int = 29) -> int:
    found = cdshealpix.nested.lonlat_to_healpix(
        Longitude([lon], unit="deg"), Latitude([lat], unit="deg"), order
    )
    return int(found[0])


def seen_region(one: Row, rights: Rights) -> str | None:
    is_open = rights.is_open(one["origin"], one["obs_release_date"], NOW)
    return one["_region_measured"] if is_open and one["_region_measured"] else one["s_region"]


def places_of(one: Row, rights: Rights) -> list[int]:
    """Cells of order 29 that a map must have of a row: of its region, else of its position."""
    text = seen_region(one, rights)
    try:
        region = parse_region(text) if text else None
    except RegionError:
        region = None
    if region is None:
        return [] if one["s_ra"] is None else [cell_of(one["s_ra"], one["s_dec"])]
    middle = region.cap().centre[None, :]
    lon, lat = positions(middle)
    return [cell_of(float(lon[0]), float(lat[0]))]


def is_of(one: Row, name: tuple[str, ...]) -> bool:
    if name[0] == "project":
        return one["proposal_id"] == name[1]
    if name[0] == "band":
        return name[1] in (one["band_list"] or "").split()
    return name[0] == "holdings"


@settings(max_examples=25)
@given(holdings())
def test_maps_hold_what_their_rows_are(rows: list[Row]) -> None:
    """# MOC-089, CHK-M12, CHK-M13, CHK-M14"""
    rights = Rights()
    with TemporaryDirectory() as made:
        build_of(Path(made), rows)
        build = opened(Path(made))
        names = build.names()
        assert ("holdings",) in names
        assert {name[1] for name in names if name[0] == "project"} == {one["proposal_id"] for one in rows} - {
            None
        }
        for name in names:
            space, time, frequency = (build.moc(name, dimension) for dimension in Dimension)
            assert (
                isinstance(space, SpaceMap) and isinstance(time, JointMap) and isinstance(frequency, JointMap)
            )
            members = [one for one in rows if is_of(one, name)]
            for one in members if name[0] != "year" else []:
                for cell in places_of(one, rights):
                    assert holds(space.moc.ranges, cell)
                    assert_times(one, time, cell)
                    assert_frequencies(one, frequency, cell)


def assert_times(one: Row, time: JointMap, cell: int) -> None:
    if one["t_min"] is None:
        return
    lows, highs = ranges_of_times(np.array([one["t_min"]]), np.array([one["t_max"]]))
    for index in (int(lows[0]), int(lows[0] + highs[0]) // 2, int(highs[0]) - 1):
        assert in_joint(time, index, cell)


def assert_frequencies(one: Row, frequency: JointMap, cell: int) -> None:
    if one["em_min"] is None:
        return
    ends = LIGHT / np.array([one["em_max"], one["em_min"]])
    starts, _ = ranges_of_frequencies(ends, ends)
    for index in (int(starts[0]) + 1, int(starts.sum()) // 2, int(starts[1]) + 1):
        assert in_joint(frequency, index, cell)


def in_joint(joint: JointMap, index: int, cell: int) -> bool:
    at = int(np.searchsorted(joint.starts, index, side="right")) - 1
    if at < 0 or index >= joint.stops[at]:
        return False
    mine = joint.space_element == joint.element[at]
    return bool(((joint.space_starts[mine] <= cell) & (cell < joint.space_stops[mine])).any())


@settings(max_examples=25)
@given(holdings())
def test_each_row_is_in_one_unit(rows: list[Row]) -> None:
    found: dict[UnitKey, int] = {}
    for part in parts_of_rows(rows):
        taken = rows_of(part, Rights(), NOW)
        units = units_of(taken, Orders())
        assert sorted(np.concatenate([unit.rows for unit in units]).tolist()) == list(range(len(part)))
        for unit in units:
            assert unit.key not in found
            found[unit.key] = len(unit.rows)
    wanted: dict[tuple[object, object, bool], int] = {}
    for one in rows:
        key = one["proposal_id"], one["band_list"], one["t_min"] is not None
        wanted[key] = wanted.get(key, 0) + 1
    summed: dict[tuple[object, object, bool], int] = {}
    for unit_key, count in found.items():
        short = unit_key.project, unit_key.bands, unit_key.year is not None
        summed[short] = summed.get(short, 0) + count
    assert summed == wanted


def test_a_unit_of_two_bands_counts_in_both() -> None:
    assert names_of(UnitKey("P", "3 6", 2019)) == (
        ("holdings",),
        ("band", "3"),
        ("band", "6"),
        ("year", "2019"),
        ("project", "P"),
    )
    assert names_of(UnitKey(None, None, None)) == (("holdings",),)


def test_everybody_sees_the_outline_of_pixels_when_the_data_are_open() -> None:
    """Design 4.3: by the clock, and by the setting for files that no archive row speaks for."""
    outline, header = "Circle ICRS 10 10 0.001", "Circle ICRS 10 10 0.01"
    facts = {"s_region": header, "_region_measured": outline}
    rows = [
        row("open", **facts, obs_release_date=PAST),
        row("closed", **facts, obs_release_date=FUTURE),
        row("no date", **facts),
        row("file", **facts, origin="file"),
        row("unread", s_region=header, obs_release_date=PAST),
    ]
    for unlisted, told in ((False, ["open"]), (True, ["open", "file"])):
        found = rows_of(table_of(rows), Rights(unlisted), NOW)
        names = found.did.to_pylist()
        assert [name for name, by in zip(names, found.by_pixels) if by] == told
        regions = dict(zip(names, found.region.to_pylist()))
        assert regions == {name: outline if name in told else header for name in names}


def test_what_the_position_alone_tells(tmp_path: Path) -> None:
    """# MOC-030: the cell of the order asked for; rows with neither region nor position are in no map"""
    rows = [
        row("a", s_ra=10.0, s_dec=-30.0),
        row("b", s_region="no region", s_ra=20.0, s_dec=1.0),
        row("c", t_min=58000.0),
    ]
    report = build_of(tmp_path, rows)
    space = opened(tmp_path).moc(("holdings",), Dimension.SPACE)
    assert isinstance(space, SpaceMap)
    assert sorted(space.moc.cells())[-1][0] == 14
    cells = [cell for _, numbers in space.moc.cells() for cell in numbers.tolist()]
    assert sorted(cells) == sorted([cell_of(10.0, -30.0, 14), cell_of(20.0, 1.0, 14)])
    assert report.units.unread == 1


def test_ends_of_times_are_within_a_cell_and_the_padding(tmp_path: Path) -> None:
    """# CHK-M13"""
    build_of(tmp_path, [row("a", s_region="Circle 1 1 0.1", t_min=58000.0, t_max=58000.5)])
    joint = opened(tmp_path).moc(("holdings",), Dimension.TIME)
    assert isinstance(joint, JointMap)
    cell = 1 << TIME.shift(31)
    exact = ranges_of_times(np.array([58000.0]), np.array([58000.5]))
    (starts, stops) = joint.outer()
    assert len(starts) == 1
    assert 0 <= int(exact[0][0]) - int(starts[0]) < cell
    assert 0 <= int(stops[0]) - int(exact[1][0]) < cell
    library = mocpy.TimeMOC.from_stmoc_space_fold(
        mocpy.MOC.from_string("0/0-11"),
        mocpy.STMOC.from_string(f"t61/{starts[0]}-{stops[0] - 1} s29/0"),
    )
    begin = 58000.0 - PADDING_SECONDS / 86400
    assert float(library.min_time.utc.mjd) == pytest.approx(begin, abs=1100 / 86400)


def test_a_frequency_slips_by_no_factor(tmp_path: Path) -> None:
    """# CHK-M14, MPY-06: 230 GHz is read as 230 GHz"""
    low, high = 229e9, 231e9
    build_of(
        tmp_path,
        [row("a", s_region="Circle 1 1 0.1", em_min=LIGHT / high, em_max=LIGHT / low, specsys="LSRK")],
    )
    joint = opened(tmp_path).moc(("holdings",), Dimension.FREQUENCY)
    assert isinstance(joint, JointMap) and joint.axis is FREQUENCY
    words = "/".join([f"f51/{joint.starts[0]}-{joint.stops[0] - 1} s29/0"])
    library = mocpy.SFMOC.from_string(words)
    assert library.min_frequency.to_value("Hz") == pytest.approx(low, rel=1.3e-4)
    assert library.max_frequency.to_value("Hz") == pytest.approx(high, rel=1.3e-4)


def test_rows_of_a_snapshot_come_by_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each project in one part, projects ascending; no name and an empty one are the same, and come first."""
    codes = [None, "P2", "", "P1", "P10", "P2", "P1", None]
    stored = table_of([row(f"d{at}", proposal_id=code) for at, code in enumerate(codes)])

    class Stored:
        """Answers as a snapshot does."""

        def read(
            self, _: str, columns: list[str], where: str = "TRUE", params: tuple[str, ...] = ()
        ) -> pa.Table:
            connection = duckdb.connect()
            connection.register("stored", stored)
            names = ", ".join(f'"{name}"' for name in columns)
            found = connection.sql(f"SELECT {names} FROM stored WHERE {where}", params=list(params))
            return found.to_arrow_reader().read_all()

    for size, wanted in ((1, [3, 2, 1, 2]), (3, [3, 3, 2]), (100, [3, 5])):
        monkeypatch.setattr(rows_module, "_ROWS_AT_ONCE", size)
        parts = list(rows_module.parts_of(Stored()))  # type: ignore[arg-type]
        assert [len(part) for part in parts] == wanted
        seen = [
            code or ""
            for part in parts
            for code in sorted(part["proposal_id"].to_pylist(), key=lambda one: one or "")
        ]
        assert seen == sorted(code or "" for code in codes)
        assert all(part.column_names == list(rows_module.COLUMNS) for part in parts)
    keys = [unit.key for unit in units_of(rows_of(parts[0], Rights(), NOW), Orders())]
    assert keys == [UnitKey(None, None, None)]
