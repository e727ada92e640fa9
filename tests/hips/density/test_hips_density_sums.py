"""Tallies, pixels by tile, and sums, against plain loops."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from density_rows import Look, batches_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hips.density.footprints import PIXELS, TILES, Touched
from hips.density.maps import is_name_of_map, maps_of
from hips.density.observations import observed
from hips.density.tallies import tally
from hips.density.tiles import Limits, Sums
from hips.mocs.owned import Owned

CELLS = TILES * PIXELS
EDGES = [0, 1, PIXELS - 1, PIXELS, PIXELS + 1, 5 * PIXELS, 64 * PIXELS, CELLS - PIXELS, CELLS - 1, CELLS]


NOBODY = observed(*(np.empty(0, np.int64),) * 2, np.empty(0), 4)[2]


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int, int]:
    """Owner, first and one past the last pixel; over any number of tiles."""
    first, stop = sorted(draw(st.sampled_from(EDGES) | st.integers(0, 3 * PIXELS)) for _ in range(2))
    return draw(st.integers(0, 3)), min(first, CELLS - 1), max(stop, min(first, CELLS - 1) + 1)


@settings(max_examples=60)
@given(parts=st.lists(st.lists(spans(), max_size=5), max_size=3), data=st.data())
def test_sums_are_those_of_all_spans(parts, data):
    touched = Touched(io.BytesIO())
    for part in parts:
        owner, first, stop = (
            (np.array(column, np.int64) for column in zip(*part)) if part else [np.empty(0, np.int64)] * 3
        )
        touched.add(Owned(12, owner.astype(np.intp), first, stop), 0)
    counts = np.array(data.draw(st.lists(st.integers(0, 2), min_size=4, max_size=4)), float)
    amounts = np.where(counts > 0, data.draw(st.sampled_from([0.0, 0.5, 12.25])), 0.0) * counts
    every = [span for part in parts for span in part]
    held = {tile for _, first, stop in every for tile in (first // PIXELS, (stop - 1) // PIXELS)}
    tiles = touched.tiles().tolist()
    assert held <= set(tiles)
    for tile in sorted(held)[:4]:
        count, amount = np.zeros(PIXELS), np.zeros(PIXELS)
        for owner, first, stop in every:
            inside = slice(max(0, first - tile * PIXELS), max(0, min(PIXELS, stop - tile * PIXELS)))
            count[inside] += counts[owner]
            amount[inside] += amounts[owner]
        runs = Sums(touched, counts, amounts, NOBODY).tile(tile)
        if not count.any():
            assert runs is None
            continue
        lengths = np.diff(runs.edges)
        seen = np.repeat(np.where(runs.counts > 0, runs.amounts, np.nan)[:-1], lengths)
        whole = np.full(PIXELS, np.nan)
        whole[runs.edges[0] : runs.edges[-1]] = seen
        np.testing.assert_array_equal(whole, np.where(count > 0, amount, np.nan))
        image = runs.image()
        assert Counter(image[~np.isnan(image)].tolist()) == Counter(whole[~np.isnan(whole)].tolist())


SECONDS = st.sampled_from([0.0, 0.25, 1.0, 2.5, 60.0])
LOOKED = st.tuples(st.integers(0, 3), st.integers(-2, 4), SECONDS)


@settings(max_examples=50)
@given(
    footprints=st.lists(spans(), max_size=12),
    looked=st.lists(LOOKED, max_size=12),
    at_once=st.sampled_from([1, 2, 1 << 20]),
)
def test_an_observation_counts_once_in_each_pixel(footprints, looked, at_once):
    sky = np.zeros((4, 4 * PIXELS), dtype=bool)
    for owner, first, stop in footprints:
        sky[owner, first:stop] = True
    touched = Touched(io.BytesIO())
    for ahead in (0, 2):
        edges = np.diff(np.pad(sky[ahead : ahead + 2], ((0, 0), (1, 1))).astype(np.int8), axis=1)
        owner, first = np.nonzero(edges == 1)
        touched.add(Owned(12, owner, first, np.nonzero(edges == -1)[1]), ahead)
    longest: dict[int, np.ndarray] = {}
    for owner, observation, seconds in looked:
        seen = longest.get(observation, np.nan)
        longest[observation] = np.fmax(seen, np.where(sky[owner], seconds, np.nan))
    columns = [np.array([one[n] for one in looked], float if n == 2 else np.int64) for n in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hips.density.observations._SPANS_AT_ONCE", at_once)
        counts, amounts, shared = observed(*columns, 4)
        found = [Sums(touched, counts, amounts, shared).tile(tile) for tile in range(4)]
    all_of_it = np.array([*longest.values(), np.full(4 * PIXELS, np.nan)])
    wanted = np.where(np.isnan(all_of_it).all(axis=0), np.nan, np.nansum(all_of_it, axis=0))
    for tile, runs in enumerate(found):
        seen = np.full(PIXELS, np.nan)
        if runs is not None:
            values = np.where(runs.counts > 0, runs.amounts, np.nan)
            seen[runs.edges[0] : runs.edges[-1]] = np.repeat(values[:-1], np.diff(runs.edges))
        np.testing.assert_array_equal(seen, wanted[tile * PIXELS : (tile + 1) * PIXELS])


LOOKS = st.builds(
    Look,
    ra=st.sampled_from([10.0, 10.1, None]),
    dec=st.sampled_from([-5.0, 60.0, 91.0]),
    radius=st.sampled_from([None, 0.1, 0.2]),
    bands=st.sampled_from([None, "", "3", "3 6", "6 3", "10"]),
    seconds=st.sampled_from([None, 0.0, 0.1, 1e9 / 3.0, -1.0, 1e12, float("nan"), float("inf")]),
    text=st.sampled_from([None, None, "", "Circle ICRS 1 2 3", "nonsense"]),
    observation=st.sampled_from([None, "", "uid://A001/X1/X1", "uid://A001/X1/X2"]),
)


@settings(max_examples=100)
@given(looks=st.lists(LOOKS, max_size=12), data=st.data())
def test_tallies_count_every_row_once_whatever_their_order(looks, data):
    one = tally(batches_of(looks, 5), "seen")
    other = tally(batches_of(data.draw(st.permutations(looks)), data.draw(st.integers(1, 12))), "seen")
    keys = Counter((look.region or None, look.bands or "") for look in looks)
    texts = [*one.texts.to_pylist(), None]
    found: Counter[tuple[str | None, tuple[str, ...]]] = Counter()
    for text, band, rows in zip(one.text, one.band, one.rows):
        found[texts[text], one.bands[band]] += int(rows)
    assert found == sum(
        (Counter({(text, tuple(bands.split())): n}) for (text, bands), n in keys.items()), Counter()
    )
    known = [look for look in looks if look.seconds is not None and 0.0 <= look.seconds < 2.0**32]
    assert one.timed.sum() == len(known)
    alone = sum(look.seconds for look in known if not look.observation)
    assert one.exposure[one.observation == 0].sum() == pytest.approx(alone, abs=1e-6 * len(known))
    longest = max((look.seconds for look in known if look.observation), default=0.0)
    assert one.exposure[one.observation != 0].max(initial=0.0) == pytest.approx(longest, abs=1e-6)
    assert len(set(one.observation)) <= 3
    for column in ("pixel", "observation", "rows", "timed", "exposure", "digest"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
    assert [m.name for m in maps_of(one)] == [m.name for m in maps_of(other)]
    assert [m.digest(one) for m in maps_of(one)] == [m.digest(other) for m in maps_of(other)]
    assert all(is_name_of_map(m.name) for m in maps_of(one))


def test_other_trees_are_no_maps():
    assert not any(
        is_name_of_map(name) for name in ("densities", "datasets", "continuum-band-6", "exposures-band-6")
    )


def test_many_batches_are_merged_as_they_come(monkeypatch):
    monkeypatch.setattr("hips.density.tallies._MERGE_FROM", 3)
    looks = [Look(10.0, 0.0, 0.1, bands=str(number % 2), seconds=float(number)) for number in range(50)]
    found = tally(batches_of(looks, 2), "seen")
    assert sorted(zip(found.rows.tolist(), found.exposure.tolist())) == [(25, 600.0), (25, 625.0)]


def test_a_column_of_no_rows_is_enough():
    empty = batches_of([Look(1.0, 1.0)])[0].slice(0, 0)
    assert len(tally([empty], "seen")) == len(tally([], "seen")) == 0
    assert isinstance(tally([], "seen").texts, pa.Array)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([1.0], 10 ** (-4 / 3), 1.0),
        ([1.0, 37.0], 50 / 50 ** (4 / 3), 50.0),
        ([0.0], 0.0, 1.0),
        ([3e-4, 0.0, 7.0], 10 / 5e4 ** (4 / 3), 10.0),
    ],
    ids=["one value", "counts", "nothing but zeros", "zeros among others"],
)
def test_greys_go_over_round_numbers(values, low, high):
    limits = Limits()
    limits.see(np.array(values))
    transfer = limits.transfer()
    assert (transfer.low, transfer.high) == pytest.approx((low, high))
