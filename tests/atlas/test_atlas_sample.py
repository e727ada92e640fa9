"""The families of the sample holdings, against their truth and the gate that all doors ask."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from atlas_files import all_of, bench_at

from vo_service.access import ANONYMOUS, Rights
from vo_service.atlas import AtlasField, Families, Looks, Means, families_of
from vo_service.atlas.recipes import Quantity
from vo_service.engines import DuckDBEngine, StoredRows
from vo_service.products.stored import StoredFile, find_files
from vo_service.store import Catalogue, Snapshot, Snapshots

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Seen:
    """Families by setting, of one snapshot; the truth of files by their paths."""

    closed: Families
    unlisted_open: Families
    truth: dict[str, dict[str, Any]]
    primaries: list[StoredFile]


@contextmanager
def current(home: Path) -> Iterator[tuple[Catalogue, Snapshot]]:
    with closing(Catalogue.open_in(home)) as catalogue, closing(Snapshots(home, catalogue)) as snapshots:
        snapshot = snapshots.current()
        assert snapshot is not None
        yield catalogue, snapshot


@pytest.fixture(scope="module")
def seen(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("sample")
    truth = {true["path"]: true for true in holdings.truth["products"]}
    with current(holdings.home) as (catalogue, snapshot):
        means = Means(catalogue.roots(), bench_at(folder), 1 << 30)
        looks = Looks(folder / "looks.json")
        found = [
            families_of(snapshot, means, looks, Rights(unlisted), NOW, lambda done, total: None)
            for unlisted in (False, True)
        ]
        with closing(DuckDBEngine(snapshot.engine_file, memory_bytes=200_000_000, threads=1)) as engine:
            rows = StoredRows(engine, snapshot.tables)
            files = find_files(rows, {"role": ["image", "cube"], "state": "ok"})
    return Seen(found[0], found[1], truth, [file for file in files if file.is_primary])


def told(found: Families) -> set[str]:
    """All data sets that are in a tree, or of which is said why not."""
    fields = {field.name for family in found.families for field in family.fields}
    return fields | {each.dataset_id for each in (*found.left_out, *found.failed)}


def true_of(seen: Seen, field: AtlasField) -> dict[str, Any]:
    return seen.truth[field.origin.file.found.path]


@pytest.mark.parametrize("unlisted_open", [False, True])
def test_the_trees_hold_what_the_gate_lets_everybody_have(seen: Seen, unlisted_open: bool) -> None:
    """Design 4.3: the same files as at all other doors, and no word of any other."""
    found, rights = (seen.closed, seen.unlisted_open)[unlisted_open], Rights(unlisted_open)
    public = {
        file.dataset_id
        for file in seen.primaries
        if all(rights.may_read(ANONYMOUS, each.origin, each.release_date, NOW) for each in file.claims)
    }
    assert told(found) == public
    assert public < {file.dataset_id for file in seen.primaries}  # something is closed in both cases
    assert not found.failed


def test_trees_of_the_closed_archive_are_parts_of_those_of_the_open_one(seen: Seen) -> None:
    for family in seen.closed.families:
        other = next(each for each in seen.unlisted_open.families if each.name == family.name)
        assert {field.name for field in family.fields} <= {field.name for field in other.fields}


def test_the_brightest_pixel_is_that_of_the_truth(seen: Seen) -> None:
    """Jy/beam over the solid angle of the true beam, for continuum images and for peaks of whole cubes."""
    compared = 0
    for family in seen.unlisted_open.families:
        if family.key.line or family.key.quantity is Quantity.MOMENT0:
            continue
        for field in family.fields:
            true = true_of(seen, field)
            if true["unit"] != "Jy/beam" or true["beam_min"] != true["beam_max"] or not true["peak"]:
                continue
            sigma = math.radians(true["s_resolution"] / 3600.0) / math.sqrt(8.0 * math.log(2.0))
            brightest = true["peak"] / (2.0 * math.pi * sigma**2) / 1e6
            assert np.nanmax(all_of(field)) == pytest.approx(brightest, rel=1e-3), field.name
            assert field.resolution * 3600.0 == pytest.approx(true["s_resolution"], rel=1e-6)
            compared += 1
    assert compared > 25


def test_lines_are_those_that_are_in_the_cubes(seen: Seen) -> None:
    """Over the channels of the line, and with the weight of so many channels of noise."""
    compared = 0
    for family in seen.unlisted_open.families:
        for field in family.fields if family.key.line else ():
            true = true_of(seen, field)
            assert family.key.line == true["line"]
            assert field.recipe.runs is not None
            first, last = true["line_channels"]
            assert field.recipe.runs[0][0] <= last and field.recipe.runs[-1][1] > first
            assert field.recipe.line_hz == pytest.approx(true["line_frequency"], rel=1e-3)
            compared += 1
    assert compared >= 2


def test_noise_in_a_map_is_what_its_weight_says(seen: Seen) -> None:
    """Of integrals of whole cubes most pixels are noise: their spread is that of the weight, where pixels are
    independent of the primary beam."""
    ratios = []
    for family in seen.unlisted_open.families:
        if family.key.quantity is Quantity.MOMENT0 and not family.key.line:
            for field in family.fields:
                values = all_of(field)
                spread = 1.4826 * np.nanmedian(np.abs(values - np.nanmedian(values)))
                ratios.append(float(spread * math.sqrt(field.weight)))
    assert len(ratios) > 20 and 0.7 < np.median(ratios) < 1.5
