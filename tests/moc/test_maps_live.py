"""Coverage maps of a running service as clients find them: the checks of maps at any address."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import astropy.units as u
import cdshealpix.nested
import mocpy
import numpy as np
import pytest
import pyvo
import requests
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from astropy.time import Time
from live_service import LiveService, copy_home, until
from lxml import etree
from moc_judge import Joint, Space, holds, judge_ascii, judge_fits, judge_json
from service_processes import run_command

from vo_service.sky import parse_region, positions

LIGHT = 299_792_458.0
OUTER = {"": "s", "time/": "t", "frequency/": "f"}
JUDGES: dict[str, tuple[Callable[[bytes], Space | Joint], str]] = {
    "fits": (judge_fits, "application/fits"),
    "json": (judge_json, "application/json"),
    "txt": (judge_ascii, "text/plain; charset=utf-8"),
}
CLASSES = {"": mocpy.MOC, "time/": mocpy.STMOC, "frequency/": mocpy.SFMOC}
COLUMNS = (
    "obs_publisher_did, dataset_id, proposal_id, band_list, s_ra, s_dec, s_region, t_min, t_max, em_min,"
    " em_max, em_support, origin"
)


@dataclass(frozen=True)
class Served:
    """A service whose maps are of its rows, all of which are open."""

    url: str
    rows: list[dict[str, Any]]

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(f"{self.url}/moc{path}", timeout=120, **more)

    def row(self, **wanted: str) -> dict[str, Any]:
        """One that has what is wanted, and a region."""
        return next(
            row for row in self.rows if row["s_region"] and all(row[key] == wanted[key] for key in wanted)
        )


@pytest.fixture(scope="module")
def service(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    home = copy_home(holdings.home, tmp_path_factory.mktemp("maps") / "home")
    assert run_command(home, "moc", VO_SERVICE_UNLISTED="open").returncode == 0
    service = LiveService(home).start()
    assert until(service.is_whole)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def served(service: LiveService) -> Served:
    found = pyvo.dal.TAPService(f"{service.url}/tap").search(
        f"SELECT {COLUMNS} FROM ivoa.obscore", maxrec=10**6
    )
    rows = [
        {name: None if _is_null(row[name]) else row[name] for name in found.fieldnames}
        for row in found.to_table()
    ]
    return Served(service.url, rows)


def _is_null(value: Any) -> bool:
    return bool(np.ma.is_masked(value) or value == "" if np.ndim(value) == 0 else len(value) == 0) or (
        isinstance(value, float | np.floating) and bool(np.isnan(value))
    )


def paths_of(served: Served) -> list[str]:
    """A map of each kind, without dimension and ending."""
    ours, archive = served.row(origin="file"), served.row(origin="archive")
    project = served.row(proposal_id=next(row["proposal_id"] for row in served.rows if row["proposal_id"]))
    year = Time(next(row["t_min"] for row in served.rows if row["t_min"]), format="mjd").datetime.year
    return [
        "holdings",
        "band/6",
        f"year/{year}",
        f"project/{project['proposal_id']}",
        f"dataset/{ours['dataset_id']}",
        f"dataset/{quote(archive['obs_publisher_did'], safe='')}",
    ]


def test_every_map_in_every_form(served: Served) -> None:
    """# CHK-M01 to CHK-M09"""
    for path in paths_of(served):
        for start, letter in OUTER.items():
            found = []
            for ending, (judge, media_type) in JUDGES.items():
                answer = served.get(f"/{start}{path}.{ending}")
                assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type), answer.text
                found.append(judge(answer.content))
            assert found[0] == found[1] == found[2]
            assert isinstance(found[0], Space) if letter == "s" else found[0].letter == letter
            assert found[0].ranges if isinstance(found[0], Space) else found[0].sets


def test_round_trips_through_mocpy_and_cdshealpix(served: Served) -> None:
    """# CHK-M10, MPY-15: mocpy reads all forms as the same map, and writes it back as it was"""
    for path in paths_of(served):
        for start, of_kind in CLASSES.items():
            by_fits = of_kind.from_fits(f"{served.url}/moc/{start}{path}.fits")
            by_json = of_kind.from_json(json.loads(served.get(f"/{start}{path}.json").text))
            by_text = of_kind.from_string(served.get(f"/{start}{path}.txt").text)
            assert not by_fits.empty()
            if of_kind is not mocpy.MOC:  # the library says each set's own order: the sets are compared
                words = [one.serialize("fits")[1].data.field(0) for one in (by_fits, by_json, by_text)]
                with fits.open(f"{served.url}/moc/{start}{path}.fits", cache=False) as hdus:
                    assert all(np.array_equal(each, hdus[1].data.field(0)) for each in words)
                continue
            assert by_fits == by_json == by_text
            found = judge_fits(served.get(f"/{path}.fits").content)
            assert isinstance(found, Space)
            cells = sum(stop - start for start, stop in found.ranges)
            assert by_fits.max_order == found.order
            assert by_fits.sky_fraction == pytest.approx(cells / (12 * 4**29), rel=1e-12)
            with fits.open(io.BytesIO(served.get(f"/{path}.fits").content)) as hdus:
                uniq = hdus[1].data["UNIQ"].astype(np.uint64)
            orders = (np.log2(uniq // 4) // 2).astype(np.uint8)
            numbers = uniq - 4 * 4 ** orders.astype(np.uint64)
            assert mocpy.MOC.from_healpix_cells(numbers, orders, found.order) == by_fits
            lon, lat = cdshealpix.nested.healpix_to_lonlat(numbers[:50], orders[:50])
            assert by_fits.contains_lonlat(lon, lat).all()
            again = by_fits.serialize("fits", v1_compatible=True)[1].data.field(0)
            assert np.array_equal(np.sort(again.astype(np.uint64)), uniq)


def test_coarser_maps(served: Served) -> None:
    """# CHK-M11, MOC-023, MOC-025, MOC-081"""
    for path in paths_of(served):
        full = mocpy.MOC.from_string(served.get(f"/{path}.txt").text)
        for order in (0, 4, full.max_order - 1):
            coarse = mocpy.MOC.from_string(served.get(f"/{path}.txt?order={order}").text)
            assert coarse == full.degrade_to_order(order) and coarse.max_order == order
        assert mocpy.MOC.from_string(served.get(f"/{path}.txt?ORDER=29").text) == full
        for start, name in (("time/", "timeorder"), ("frequency/", "frequencyorder")):
            whole = judge_fits(served.get(f"/{start}{path}.fits").content)
            some = judge_fits(served.get(f"/{start}{path}.fits?order=5&{name}=9").content)
            assert isinstance(whole, Joint) and isinstance(some, Joint)
            assert some.orders == (9, 5)
            assert judge_fits(served.get(f"/{start}{path}.fits?order=5").content).orders == (
                whole.orders[0],
                5,
            )
            for outer, space in whole.sets:
                for low, _ in outer:
                    (there,) = [cells for ranges, cells in some.sets if holds(ranges, low)]
                    assert all(holds(there, start) for start, _ in space)


def test_rows_lie_inside(served: Served) -> None:
    """# CHK-M12, MOC-089: of random rows the corners, and what is far from all of them is outside"""
    whole = mocpy.MOC.from_fits(f"{served.url}/moc/holdings.fits")
    random = np.random.default_rng(3)
    placed = [row for row in served.rows if row["s_region"]]
    regions = [parse_region(row["s_region"]) for row in placed]
    for at in random.permutation(len(placed))[:60]:
        row, points = placed[at], positions(regions[at].places())
        lon, lat = Longitude(points[0], u.deg), Latitude(points[1], u.deg)
        assert whole.contains_lonlat(lon, lat).all()
        paths = [f"band/{band}" for band in (row["band_list"] or "").split()]
        paths += [f"project/{row['proposal_id']}"] if row["proposal_id"] else []
        for path in paths:
            assert mocpy.MOC.from_string(served.get(f"/{path}.txt").text).contains_lonlat(lon, lat).all()
    xyz = random.normal(size=(3000, 3))
    xyz /= np.linalg.norm(xyz, axis=1)[:, None]
    away = np.min([region.distance(xyz) for region in set(regions)], axis=0) > 2.2 / 2.0**whole.max_order
    lon, lat = positions(xyz[away])
    assert not whole.contains_lonlat(Longitude(lon, u.deg), Latitude(lat, u.deg)).any()


def test_times_and_frequencies_of_a_data_set(served: Served) -> None:
    """# CHK-M13, CHK-M14"""
    row = next(
        row
        for row in served.rows
        if all(row[name] for name in ("s_region", "t_min", "t_max", "em_min", "dataset_id"))
    )
    time = mocpy.STMOC.from_fits(f"{served.url}/moc/time/dataset/{row['dataset_id']}.fits")
    begin, end = (Time(row[name], format="mjd", scale="utc").tcb for name in ("t_min", "t_max"))
    assert time.min_time.tcb <= begin and end <= time.max_time.tcb
    slack = (520.0 + 1073.75) * u.s
    assert begin - time.min_time.tcb < slack and time.max_time.tcb - end < slack
    one = judge_fits(served.get(f"/frequency/dataset/{row['dataset_id']}.fits").content)
    assert isinstance(one, Joint)
    support = row["em_support"]
    windows = np.array((row["em_min"], row["em_max"]) if support is None else np.ma.getdata(support), float)
    index = np.floor((np.log10(LIGHT / windows) + 18.0) / 56.0 * 2.0**52).astype(np.int64)
    assert all(any(holds(outer, int(each)) for outer, _ in one.sets) for each in index)


def test_what_is_asked_by_headers(served: Served) -> None:
    """# CHK-M15, MOC-080"""
    for path in paths_of(served):
        for accept, ending in (("application/json", "json"), ("text/plain", "txt"), ("*/*", "fits")):
            answer = served.get(f"/{path}", headers={"Accept": accept})
            assert answer.content == served.get(f"/{path}.{ending}").content
            assert answer.headers["Content-Type"] == JUDGES[ending][1] and answer.headers["Vary"] == "Accept"
        assert served.get(f"/{path}?RESPONSEFORMAT=json").content == served.get(f"/{path}.json").content
        for wrong in (f"/{path}.xml", f"/{path}?RESPONSEFORMAT=votable", f"/{path}.fits?order=x"):
            answer = served.get(wrong)
            assert answer.status_code == 400, wrong
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
    unknown = (
        "/band/66.fits",
        "/year/1066",
        "/project/none",
        "/dataset/none",
        "/other",
        "/time",
        "/holding.fits",
    )
    assert {served.get(path).status_code for path in unknown} == {404}


def test_states_of_a_map(served: Served) -> None:
    """# CHK-M15, MOC-081"""
    for path in (*paths_of(served), f"time/{paths_of(served)[4]}"):
        url = f"{served.url}/moc/{path}.fits"
        got, again, head = requests.get(url), requests.get(url), requests.head(url)
        assert got.content == again.content and not head.content
        for name in (
            "ETag",
            "Content-Type",
            "Content-Length",
            "Cache-Control",
            "Access-Control-Allow-Origin",
        ):
            assert got.headers[name] == again.headers[name] == head.headers[name]
        assert int(got.headers["Content-Length"]) == len(got.content)
        same = requests.get(url, headers={"If-None-Match": got.headers["ETag"]})
        assert (same.status_code, same.content) == (304, b"")
        part = requests.get(url, headers={"Range": "bytes=0-79"})
        assert (part.status_code, part.content) == (206, got.content[:80])
        assert requests.get(f"{url}?order=2").headers["ETag"] != got.headers["ETag"]
        assert requests.post(url).status_code == 405
    modified = requests.head(f"{served.url}/moc/holdings.fits").headers["Last-Modified"]
    later = requests.get(f"{served.url}/moc/holdings.fits", headers={"If-Modified-Since": modified})
    assert later.status_code == 304


def test_what_files_say_of_themselves(served: Served) -> None:
    # MOC-051
    row = served.row(origin="file")
    for path, told in (
        ("holdings", "ivo://vo-service.invalid/obs"),
        (f"dataset/{row['dataset_id']}", row["obs_publisher_did"]),
    ):
        with fits.open(f"{served.url}/moc/{path}.fits", cache=False) as hdus:
            header = hdus[1].header
        assert header["MOCID"] == told and header["ORIGIN"] == "ivo://vo-service.invalid"
        assert header["MOCTOOL"].startswith("vo-service ") and Time(header["DATE"])


def test_the_page(served: Served) -> None:
    """All that it links to is there."""
    answer = served.get("")
    assert answer.headers["Content-Type"].startswith("text/html")
    page = etree.fromstring(answer.content)
    assert not page.findall(".//{*}script")
    base = page.find(".//{*}base").get("href")
    links = [base + link.get("href") for link in page.iterfind(".//{*}a")]
    assert f"{served.url}/moc/frequency/band/6.json" in links and len(links) == len(set(links)) > 50
    for link in np.random.default_rng(1).permutation(links)[:20]:
        assert requests.get(link, timeout=60).status_code == 200, link


def test_the_map_of_an_answer(served: Served) -> None:
    """As pyvo finds the rows, by the same parameters."""
    row = served.row(origin="file")
    pos = (row["s_ra"] * u.deg, row["s_dec"] * u.deg, 0.5 * u.deg)
    band = (0.0005 * u.m, 0.004 * u.m)
    found = pyvo.dal.SIA2Service(f"{served.url}/sia2").search(pos=pos, band=band, maxrec=10**6)
    assert len(found) > 1
    asked = {"POS": f"CIRCLE {row['s_ra']} {row['s_dec']} 0.5", "BAND": "0.0005 0.004"}
    answer = served.get("", params=asked)
    judge_fits(answer.content)
    url = requests.Request("GET", f"{served.url}/moc", params=asked).prepare().url
    moc = mocpy.MOC.from_fits(url)
    for text in set(found["s_region"]):
        points = positions(parse_region(text).places())
        assert moc.contains_lonlat(Longitude(points[0], u.deg), Latitude(points[1], u.deg)).all()
    there = mocpy.MOC.from_string(
        served.get("", params={**asked, "RESPONSEFORMAT": "ascii", "order": 6}).text
    )
    assert there == moc.degrade_to_order(6)
    # what is found by the map again is all of it
    again = requests.post(
        f"{served.url}/moc/search",
        {"MOC": " ".join(there.to_string().split()), "RESPONSEFORMAT": "csv", "MAXREC": "1000000"},
        timeout=120,
    )
    dids = {each["obs_publisher_did"] for each in csv.DictReader(io.StringIO(again.text))}
    assert set(found["obs_publisher_did"]) <= dids


def test_the_registry_agrees(served: Served) -> None:
    """# CHK-M16, MOC-084 to MOC-089"""
    answer = requests.get(
        f"{served.url}/registry?verb=GetRecord&metadataPrefix=ivo_vor&identifier=ivo://vo-service.invalid/tap",
        timeout=120,
    )
    (coverage,) = etree.fromstring(answer.content).iter("coverage")
    kinds = [child.tag for child in coverage]
    assert kinds == sorted(kinds, key=["spatial", "temporal", "spectral", "footprint", "waveband"].index)
    spatial, footprint = coverage.find("spatial"), coverage.find("footprint")
    assert not spatial.attrib and dict(footprint.attrib) == {"ivo-id": "ivo://ivoa.net/std/moc"}
    full = mocpy.MOC.from_fits(footprint.text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert mocpy.MOC.from_string(spatial.text) == full.degrade_to_order(6)
    times = np.array([one.text.split() for one in coverage.iterfind("temporal")], dtype=float)
    assert ((times > 4e4) & (times < 8e4)).all() and (times[:, 0] < times[:, 1]).all()
    mjd = np.array([row["t_min"] for row in served.rows if row["t_min"] and row["s_region"]])
    tdb = Time(mjd, format="mjd", scale="utc").tdb.mjd
    inside = (tdb[:, None] > times[:, 0]) & (tdb[:, None] < times[:, 1])
    assert inside.any(axis=1).all()
    energies = np.array([one.text.split() for one in coverage.iterfind("spectral")], dtype=float)
    assert ((energies > 1e-30) & (energies < 1e-10)).all()
    joules = (
        6.62607015e-34
        * LIGHT
        / np.array([row["em_max"] for row in served.rows if row["em_max"] and row["s_region"]])
    )
    assert ((joules[:, None] >= energies[:, 0]) & (joules[:, None] <= energies[:, 1])).any(axis=1).all()


def test_maps_are_declared(served: Served) -> None:
    """# CHK-M17, MOC-082"""
    root = etree.fromstring(served.get("/capabilities").content)
    (found,) = [one for one in root if one.findtext("interface/accessURL") == f"{served.url}/moc"]
    declared = {one.findtext("name"): one.find("dataType") for one in found.iter("param")}
    assert {"POS", "BAND", "TIME", "MOC", "ORDER", "RESPONSEFORMAT"} <= {*declared}
    moc = declared["MOC"]
    assert (moc.text, moc.get("arraysize"), moc.get("extendedType")) == ("char", "*", "moc")


def test_without_maps_the_operator_is_told_what_to_do(live_server: str) -> None:
    answer = requests.get(f"{live_server}/moc/holdings.fits", timeout=60)
    assert answer.status_code == 404 and "`vo-service moc`" in answer.text
    page = requests.get(f"{live_server}/moc", timeout=60)
    assert page.status_code == 200 and "vo-service moc" in page.text
    etree.fromstring(page.content)
    assert requests.get(f"{live_server}/moc?CALIB=2&order=3", timeout=60).status_code == 200
