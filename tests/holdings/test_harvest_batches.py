"""A harvest in batches gives the rows of all at once; columns are read as single texts would be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_schema import published
from vo_service.holdings.archive import map_rows
from vo_service.holdings.archive_tables import archive_tables
from vo_service.holdings.finish import footprint_rows
from vo_service.holdings.harvest import harvest
from vo_service.holdings.harvest_sources import ArchiveTable
from vo_service.holdings.known_footprints import KnownFootprints
from vo_service.holdings.observations import Parts, observation_batches, observation_rows
from vo_service.holdings.supports import read_supports
from vo_service.holdings.target_keys import target_keys
from vo_service.spectral import C, parse_frequency_support
from vo_service.store import Catalogue, Policy, Snapshots

ROWS = 300
AUTHORITY = "example.test"
STORAGE = published().storage


def archive() -> pa.Table:
    """Rows of a made-up archive: a few windows for each target of each member set, some of them rejected,
    some twice; the rows of one member set are far apart."""
    random = np.random.default_rng(5)
    order = random.permutation(ROWS)
    rows = []
    for n in order.tolist():
        uid = f"uid://A001/X1/X{n // 6:x}"
        ghz = 100.0 + n
        ra, dec = (30.0, 5.0) if n % 7 == 0 else ((n * 37) % 360 + 0.25, n / 10 - 20)
        rows.append(
            {
                "obs_publisher_did": f"ADS/JAO.ALMA#{n // 60}",
                "obs_id": f"{uid}.source.T{n % 2}.spw.{n}",
                "member_ous_uid": uid,
                "target_name": f"T {n % 2}",
                "s_ra": 400.0 if n % 50 == 3 else ra,
                "s_dec": dec,
                "s_region": None if n % 11 == 0 else f"Circle ICRS {ra} {dec} 0.01",
                "em_min": C / ((ghz + 1) * 1e9),
                "em_max": C / (ghz * 1e9),
                "em_res_power": 1e4,
                "em_xel": n % 3,
                "dataproduct_type": "image",
                "band_list": ["3", "6 7", "10"][n % 3],
                "antenna_arrays": ["A001:DV01 A002:DA02", "A001:CM01"][n % 2],
                "frequency_support": f"[{ghz:.2f}..{ghz + 1:.2f}GHz,976.56kHz,527.9uJy/beam@10km/s,"
                "34.8uJy/beam@native, XX YY]",
            }
        )
    return pa.Table.from_pylist([*rows, *rows[:20]])


def harvested(raw: pa.Table, home: Path, batch: int) -> Any:
    """A snapshot with the rows, read ``batch`` at a time, sorted in runs of a few kilobytes."""

    def tables() -> Iterator[pa.Table]:
        for start in range(0, raw.num_rows, batch):
            yield raw.slice(start, batch)

    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue, published(), Policy(run_bytes=20_000))
    try:
        harvest(
            ArchiveTable("made up", {}, tables),
            home=home,
            snapshots=snapshots,
            catalogue=catalogue,
            published=published(),
            authority=AUTHORITY,
        )
        return snapshots.current()
    finally:
        snapshots.close()
        catalogue.close()


def content(rows: pa.Table) -> list[str]:
    """All rows as texts, in an order of their own; without the run they came with."""
    names = [name for name in rows.column_names if name not in {"run_id", "source"}]
    return sorted(repr(list(row.values())) for row in rows.select(names).to_pylist())


def keyed(observations: pa.Table) -> pa.Table:
    """The observations with the keys of their targets, all of them seen at once."""
    ra, dec = (observations[name].to_numpy() for name in ("s_ra", "s_dec"))
    keys = target_keys(observations["target_name"].combine_chunks(), ra, dec)
    at = observations.schema.get_field_index("canonical_target")
    return observations.set_column(at, "canonical_target", keys)


@pytest.mark.parametrize("batch", [7, 64, 1000])
def test_a_harvest_in_batches_equals_all_rows_at_once(tmp_path: Path, batch: int) -> None:
    raw = archive()
    snapshot = harvested(raw, tmp_path, batch)
    mapped = map_rows(raw.slice(0, ROWS), STORAGE["holdings.archive_row"], 1, {}).rows
    assert 0 < mapped.num_rows < ROWS
    expected = archive_tables(mapped, published(), AUTHORITY)
    for name, rows in expected.tables.items():
        # beside what the rows make there are repairs for the whole source
        rowwise = "archive_row_id IS NOT NULL" if name == "holdings.repair" else None
        found = snapshot.read(name, where=rowwise)
        assert content(found) == content(rows), name
    observations = observation_rows([expected.parts], STORAGE["holdings.observation"])
    assert content(snapshot.read("holdings.observation")) == content(keyed(observations))
    regions = expected.tables["ivoa.obscore"]["s_region"].combine_chunks()
    footprints = footprint_rows(regions, STORAGE["_hidden.footprint"], set())
    assert content(snapshot.read("_hidden.footprint")) == content(footprints)
    identifiers = snapshot.read("holdings.archive_row", ["archive_row_id"])[0].to_pylist()
    assert identifiers == sorted(mapped["archive_row_id"].to_pylist())


def test_observations_are_the_same_from_parts_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vo_service.holdings.observations._FEW", 20)
    mapped = map_rows(archive(), STORAGE["holdings.archive_row"], 1, {}).rows
    table = STORAGE["holdings.observation"]
    parts = Parts()
    for start in range(0, mapped.num_rows, 9):
        parts.add(archive_tables(mapped.slice(start, 9), published(), AUTHORITY).parts)
    batches = list(observation_batches(parts, table))
    assert len(batches) > 1
    whole = observation_rows([archive_tables(mapped, published(), AUTHORITY).parts], table)
    assert content(pa.concat_tables(batches)) == content(whole)


def test_words_of_several_rows_are_collected_in_order() -> None:
    mapped = map_rows(archive(), STORAGE["holdings.archive_row"], 1, {}).rows
    made = observation_rows(
        [archive_tables(mapped, published(), AUTHORITY).parts], STORAGE["holdings.observation"]
    )
    # the windows n = 0, 2, 4 (or 1, 3, 5) of a member set are in bands "3", "10", "6 7"
    assert {"3 6 7 10"} <= set(made["band_list"].to_pylist()) <= {"3 6 7 10", "3 6 7", "3 10", "6 7 10"}
    assert set(made["array_kinds"].to_pylist()) == {"12m", "7m"}


def test_no_observation_without_rows() -> None:
    (made,) = observation_batches([], STORAGE["holdings.observation"])
    assert made.num_rows == 0


def test_a_footprint_is_written_once_over_all_batches() -> None:
    table = STORAGE["_hidden.footprint"]
    texts = [f"Circle ICRS {n % 40}.5 1.5 0.1" for n in range(200)]
    first = footprint_rows(pa.array(texts[:5]), table, set())["footprint_id"].combine_chunks()
    known = KnownFootprints(first)
    mapped = archive().slice(0, 200).set_column(6, "s_region", pa.array(texts))
    rows = map_rows(mapped, STORAGE["holdings.archive_row"], 1, {}).rows
    obscore = archive_tables(rows, published(), AUTHORITY).tables["ivoa.obscore"]
    found = [
        value
        for start in range(0, obscore.num_rows, 13)
        for value in known.new_rows(obscore.slice(start, 13), table)["footprint_id"].to_pylist()
    ]
    every = set(obscore["_footprint_id"].to_pylist())
    assert len(found) == len(set(found))
    assert set(found) == every - set(first.to_pylist())


numbers = st.integers(0, 99999).map(lambda n: f"{n / 100:.2f}") | st.integers(0, 999).map(str)
usual = st.builds(
    "[{}..{}GHz,{}kHz,{}{}Jy/beam@10km/s,{}{}Jy/beam@native, {}]".format,
    *(numbers, numbers, numbers, numbers, st.sampled_from(["u", "m", ""]), numbers),
    *(st.sampled_from(["u", "m", ""]), st.sampled_from(["XX", "XX YY", "XX U YY", "XX YY  "])),
)
odd = st.none() | st.sampled_from(
    ["", "  ", " U ", "nothing", "[1..2GHz]", "[84..85GHz,  3kHz,1Jy/beam@10km/s,"]
)
texts = st.lists(
    odd
    | st.lists(usual, min_size=1, max_size=3).map(" U ".join)
    | st.lists(usual, max_size=2).map("  U ".join),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(texts)
def test_supports_read_by_columns_equal_the_parser(
    given_texts: list[str | None],
) -> None:  # ALMA-080, ALMA-081
    count = len(given_texts)
    found = read_supports(pa.array(given_texts, pa.string()), np.full(count, 84e9), np.full(count, 86e9))
    parsed = [parse_frequency_support(text) or () for text in given_texts]
    low = [min((one.f_min for one in each), default=np.nan) for each in parsed]
    high = [max((one.f_max for one in each), default=np.nan) for each in parsed]
    np.testing.assert_array_equal(found.low, np.array(low, dtype=float))
    np.testing.assert_array_equal(found.high, np.array(high, dtype=float))


@pytest.mark.parametrize(("prefix", "factor"), [("u", 1e-3), ("m", 1.0), ("", 1e3)])
def test_noise_is_in_millijansky(prefix: str, factor: float) -> None:  # ALMA-080
    text = f"[84..86GHz,976.56kHz,2.5{prefix}Jy/beam@10km/s,0.75{prefix}Jy/beam@native, XX YY]"
    found = read_supports(pa.array([text]), np.array([84e9]), np.array([86e9]))
    own = (found.noise_10kms[0], found.noise_native[0], found.resolution_khz[0])
    assert own == (2.5 * factor, 0.75 * factor, 976.56)
