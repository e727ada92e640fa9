"""One key for each source: by name and position, whatever the order, checked against astropy's matching."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord, search_around_sky
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_homes import open_home
from pixel_products import write_cube

from vo_service.holdings.close_groups import close_groups
from vo_service.holdings.names import canonical
from vo_service.holdings.target_keys import FIELD, SAME_PLACE, target_keys
from vo_service.sky import unit_vectors

ARCSEC = 1.0 / 3600.0
M83 = (204.253958, -29.865417)


def keys(*seen: tuple[str | None, float | None, float | None]) -> list[str | None]:
    names, ra, dec = zip(*seen)
    texts = pa.array(names, pa.string())
    return target_keys(texts, np.array(ra, np.float64), np.array(dec, np.float64)).to_pylist()


def test_two_names_of_one_place_have_the_key_of_the_commoner() -> None:
    ra, dec = M83
    found = keys(
        ("M83", ra, dec), ("NGC 5236", ra, dec + ARCSEC), ("m_83", ra - ARCSEC, dec), ("M31", 10.7, 41.3)
    )
    assert found == ["m83", "m83", "m83", "m31"]
    more = [("NGC5236", ra, dec)] * 3
    assert set(keys(("M83", ra, dec), *more)) == {"ngc5236"}
    assert set(keys(("M83", ra, dec), ("NGC5236", ra, dec))) == {"m83"}, "of equals the first"


def test_one_name_at_far_places_is_several_sources() -> None:
    here, there = (83.20, -5.39), (246.8, -24.5)
    found = keys(("field1", *here), ("Field_1", *there), ("field1", *there), (None, *there), ("--", *there))
    assert found == ["field1@j0532.8-0523", "field1", "field1", None, None]


def test_fields_of_a_mosaic_are_one_source() -> None:
    chain = [("COSMOS", 150.0 + 0.1 * step, 2.2) for step in range(12)]
    assert set(keys(*chain)) == {"cosmos"}
    assert len(set(keys(*chain[:5], *chain[7:]))) == 2


def test_a_mosaic_does_not_make_one_of_the_sources_in_it() -> None:
    north, main = (266.8329, -28.3725), (266.8342, -28.3847)
    found = keys(
        ("SgrB2", *main), ("SgrB2", *main), ("SgrB2", *north), ("SgrB2N", *north), ("SgrB2M", *main),
        ("SgrB2M", *main), ("SgrB2M", *main), ("SgrB2M", *main)
    )  # fmt: skip
    assert found == [*["sgrb2m"] * 3, "sgrb2n", *["sgrb2m"] * 4]


def test_close_pairs_keep_their_names() -> None:
    a, b = (248.09454, -24.47575), (248.09353, -24.47433)  # IRAS 16293-2422 A and B, 5 arcsec apart
    assert keys(("IRAS16293A", *a), ("IRAS16293B", *b)) == ["iras16293a", "iras16293b"]


@pytest.mark.parametrize("name", ["Sun", "Uranus", "Ganymede", "C/2014 Q2", "67P/C-G", "(21) Lutetia"])
def test_what_moves_is_known_by_name_alone(name: str) -> None:
    found = keys((name, 10.0, 5.0), (name.upper(), 200.0, -10.0), (name, None, None), ("Star", 10.0, 5.0))
    assert found == [canonical(name)] * 3 + ["star"]


def test_without_a_position_the_name_tells_if_it_tells_one_source() -> None:
    ra, dec = M83
    twice = [("M83", ra, dec)] * 2
    assert keys(*twice, ("NGC5236", ra, dec), ("NGC5236", None, None))[-1] == "m83"
    assert (
        keys(*twice, ("NGC5236", ra, dec), ("NGC5236", 10.0, dec), ("NGC5236", None, None))[-1] == "ngc5236"
    )
    assert keys(("X", None, None), ("Y", None, 3.0)) == ["x", "y"]


def test_nothing_is_nothing() -> None:
    assert target_keys(pa.array([], pa.string()), np.zeros(0), np.zeros(0)).to_pylist() == []
    assert keys((None, 1.0, 2.0)) == [None]


def test_right_ascension_has_no_seam_and_poles_are_places() -> None:
    assert set(keys(("a", 359.9999, 10.0), ("b", -0.0001, 10.0), ("b", 0.0001, 10.0))) == {"b"}
    assert set(keys(("a", 360.0 - ARCSEC, 0.0), ("a2", ARCSEC, 0.0), ("a", 0.0, 0.0))) == {"a"}
    assert set(keys(("a", 10.0, 90.0), ("b", 190.0, 90.0 - ARCSEC), ("b", 250.0, 90.0))) == {"b"}


def components(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """The least member of each one's component, by walking."""
    linked = defaultdict(set)
    for one, other in pairs:
        linked[one].add(other)
        linked[other].add(one)
    found = [-1] * count
    for start in range(count):
        waiting = [start] if found[start] < 0 else []
        while waiting:
            at = waiting.pop()
            if found[at] < 0:
                found[at] = start
                waiting += linked[at]
    return found


def sky_of(seed: int, count: int, scatter: float) -> tuple[np.ndarray, np.ndarray]:
    """Places on the whole sky in clumps ``scatter`` degrees wide; some at the poles and the seam."""
    random = np.random.default_rng(seed)
    spots = count // 4
    ra = np.concatenate([random.uniform(0, 360, spots - 4), [0.0, 0.0, 10.0, 359.99999]])
    dec = np.concatenate([np.degrees(np.arcsin(random.uniform(-1, 1, spots - 4))), [90.0, -90.0, 0.0, 30.0]])
    chosen = random.integers(0, spots, count)
    up = np.clip(dec[chosen] + random.normal(0, scatter, count), -90, 90)
    east = random.normal(0, scatter, count) / np.maximum(np.cos(np.radians(up)), 1e-6)
    return (ra[chosen] + np.clip(east, -180, 180)) % 360.0, up


@pytest.mark.parametrize("radius", [3 * ARCSEC, FIELD, 5.0])
def test_groups_are_those_of_astropy(radius: float) -> None:
    ra, dec = sky_of(int(radius * 3600), 1200, radius)
    places = SkyCoord(ra * u.deg, dec * u.deg)
    one, other, _, _ = search_around_sky(places, places, radius * u.deg)
    expected = components(1200, list(zip(one.tolist(), other.tolist())))
    assert close_groups(unit_vectors(ra, dec), radius).tolist() == expected
    among = np.random.default_rng(1).integers(0, 3, 1200)
    same = among[one] == among[other]
    apart = components(1200, list(zip(one[same].tolist(), other[same].tolist())))
    assert close_groups(unit_vectors(ra, dec), radius, among).tolist() == apart
    assert 2 < len(set(expected)) < len(set(apart)) < 1200


def test_many_places_close_together_are_compared_some_at_a_time() -> None:
    random = np.random.default_rng(2)
    places = unit_vectors(random.uniform(10, 10.05, 3000), random.uniform(0, 0.05, 3000))
    assert set(close_groups(places, FIELD).tolist()) == {0}


def test_keys_agree_with_an_oracle() -> None:
    """The rules again, one source at a time, with astropy's distances."""
    random = np.random.default_rng(3)
    ra, dec = sky_of(4, 400, ARCSEC)
    far = random.random(400) < 0.1
    dec[far] = np.clip(dec[far] + 0.12, -90, 90)
    names = [f"T {n}" for n in random.integers(0, 60, 400)]
    found = target_keys(pa.array(names), ra, dec).to_pylist()
    places = SkyCoord(ra * u.deg, dec * u.deg)
    one, other, _, _ = search_around_sky(places, places, SAME_PLACE * u.deg)
    place = components(400, list(zip(one.tolist(), other.tolist())))
    one, other, _, _ = search_around_sky(places, places, FIELD * u.deg)
    field = components(400, [(a, b) for a, b in zip(one.tolist(), other.tolist()) if names[a] == names[b]])
    homes: dict[int, set[int]] = {}
    for each in set(field):
        counts = Counter(place[row] for row in range(400) if field[row] == each)
        homes[each] = {spot for spot, count in counts.items() if count == max(counts.values())}
    certain = {each: min(spots) for each, spots in homes.items() if len(spots) == 1}
    sources = defaultdict(set)
    for each, spot in certain.items():
        sources[spot].add(each)
    told = 0
    for spot, fields in sources.items():
        if any(spot in homes[each] for each in homes if each not in certain):
            continue  # two places are equally common in one field: which it is depends on their order
        rows = [row for row in range(400) if field[row] in fields]
        counts = Counter(canonical(names[row]) for row in rows)
        name = min(counts, key=lambda name: (-counts[name], name))
        assert {found[row].split("@")[0] for row in rows} == {name}
        assert len({found[row] for row in rows}) == 1
        told += 1
    assert told > 60
    assert len({key for key in found if "@" in key}) > 10


seen = st.tuples(
    st.sampled_from(["a", "A ", "b", "c_1", "Sun", None]),
    st.sampled_from([0.0, 0.0004, 0.2, 359.9996, 90.0]),
    st.sampled_from([None, -30.0, -30.0005, -29.9, 60.0, 90.0]),
)


@settings(max_examples=60)
@given(st.lists(seen, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_the_order_of_observations_does_not_matter(rows: list, random) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    found = keys(*rows)
    assert keys(*(rows[at] for at in order)) == [found[at] for at in order]
    wide = 2.0 / 3.0
    for (name, ra, dec), key in zip(rows, found):
        assert (key is None) == (name is None)
        if dec is None or name is None:
            continue
        for (other, their_ra, their_dec), theirs in zip(rows, found):
            if their_dec is None or other is None or canonical(name) == "sun":
                continue
            apart = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(their_ra, their_dec, unit="deg")).deg
            if canonical(other) == canonical(name) and apart <= FIELD:
                assert key == theirs
            if apart > wide and canonical(other) != "sun":
                assert key != theirs


def observed(home) -> dict[str, str]:
    return {row["target_name"]: row["canonical_target"] for row in home.rows("holdings.observation")}


def test_keys_follow_what_is_listed_and_identifiers_stay(tmp_path: Path) -> None:
    """Ingests one after the other come to what one of all files does; other rows are put right."""

    def write(uid: str, name: str, ra: float) -> None:
        place = tmp_path / "tree" / f"member.uid___A001_X1_{uid}" / f"{name}_sci.spw17.cube.I.fits"
        write_cube(place, OBJECT=name, CRVAL1=ra, CRVAL2=-29.865)

    home = open_home(tmp_path / "home")
    write("X1", "M83", 204.254)
    home.ingest(tmp_path / "tree")
    first = home.rows("holdings.observation")
    assert observed(home) == {"M83": "m83"}
    write("X2", "NGC5236", 204.2541)
    write("X3", "NGC5236", 204.2541)
    home.ingest(tmp_path / "tree")
    assert set(observed(home).values()) == {"ngc5236"} and len(observed(home)) == 2
    [again] = [row for row in home.rows("holdings.observation") if row["target_name"] == "M83"]
    assert again == first[0] | {"canonical_target": "ngc5236"}
    write("X4", "M83", 10.0)
    write("X5", "M83", 10.0)
    home.ingest(tmp_path / "tree")
    together = open_home(tmp_path / "other")
    together.ingest(tmp_path / "tree")
    assert home.rows("holdings.observation") == together.rows("holdings.observation")
    assert Counter(row["canonical_target"] for row in home.rows("holdings.observation")) == {
        "ngc5236": 3,
        "m83": 2,
    }
    for each in (home, together):
        each.snapshots.close()
        each.catalogue.close()
