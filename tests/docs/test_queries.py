"""Every documented query, through pyvo against a live server with two workers, equals numpy's answer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import pyvo
from sky_oracle import inside, outline, overlap, separation, shapes

from capabilities.examples import as_markdown, examples
from tap_schema import published

REPOSITORY = Path(__file__).resolve().parents[2]
C = 299792458.0
REST = {"CO(2-1)": 230.538e9, "13CO(2-1)": 220.3986842e9, "[CII]158": 1900.5369e9}  # CDMS


@pytest.fixture(scope="module")
def service(live_server):
    return pyvo.dal.TAPService(f"{live_server}/tap")


@pytest.fixture(scope="module")
def tables(service):
    """Whole tables as lists of dictionaries, unlisted columns included; null is None."""

    def load(name):
        more = "".join(f", t.{column.name}" for column in published()[name].columns if column.unlisted)
        table = service.search(f"SELECT t.*{more} FROM {name} AS t", maxrec=100000).to_table()
        return [{n: _plain(row[n]) for n in table.colnames} for row in table]

    names = (
        "ivoa.obscore",
        "ivoa.obscore_radio",
        "holdings.repair",
        "holdings.product",
        "holdings.spectral_window",
    )
    return {name: load(name) for name in names}


def _plain(value):
    if value is np.ma.masked:
        return None
    if isinstance(value, np.ndarray):
        return value
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and np.isnan(value):
        return None
    return None if isinstance(value, str) and value == "" else value


def is_public(row) -> bool:
    """The rule of the design by other words, with unlisted files open."""
    if row["obs_release_date"] is None:
        return row["origin"] == "file"
    return datetime.fromisoformat(row["obs_release_date"]).replace(tzinfo=UTC) <= datetime.now(UTC)


def covers(row, line, zmin, zmax) -> bool:
    support = row["em_support"]
    if support is None or not np.size(support):
        return False
    low, high = np.reshape(np.asarray(support, dtype=float), (-1, 2)).T
    wavelength = C / REST[line]
    return bool(np.any((low <= wavelength * (1 + zmax)) & (high >= wavelength * (1 + zmin))))


def regions(row):
    return shapes(row["s_region"]) if row["s_region"] else []


def did(rows):
    return sorted((r["obs_publisher_did"],) for r in rows)


def near(row, lon, lat):
    return np.inf if row["s_ra"] is None else float(separation(row["s_ra"], row["s_dec"], lon, lat))


def has(row, *names):
    return all(row[n] is not None for n in names)


def line_in_galaxy(t):
    m83 = ("circle", np.array([204.2538, -29.8658, 5 / 60]))
    return did(
        r
        for r in t["ivoa.obscore"]
        if r["dataproduct_type"] == "cube"
        and any(overlap(m83, s) for s in regions(r))
        and covers(r, "CO(2-1)", 0, 0.1)
        and has(r, "s_resolution")
        and r["s_resolution"] < 1
        and is_public(r)
    )


def polygon(t):
    orion = ("polygon", np.array([82.5, -6.5, 85.5, -6.5, 85.5, -4.0, 82.5, -4.0]))
    return did(r for r in t["ivoa.obscore"] if any(overlap(orion, s) for s in regions(r)))


def coordinate_range(t):
    def meets(shape):
        border = np.array([[180, -45], [260, -45], [260, 0], [180, 0]], dtype=float)
        edge = [np.linspace(a, b, 4001) for a, b in zip(border, np.roll(border, -1, axis=0))]
        lon, lat = np.concatenate(edge).T
        own_lon, own_lat = outline(*shape)
        held = (own_lon >= 180) & (own_lon <= 260) & (own_lat >= -45) & (own_lat <= 0)
        return bool(held.any() or inside(*shape, lon, lat).any())

    return did(r for r in t["ivoa.obscore"] if any(meets(s) for s in regions(r)))


def two_lines(t):
    both = {r["obs_id"] for r in t["ivoa.obscore"] if covers(r, "13CO(2-1)", 0, 0.02)}
    rows = [r for r in t["ivoa.obscore"] if covers(r, "CO(2-1)", 0, 0.02) and r["obs_id"] in both]
    return sorted({(r["obs_id"], r["proposal_id"], r["target_name"]) for r in rows}, key=str)


def by_band(t):
    groups = {}
    for r in t["ivoa.obscore"]:
        if r["band_list"] is not None:
            groups.setdefault(r["band_list"], []).append(r["s_resolution"])
    out = []
    for band in sorted(groups):
        known = [v for v in groups[band] if v is not None]
        out.append(
            (band, len(groups[band]), min(known, default=None), float(np.mean(known)) if known else None)
        )
    return out


def many_projects(t):
    groups = {}
    for r in t["ivoa.obscore"]:
        groups.setdefault(r["target_name"], []).append(r["proposal_id"])
    rows = [(name, len({p for p in ps if p is not None}), len(ps)) for name, ps in groups.items()]
    return sorted(
        ((n or None, p, c) for n, p, c in rows if p > 1), key=lambda x: (-x[1], x[0] is None, x[0] or "")
    )


def title(t):
    groups = {}
    for r in t["ivoa.obscore"]:
        if r["obs_title"] is not None and "galax" in r["obs_title"].lower():
            groups[r["proposal_id"]] = groups.get(r["proposal_id"], 0) + 1
    return sorted(groups.items())


def radio_extension(t):
    scale = {r["obs_publisher_did"]: r["s_largest_angular_scale"] for r in t["ivoa.obscore_radio"]}
    return did(
        r
        for r in t["ivoa.obscore"]
        if has(r, "s_resolution")
        and scale[r["obs_publisher_did"]] is not None
        and scale[r["obs_publisher_did"]] > 8 * r["s_resolution"]
    )


def repairs(t):
    groups = {}
    for r in t["holdings.repair"]:
        if r["product_id"] is not None:
            groups.setdefault(r["rule_id"], []).append((r["product_id"], r["confidence"]))
    return [
        (rule, len({p for p, _ in rows}), min(c for _, c in rows)) for rule, rows in sorted(groups.items())
    ]


def companions(t):
    cubes = {
        r["dataset_id"]: r
        for r in t["ivoa.obscore"]
        if r["dataproduct_type"] == "cube" and r["dataset_id"] is not None and is_public(r)
    }
    return sorted(
        (cubes[p["dataset_id"]]["obs_publisher_did"], p["path"])
        for p in t["holdings.product"]
        if p["role"] == "pb" and p["dataset_id"] in cubes
    )


def spectral_windows(t):
    wavelength = C / 345.76e9
    return sorted(
        (w["window_id"], w["obs_publisher_did"])
        for w in t["holdings.spectral_window"]
        if has(w, "em_min", "em_max", "velocity_resolution", "obs_publisher_did")
        and w["em_min"] < wavelength < w["em_max"]
        and w["velocity_resolution"] < 1500
    )


def select(condition):
    return lambda t: did(r for r in t["ivoa.obscore"] if condition(r))


# example id -> (columns of the answer to compare, whether order counts, numpy's answer)
DID = ("obs_publisher_did",)
ORACLES = {
    "line-in-galaxy": (DID, False, line_in_galaxy),
    "cone": (DID, False, select(lambda r: near(r, 11.888, -25.288) <= 0.5)),
    "nearest": (
        DID,
        True,
        lambda t: [
            (d,)
            for _, d in sorted(
                (near(r, 53.4015, -36.1404), r["obs_publisher_did"])
                for r in t["ivoa.obscore"]
                if near(r, 53.4015, -36.1404) < 2
            )
        ][:20],
    ),
    "point-in-footprint": (
        DID,
        False,
        select(lambda r: any(inside(*s, 204.2538, -29.8658).any() for s in regions(r))),
    ),
    "polygon": (DID, False, polygon),
    "coordinate-range": (DID, False, coordinate_range),
    "frequency": (
        DID,
        False,
        select(
            lambda r: (
                r["dataproduct_type"] == "cube"
                and has(r, "em_min", "em_max")
                and r["em_min"] <= C / 345.2e9 <= r["em_max"]
            )
        ),
    ),
    "high-redshift": (DID, False, select(lambda r: covers(r, "[CII]158", 5, 8))),
    "two-lines": (("obs_id", "proposal_id", "target_name"), False, two_lines),
    "resolution": (
        DID,
        False,
        select(
            lambda r: has(r, "s_resolution", "s_fov") and r["s_resolution"] < 0.6 and r["s_fov"] > 20 / 3600
        ),
    ),
    "sensitivity": (
        DID,
        True,
        lambda t: [
            (r["obs_publisher_did"],)
            for r in sorted(
                (
                    r
                    for r in t["ivoa.obscore"]
                    if has(r, "band_list", "sensitivity_10kms")
                    and "6" in r["band_list"]
                    and r["sensitivity_10kms"] < 1.2
                ),
                key=lambda r: (r["sensitivity_10kms"], r["obs_publisher_did"]),
            )
        ],
    ),
    "polarisation": (DID, False, select(lambda r: has(r, "pol_xel") and r["pol_xel"] >= 2)),
    "time": (
        DID,
        False,
        select(
            lambda r: (
                has(r, "t_min", "t_max", "obs_release_date")
                and r["t_min"] >= 57023
                and r["t_max"] < 58119
                and r["obs_release_date"] < "2019-01-01"
            )
        ),
    ),
    "title": (("proposal_id", "datasets"), True, title),
    "radio-extension": (DID, False, radio_extension),
    "by-band": (("band_list", "datasets", "best", "mean"), True, by_band),
    "many-projects": (("target_name", "projects", "datasets"), True, many_projects),
    "repairs": (("rule_id", "products", "least_confidence"), True, repairs),
    "companions": (("obs_publisher_did", "path"), False, companions),
    "spectral-windows": (("window_id", "obs_publisher_did"), False, spectral_windows),
    "archive-only": (
        DID,
        False,
        select(lambda r: r["origin"] == "archive" and has(r, "t_exptime") and r["t_exptime"] > 600),
    ),
}


def test_every_example_has_an_oracle() -> None:
    assert [e.id for e in examples()] == list(ORACLES)
    assert len(ORACLES) >= 20


def test_the_page_is_written_from_the_source() -> None:
    assert (REPOSITORY / "docs/queries.md").read_text(encoding="utf-8") == as_markdown()


@pytest.mark.parametrize("example", examples(), ids=lambda e: e.id)
def test_example_equals_numpy(example, service, tables) -> None:
    # RAD-032: frequencies are asked for as wavelengths
    columns, ordered, oracle = ORACLES[example.id]
    table = service.search(example.query).to_table()
    got = [tuple(_plain(row[c]) for c in columns) for row in table]
    wanted = list(oracle(tables))
    if not ordered:
        got, wanted = sorted(got, key=str), sorted(wanted, key=str)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted):
        for a, b in zip(one, other):
            assert a == pytest.approx(b, rel=1e-12) if isinstance(b, float) else a == b
    whole = len(tables["ivoa.obscore"])
    assert 0 < len(got) < whole
