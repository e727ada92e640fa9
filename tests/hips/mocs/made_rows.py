"""Rows of ivoa.obscore for coverage maps: made by hand or drawn, and what maps of them must hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from hips.mocs.build import Report, build_maps
from hips.mocs.drafts import Source
from hips.mocs.kept import Build, open_build
from hips.mocs.names import Dimension, Name
from hips.mocs.orders import Orders
from hips.mocs.rows import COLUMNS
from hips.mocs.writing import ascii_of
from vo_service.access import Rights

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAST, FUTURE = datetime(2020, 1, 1), datetime(2030, 1, 1)
ORDERS = Orders()
LIGHT = 299_792_458.0
TYPES = {
    "s_ra": pa.float64(),
    "s_dec": pa.float64(),
    "t_min": pa.float64(),
    "t_max": pa.float64(),
    "em_min": pa.float64(),
    "em_max": pa.float64(),
    "em_support": pa.list_(pa.float64()),
    "obs_release_date": pa.timestamp("us"),
}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in COLUMNS])
Row = dict[str, Any]


def row(did: str, **facts: Any) -> Row:
    """A row; what is not given is null."""
    return {**dict.fromkeys(COLUMNS), "obs_publisher_did": did, "origin": "archive", **facts}


def table_of(rows: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def parts_of_rows(rows: Sequence[Row], size: int = 4) -> list[pa.Table]:
    """Tables as a snapshot gives them: a project in one, projects ascending, those without one first."""
    projects: dict[str, list[Row]] = {}
    for one in sorted(rows, key=lambda each: each["proposal_id"] or ""):
        projects.setdefault(one["proposal_id"] or "", []).append(one)
    tables, waiting = [], []
    for of_project in projects.values():
        waiting += of_project
        if len(waiting) >= size:
            tables.append(table_of(waiting))
            waiting = []
    return [*tables, table_of(waiting)] if waiting else tables


def build_of(
    home: Path,
    rows: Sequence[Row],
    snapshot: int = 1,
    now: datetime = NOW,
    unlisted: bool = False,
    orders: Orders = ORDERS,
) -> Report:
    source = Source(parts_of_rows(rows), snapshot, len(rows), Rights(unlisted), now)
    return build_maps(home, source, "a test", 0.0, orders)


def opened(home: Path) -> Build:
    build = open_build(home)
    assert build is not None
    return build


def maps_of(build: Build) -> dict[tuple[Name, Dimension], str]:
    """All maps of a build as texts, which tell cells and orders."""
    return {
        (name, dimension): ascii_of(build.moc(name, dimension))  # type: ignore[arg-type]
        for name in build.names()
        for dimension in Dimension
    }


@st.composite
def drawn_rows(draw: st.DrawFn, did: str) -> Row:
    """A row of a small world of few projects, fields and times, in which units are often the same."""
    ra, dec = draw(st.sampled_from([(10.0, -30.0), (10.001, -30.0), (200.0, 12.0), (0.0, 90.0)]))
    radius = draw(st.sampled_from([0.004, 0.01]))
    region = draw(
        st.sampled_from(
            [f"Circle ICRS {ra} {dec} {radius}", None, "no region", "Union ICRS ( Circle 5 5 1 )"]
        )
    )
    begin = draw(st.sampled_from([None, 58000.0, 58000.02, 58400.5, 59000.0]))
    low = draw(st.sampled_from([None, 100e9, 230e9]))
    return row(
        did,
        proposal_id=draw(st.sampled_from([None, "2019.1.00001.S", "2019.1.00002.S", "2021.1.00003.L"])),
        band_list=draw(st.sampled_from([None, "3", "6", "3 6"])),
        s_ra=draw(st.sampled_from([ra, None])),
        s_dec=dec,
        s_region=region,
        _region_measured=draw(st.sampled_from([None, None, f"Circle ICRS {ra} {dec} 0.002"])),
        obs_release_date=draw(st.sampled_from([None, PAST, FUTURE])),
        t_min=begin,
        t_max=None if begin is None else begin + draw(st.sampled_from([0.0, 0.01, 30.0])),
        em_min=None if low is None else LIGHT / (low + 2e9),
        em_max=None if low is None else LIGHT / low,
        specsys=draw(st.sampled_from([None, "LSRK"])),
        origin=draw(st.sampled_from(["archive", "file", "both"])),
    )


@st.composite
def holdings(draw: st.DrawFn, most: int = 12) -> list[Row]:
    """Rows with names of their own."""
    count = draw(st.integers(0, most))
    return [draw(drawn_rows(f"ivo://t/obs?{number}")) for number in range(count)]
