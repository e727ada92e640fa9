"""What is found by a map of probability, in every form that such maps come in."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import astropy.units as u
import cdshealpix.nested
import httpx
import mocpy
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude, angular_separation
from astropy.io import votable
from lxml import etree
from made_archive import MadeArchive
from sky_map_files import bell, flat, multi_order, table_file, told_otherwise

from vo_service.dali.multipart import Part
from vo_service.dali.uploads import ReadLimits, SkyMap, UploadFault, read_map, sky_maps

SEARCH = "/moc/search"
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
ORDER = 5
MAP = bell(ORDER, 10.0, -5.0, 4.0)
PIXEL_SR = 4.0 * np.pi / len(MAP)


def search(made: MadeArchive, content: bytes, **asked: str) -> httpx.Response:
    return made.ask(
        SEARCH, method="POST", data={"UPLOAD": "gw,param:f", **asked}, files={"f": ("map.fits", content)}
    )


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text[:2000]
    return list(csv.DictReader(io.StringIO(answer.text)))


def found(made: MadeArchive, content: bytes, **asked: str) -> list[dict[str, str]]:
    return rows_of(search(made, content, RESPONSEFORMAT="csv", **asked))


def infos(answer: httpx.Response) -> dict[str, str]:
    root = etree.fromstring(answer.content)
    return {info.get("name"): info.get("value") for info in root.iter(VOTABLE + "INFO")}


FORMS = {
    "multi-order": multi_order(MAP),
    "per square degree": multi_order(MAP, "deg-2"),
    "nested": flat(MAP),
    "many in a row": flat(MAP, rows=1024),
    "ring": flat(MAP, "RING", "PROBABILITY"),
    "ring, many in a row": flat(MAP, "RING", "PROBABILITY", rows=1024),
    "numbered": flat(MAP, explicit=True),
    "numbered rings": flat(MAP, "RING", explicit=True),
    "flat density": flat(MAP / PIXEL_SR, name="PROBDENSITY"),
    "other columns": table_file(
        {"DISTMU": np.ones(len(MAP)), "PROB": MAP, "DISTSIGMA": np.full(len(MAP), np.nan)},
        ORDERING="NESTED",
        NSIDE=2**ORDER,
    ),
    "packed": gzip.compress(multi_order(MAP), mtime=0),
}


@pytest.fixture(scope="module")
def wanted(made: MadeArchive) -> dict[str, float]:
    rows = found(made, FORMS["nested"])
    assert len(rows) > 50
    return {row["obs_publisher_did"]: float(row["probability"]) for row in rows}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_sky_map(made: MadeArchive, wanted: dict[str, float], form: str) -> None:
    told = {row["obs_publisher_did"]: float(row["probability"]) for row in found(made, FORMS[form])}
    assert told == pytest.approx(wanted, rel=1e-9, abs=1e-15)


def test_single_precision(made: MadeArchive, wanted: dict[str, float]) -> None:
    told = {row["obs_publisher_did"]: float(row["probability"]) for row in found(made, flat(MAP, kind="f4"))}
    both = told.keys() & wanted.keys()
    assert len(both) >= len(wanted) - 3
    assert [told[did] for did in both] == pytest.approx([wanted[did] for did in both], rel=1e-5, abs=1e-12)


def test_the_probability_is_the_sum_over_pixels(made: MadeArchive) -> None:
    """Of pixels of order 13, each a 65536th of one of the map's, whose middles lie in the footprint."""
    rows = found(made, FORMS["multi-order"])
    circles = [
        row for row in rows if row["s_region"].startswith("Circle") and row["s_region"].split()[4] != "0.0"
    ]
    assert len(circles) > 20
    for row in circles:
        _, _, *numbers = row["s_region"].split()
        lon, lat, radius = (float(number) for number in numbers)
        order = ORDER + 5 + int(np.log2(4.0 / radius))
        cells, _, _ = cdshealpix.nested.cone_search(
            Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), 1.02 * radius * u.deg, order, flat=True
        )
        lons, lats = cdshealpix.nested.healpix_to_lonlat(cells, order)
        near = angular_separation(lons.rad, lats.rad, np.radians(lon), np.radians(lat)) <= np.radians(radius)
        parents = cells[near] >> np.uint64(2 * (order - ORDER))
        total = MAP[parents].sum() / 4.0 ** (order - ORDER)
        assert float(row["probability"]) == pytest.approx(total, rel=5e-3)


def test_from_the_most_probable_down(made: MadeArchive) -> None:
    rows = found(made, FORMS["multi-order"])
    values = [float(row["probability"]) for row in rows]
    assert values == sorted(values, reverse=True) and values[0] > 0.01
    assert [row["obs_publisher_did"] for row in found(made, FORMS["multi-order"], MAXREC="3")] == [
        row["obs_publisher_did"] for row in rows[:3]
    ]
    by_time = found(made, FORMS["multi-order"], SORT="t_min")
    times = [float(row["t_min"]) for row in by_time if row["t_min"]]
    assert times == sorted(times) and len(by_time) == len(rows)
    named = ["probability", "overlap_area", "overlap_fraction"]
    assert [name in rows[0] for name in named] == [True, False, False]


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 0.999, 1.0])
def test_the_level_that_is_searched(made: MadeArchive, level: float) -> None:
    """The densest pixels, as few as do; what touches one of them is found, as by the map of these."""
    order = np.argsort(-MAP)
    count = int(np.searchsorted(np.cumsum(MAP[order]), level * MAP.sum() * (1.0 - 1e-12))) + 1
    count = min(count, int((MAP > 0.0).sum()))
    region = mocpy.MOC.from_healpix_cells(
        order[:count].astype(np.uint64), np.full(count, ORDER, dtype=np.uint8), max_depth=ORDER
    )
    by_tap = made.tap(f"INTERSECTS(MOC('{region.to_string()}'), s_region) = 1")
    asked = {} if level == 0.9 else {"LEVEL": str(level)}  # as many tell it
    rows = found(made, FORMS["multi-order"], **asked)
    assert {row["obs_publisher_did"] for row in rows} == {row["obs_publisher_did"] for row in by_tap}
    told = infos(search(made, FORMS["multi-order"], **asked))
    assert float(told["credible_level"]) == level
    assert float(told["region_area"]) == pytest.approx(count * np.degrees(1.0) ** 2 * PIXEL_SR, rel=1e-8)
    assert float(told["region_probability"]) == pytest.approx(MAP[order[:count]].sum(), rel=1e-8)
    assert float(told["map_probability"]) == pytest.approx(1.0, rel=1e-8)
    assert int(told["matches"]) == len(rows)
    assert told["map_order"] == str(ORDER)


def test_a_map_that_is_a_part(made: MadeArchive) -> None:
    """A map of half of the probability: a level is a share of what the map has."""
    told = infos(search(made, flat(0.5 * MAP), LEVEL="0.8"))
    assert float(told["map_probability"]) == pytest.approx(0.5)
    assert 0.4 <= float(told["region_probability"]) < 0.42


def test_constraints_are_heeded(made: MadeArchive, wanted: dict[str, float]) -> None:
    rows = found(made, FORMS["multi-order"], POL="XX", DPTYPE="cube")
    assert 3 < len(rows) < len(wanted) and {row["dataproduct_type"] for row in rows} == {"cube"}
    told = [float(row["probability"]) for row in rows]
    assert told == pytest.approx([wanted[row["obs_publisher_did"]] for row in rows], rel=1e-9)


def test_the_column_is_described(made: MadeArchive, validate: Any) -> None:
    answer = search(made, FORMS["multi-order"], MAXREC="5")
    validate(answer.content)
    table = votable.parse(io.BytesIO(answer.content)).get_first_table()
    field = table.get_field_by_id("probability")
    assert (field.ucd, field.datatype, field.unit) == ("stat.probability", "double", None)
    resources = [one.get("name") for one in etree.fromstring(answer.content).iter(VOTABLE + "RESOURCE")]
    assert resources[1:] == ["Links", "Cut-out"]


# --- files that are wrong ---


def changed(values: dict[int, float], **cards: Any) -> bytes:
    other = MAP.copy()
    for at, value in values.items():
        other[at] = value
    return flat(other, **cards)


UNIQ = np.array([4 * 4**ORDER + n for n in range(12)], dtype=np.int64)
MOST = {"ORDERING": "NUNIQ", "COORDSYS": "C"}


def cells(uniq: Any = UNIQ, density: Any = None, **cards: Any) -> bytes:
    values = np.full(len(uniq), 1.0) if density is None else density
    return table_file({"UNIQ": np.asarray(uniq), "PROBDENSITY": values}, **(MOST | cards))


def uneven() -> bytes:
    return table_file({"UNIQ": UNIQ.reshape(6, 2), "PROBDENSITY": np.ones(6)}, **MOST)


def twice() -> bytes:
    columns = {"PIXEL": np.array([1, 2, 1]), "PROB": np.array([0.1, 0.2, 0.3])}
    return table_file(columns, ORDERING="NESTED", NSIDE=8)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (table_file({"RA": MAP, "DEC": MAP}), "no column PROBDENSITY, PROB or PROBABILITY; it has DEC, RA"),
        (flat(0.0 * MAP), "the sky map is empty"),
        (cells(UNIQ[:0], np.empty(0)), "the sky map has no cells"),
        (changed({17: np.nan}), "row 18, column PROB: nan is no probability"),
        (changed({17: np.inf}), "row 18, column PROB: inf is no probability"),
        (changed({5: -1e-5}), "row 6, column PROB: -1e-05 is no probability"),
        (changed({2048: -1.6375e30}, rows=1024), "row 3, column PROB: -1.6375e+30 is no probability"),
        (cells(density=np.full(12, -2.0)), "row 1, column PROBDENSITY: -2 is no probability"),
        (flat(2.0 * MAP), "add up to 2, more than 1"),
        (flat(MAP, name="PROBDENSITY", COORDSYS="G"), "in the frame COORDSYS 'G', one in ICRS ('C')"),
        (flat(MAP, ORDERING="SPIRAL"), "ORDERING is SPIRAL, NUNIQ, NESTED or RING is wanted"),
        (table_file({"PROB": MAP}), "ORDERING is missing"),
        (flat(MAP, NSIDE=16), f"the sky map has {len(MAP)} pixels, 3072 belong to NSIDE 16"),
        (flat(MAP, NSIDE=33), "NSIDE is 33, a power of two is wanted"),
        (flat(MAP, NSIDE=2048), "the sky map has pixels of NSIDE 2048, 1024 at most are read"),
        (flat(MAP, explicit=True, NSIDE=1), "is no pixel of NSIDE 1"),
        (uneven(), "column PROBDENSITY: 1 values in a row, and 2 cells"),
        (twice(), "column PIXEL: the sky map has a pixel twice"),
        (cells([3, *UNIQ[1:]]), "row 1, column UNIQ: 3 is no cell"),
        (cells([*UNIQ[1:], 2**62 + 2**61 + 2**60 + 2**59]), "row 12, column UNIQ: 86469112845513"),
        (cells([4 * 4**4, *UNIQ[1:]]), "cells that do not overlap are wanted"),
        (cells([UNIQ[1], *UNIQ[1:]]), "cells that do not overlap are wanted"),
        (cells(UNIQ.astype(float)), "column UNIQ: whole numbers are wanted"),
        (cells(ORDERING="RING"), "the table has UNIQ numbers and ORDERING 'RING', NUNIQ is wanted"),
        (cells(TUNIT2="1/arcsec2"), "column PROBDENSITY: the unit '1/arcsec2' is not known"),
        (flat(MAP, TSCAL1=2.0), "column PROB: plain numbers, without TSCAL and TZERO, are wanted"),
        (flat(MAP)[:9000], "more than the file holds"),
        (FORMS["packed"][:200], "the gzip file ends too early"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)  # fmt: skip
def test_maps_that_are_none(made: MadeArchive, content: bytes, told: str) -> None:
    answer = search(made, content)
    assert answer.status_code == 400, answer.text[:500]
    [info] = etree.fromstring(answer.content).iter(VOTABLE + "INFO")
    assert "UPLOAD gw: " in info.text and told in info.text


@pytest.mark.parametrize("level", ["0", "-0.5", "1.1", "NaN", "x", "90%"])
def test_levels_that_are_none(made: MadeArchive, level: str) -> None:
    answer = search(made, FORMS["nested"], LEVEL=level)
    assert answer.status_code == 400 and f"LEVEL='{level}' cannot be used" in answer.text


def test_a_sky_map_is_no_table_of_overlaps(made: MadeArchive) -> None:
    answer = search(made, FORMS["nested"], SORT="-overlap_area")
    assert answer.status_code == 400 and "SORT='overlap_area' cannot be used" in answer.text


def test_images_are_not_searched_by_probability(made: MadeArchive) -> None:
    answer = made.ask(
        "/sia2/query", method="POST", data={"UPLOAD": "gw,param:f"}, files={"f": ("m", FORMS["nested"])}
    )
    assert answer.status_code == 400 and "UsageFault: UPLOAD gw: the file is a table" in answer.text


def test_more_cells_than_are_taken(tmp_path: Any) -> None:
    # the limit of the rows of uploaded tables
    content = multi_order(bell(3, 0.0, 0.0, 30.0))
    limits = ReadLimits(5, 10**7, tmp_path, lambda: None)
    with pytest.raises(UploadFault, match=r"\d+ cells, more than the 5 allowed"):
        read_map(Part("p", content, len(content)), limits)


def test_what_is_known_of_a_map(tmp_path: Any) -> None:
    content = told_otherwise(multi_order(MAP), COORDSYS="ICRS")
    map = read_map(Part("p", content, len(content)), ReadLimits(10**6, 10**7, tmp_path, lambda: None))
    assert isinstance(map, SkyMap) and map.order == ORDER and map.cells < len(MAP)
    assert map.density.total == pytest.approx(1.0, rel=1e-12)


def test_reading_rings_can_be_ended(tmp_path: Path) -> None:
    """Whoever waits is asked again and again, not once."""
    content, check = flat(MAP, "RING"), Mock()
    with patch.object(sky_maps, "_PIXELS_AT_ONCE", 500):
        found = read_map(Part("f", content, len(content)), ReadLimits(10**6, 1 << 30, tmp_path, check))
    assert isinstance(found, SkyMap) and check.call_count > len(MAP) / 500
    for at, share in ((0, MAP[0]), (len(MAP) - 1, MAP[-1]), (int(MAP.argmax()), MAP.max())):
        cell = np.array([at], dtype=np.int64) << 2 * (29 - ORDER)
        assert found.density.amounts(cell, cell + 4 ** (29 - ORDER)) == pytest.approx(share, abs=1e-12)
