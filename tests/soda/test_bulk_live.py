"""Cut-outs of a table against a live server: the same bytes as single calls, and a word for every row."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import requests
from astropy.io import fits
from astropy.table import Table
from bulk_client import BulkJob, as_csv, cuts_of, states_of, upload
from cut_files import wcs_of
from live_archive import Archive, Sample, check_error
from pyvo.dal import AsyncTAPJob
from xsd import Validate

CUBE: Final = "M83_sci.spw16.cube.I.pbcor.fits"
OTHER: Final = "ngc2903/ngc2903_12m+7m+tp_co21.fits"
PACKED: Final = "M77_CO21.image.pbcor.fits.gz"
CLOSED: Final = "X914.NGC5236_sci.spw17.cube.I.pbcor.fits"
COLUMNS: Final = ("name", "obs_publisher_did", "ra", "dec", "radius")


@pytest.fixture(scope="module")
def cube(archive: Archive) -> Sample:
    return archive.find(CUBE)


@pytest.fixture(scope="module")
def other(archive: Archive) -> Sample:
    return archive.find(OTHER)


def single(
    archive: Archive, sample: Sample, place: tuple[float, float], radius: float, **more: str
) -> bytes | None:
    """What sync gives."""
    answer = archive.ask(ID=sample.did, CIRCLE=f"{place[0]!r} {place[1]!r} {radius!r}", **more)
    assert answer.status_code in (200, 204), answer.text
    return answer.content if answer.status_code == 200 else None


def test_every_row_gets_what_a_single_call_gets(
    archive: Archive, cube: Sample, other: Sample, validate: Validate
) -> None:
    samples = [cube, other, archive.find(PACKED)]
    draw = random.Random(3)
    asked, rows = [], []
    for number in range(36):
        sample = samples[2] if number % 12 == 0 else draw.choice(samples[:2])
        place = sample.place(draw.uniform(-5, 90), draw.uniform(5, 60))
        asked.append((sample, place, 5.5 * sample.scale))
        rows.append((f"α {number}/..", sample.did, *map(repr, place), repr(5.5 * sample.scale)))
    job = upload(archive.url, as_csv(COLUMNS, rows), WITH="", PARTSIZE=str(1 << 20))
    states = job.completed()
    assert [row["input_row"] for row in states] == list(range(1, 37))
    assert [row["label"] for row in states] == [row[0] for row in rows]
    cuts = cuts_of(job.parts(), states)
    assert len(job.parts()) > 1 and set(map(len, job.parts().values()))
    for state, (sample, place, radius) in zip(states, asked, strict=True):
        wanted = single(archive, sample, place, radius)
        assert state["state"] == ("outside" if wanted is None else "done"), state
        assert cuts.get(state["number"]) == wanted
        assert state["dataset"] == sample.dataset_id and (state["reason"] is None) == (wanted is not None)
        if wanted is not None:
            assert (
                state["file"] == f"{state['input_row']:06}_{state['input_row'] - 1}_{sample.dataset_id}.fits"
            )
    assert 0 < len(cuts) < 36
    validate(job.get(job.address).content)
    validate(job.get(f"{job.address}/results").content)


@pytest.mark.parametrize(
    "wanted",
    [
        {"MOMENT": "0"},
        {"REBIN": "2 2 1", "WITH": "mask"},
        {"OUTSIDE": "blank"},
        {"SPECTRUM": "flux"},
        {"HEADER": "1"},
    ],
    ids="+".join,
)
def test_what_is_computed_is_what_a_single_call_computes(
    archive: Archive, cube: Sample, wanted: dict[str, str]
) -> None:
    places = [cube.place(30, 30), cube.place(40, 42), cube.place(500, 500)]
    rows = [(n, cube.did, *map(repr, place), repr(4 * cube.scale)) for n, place in enumerate(places)]
    job = upload(archive.url, as_csv(COLUMNS, rows), **wanted)
    states = job.completed()
    cuts = cuts_of(job.parts(), states)
    assert [row["state"] for row in states] == ["done", "done", "outside"]
    for state, place in zip(states[:2], places, strict=False):
        assert cuts[state["number"]] == single(archive, cube, place, 4 * cube.scale, **wanted)


def test_one_fits_file_of_all(archive: Archive, cube: Sample, other: Sample) -> None:
    rows = [
        ("first", cube.did, *map(repr, cube.place(30, 30)), repr(4 * cube.scale)),
        ("second one", other.did, *map(repr, other.place(20, 25)), repr(3 * other.scale)),
        ("first", cube.did, *map(repr, cube.place(50, 41)), repr(2 * cube.scale)),
        ("far", cube.did, "1", "2", "0.001"),
    ]
    job = upload(archive.url, as_csv(COLUMNS, rows), RESPONSEFORMAT="application/fits", CHANNELS="2 4")
    states = job.completed()
    assert [row["state"] for row in states] == ["done"] * 3 + ["outside"]
    (raw,) = job.parts().values()
    assert list(job.results()) == ["status.vot", "cutouts.fits"]
    with fits.open(io.BytesIO(raw)) as hdus:
        hdus.verify("exception")
        assert hdus[0].data is None
        for state, row, sample in zip(states[:3], rows, (cube, other, cube), strict=False):
            name, version = state["file"].rsplit(",", 1)
            image = hdus[name, int(version)]
            alone = single(archive, sample, (float(row[2]), float(row[3])), float(row[4]), CHANNELS="2 4")
            assert alone is not None
            with fits.open(io.BytesIO(alone)) as one:
                science = next(hdu for hdu in one if hdu.header["NAXIS"])
                assert image.data.tobytes() == science.data.tobytes()
                pixels = np.array([[1.0] * science.header["NAXIS"], [3.0] * science.header["NAXIS"]])
                places = [
                    wcs_of(header).wcs_pix2world(pixels, 1) for header in (image.header, science.header)
                ]
                assert (places[0] == places[1]).all()
                assert list(image.header["HISTORY"]) == list(science.header["HISTORY"])
                assert image.header["VOSRCID"] == sample.product_id
        assert [hdu.name for hdu in hdus].count("first") == 2


def test_a_reason_for_every_row(archive: Archive, cube: Sample) -> None:
    closed = archive.find(CLOSED)
    near = (*map(repr, cube.place(30, 30)), repr(3 * cube.scale))
    rows = [
        ("good", cube.did, *near),
        ("unknown", "no-such-data-set", *near),
        ("bad id", "No Such Thing", *near),
        ("closed", closed.did, *map(repr, closed.place(30, 30)), repr(3 * closed.scale)),
        ("far", cube.did, "10", "10", "0.001"),
        ("bad", cube.did, "10", "95", "0.001"),
        ("half", cube.did, "10", None, "0.001"),
        ("no text", cube.did, "10h", "10", "0.001"),
        ("file", cube.product_id, *near),
        ("nothing", None, None, None, None),
        ("nowhere", None, "123.4", "-88", "0.001"),
    ]
    job = upload(archive.url, as_csv(COLUMNS, rows))
    states = {row["label"]: row for row in job.completed()}
    told = {label: (row["state"], row["reason"] or "") for label, row in states.items()}
    assert told["good"] == told["file"] == ("done", "")
    for label, state, part in (
        ("unknown", "error", "no product of this name"),
        ("bad id", "error", "is no identifier"),
        ("closed", "forbidden", "proprietary"),
        ("far", "outside", "no pixel in the region"),
        ("bad", "error", "latitude"),
        ("half", "error", "no dec"),
        ("no text", "error", "ra='10h' is no number"),
        ("nothing", "error", "no data set and has no position"),
        ("nowhere", "outside", "No data set has anything of this region"),
    ):
        assert told[label][0] == state and part in told[label][1], (label, told[label])
    cuts = cuts_of(job.parts(), list(states.values()))
    assert cuts[1] == cuts[9] == single(archive, cube, cube.place(30, 30), 3 * cube.scale)


def test_positions_find_their_data_sets(archive: Archive, cube: Sample, other: Sample) -> None:
    places = [cube.place(40, 40), other.place(30, 30)]
    radius = repr(3 * cube.scale)
    table = Table({"ra": [place[0] for place in places], "dec": [place[1] for place in places]})
    file = io.BytesIO()
    table.write(file, format="votable")
    job = upload(archive.url, file.getvalue(), [("DPTYPE", "cube")], RADIUS=radius)
    states = job.completed()
    adql = (
        "SELECT dataset_id FROM ivoa.obscore WHERE dataset_id IS NOT NULL AND dataproduct_type = 'cube'"
        " AND 1 = INTERSECTS(CIRCLE({}, {}, {}), s_region) ORDER BY dataset_id"
    )
    for number, place in enumerate(places, 1):
        wanted = [row["dataset_id"] for row in archive._ask(adql.format(*map(repr, place), radius))]
        found = [row["dataset"] for row in states if row["input_row"] == number]
        assert found == wanted and (cube if number == 1 else other).dataset_id in found
    cuts = cuts_of(job.parts(), states)
    mine = next(row for row in states if row["dataset"] == cube.dataset_id)
    assert cuts[mine["number"]] == single(archive, cube, places[0], float(radius))
    few = upload(archive.url, file.getvalue(), [("DPTYPE", "cube")], RADIUS=radius, MOST="1").completed()
    assert len([row for row in few if row["dataset"]]) == 2
    assert any("MOST may be larger" in (row["reason"] or "") for row in few)


def test_places_at_the_edge_find_what_a_single_call_cuts(archive: Archive, cube: Sample) -> None:
    """Shapes that reach over the edge of the image, or not quite: a cut is a cut wherever the middle lies."""
    columns, lines = cube.header["NAXIS1"], cube.header["NAXIS2"]
    draw = random.Random(8)
    rows, asked = [], []
    for number in range(24):
        along, away = draw.uniform(0.1, 0.9), draw.uniform(-2, 9)
        x, y = draw.choice(
            [(along * columns, -away), (-away, along * lines), (columns + away, along * lines)]
        )
        middle, reach = cube.place(x, y), draw.uniform(2, 7) * cube.scale
        circle = f"{middle[0]!r} {middle[1]!r} {reach!r}"
        square = [(x + dx * reach / cube.scale, y + dy * reach / cube.scale) for dx, dy in _CORNERS]
        polygon = " ".join(repr(each) for corner in square for each in cube.place(*corner))
        name, shape = ("CIRCLE", circle) if number % 2 else ("POLYGON", polygon)
        rows.append((number, f"{name} {shape}"))
        asked.append({name: shape})
    job = upload(archive.url, as_csv(("label", "pos"), rows), [("DPTYPE", "cube")])
    states = job.completed()
    cuts = cuts_of(job.parts(), states)
    assert {one["state"] for one in states} <= {"done", "outside"}
    counts = {200: 0, 204: 0}
    for number, shape in enumerate(asked, 1):
        alone = archive.ask(ID=cube.did, **shape)
        counts[alone.status_code] += 1
        mine = [one for one in states if (one["input_row"], one["dataset"]) == (number, cube.dataset_id)]
        if alone.status_code == 200:
            (one,) = mine
            assert cuts[one["number"]] == alone.content
        else:
            assert not mine or mine[0]["state"] == "outside"
        assert any(one["input_row"] == number for one in states)
    assert min(counts.values()) > 3


_CORNERS: Final = ((-1, -1), (-1, 1), (1, 1), (1, -1))


def test_formats_of_tables(archive: Archive, cube: Sample, tmp_path: Path) -> None:
    place, radius = cube.place(30, 30), 3 * cube.scale
    table = Table(
        {
            "label": ["a"],
            "id": [cube.did],
            "circle": [[place[0], place[1], radius]],
            "channels": [[2, 3]],
        }
    )
    wanted = single(archive, cube, place, radius, CHANNELS="2 3")
    for format, name in (("votable", "t.vot"), ("fits", "t.fits"), ("ascii.ecsv", "t.ecsv")):
        table.write(tmp_path / name, format=format)
        job = upload(archive.url, (tmp_path / name).read_bytes())
        states = job.completed()
        assert cuts_of(job.parts(), states) == {1: wanted}, format


@pytest.mark.parametrize(
    ("table", "pairs", "parts"),
    [
        (b"flux\n1\n", [], ["UsageError", "neither data sets nor positions"]),
        (b"ra,dec\n1,2\n", [], ["UsageError", "how large"]),
        (b"id,ra,dec,radius\n", [("CIRCLE", "1 2 3"), ("CIRCLE", "1 2 4")], ["MultiValued", "CIRCLE"]),
        (b"PK\x03\x04", [], ["UsageError", "ZIP"]),
        (b"id\nx\n", [("SCALE", "2")], ["UsageError", "SCALE"]),
        (b"id\nx\n", [("UPLOAD", "two,param:table")], ["UsageError", "2 tables"]),
    ],
    ids=["columns", "radius", "repeated", "zip", "unknown", "tables"],
)
def test_a_table_that_is_wrong_as_a_whole(
    archive: Archive, table: bytes, pairs: list[tuple[str, str]], parts: list[str]
) -> None:
    text = upload(archive.url, table, pairs).error()
    assert all(part in text for part in parts), text


def test_sync_takes_no_table(archive: Archive) -> None:
    files = {"table": ("t.csv", b"id\nx\n")}
    answer = requests.post(f"{archive.url}/soda/sync", {"UPLOAD": "t,param:table"}, files=files, timeout=60)
    check_error(answer, 400, "UsageError", "UPLOAD", "/soda/async")
    check_error(archive.ask(ID="x", UPLOAD="t,http://x/y"), 400, "UsageError", "/soda/async")
    check_error(archive.ask(ID="x", MOST="3"), 400, "UsageError", "/soda/async")


def test_pyvo_leads_a_job_with_a_table(archive: Archive, cube: Sample) -> None:
    """As a UWS client that knows nothing of SODA."""
    rows = [("a", cube.did, *map(repr, cube.place(30, 30)), repr(3 * cube.scale))]
    files = {"table": ("t.csv", as_csv(COLUMNS, rows))}
    made = requests.post(
        f"{archive.url}/soda/async",
        {"UPLOAD": "mine,param:table"},
        files=files,
        allow_redirects=False,
        timeout=60,
    )
    job = AsyncTAPJob(made.headers["Location"])
    assert job.phase == "PENDING"
    job.run().wait(timeout=120)
    job.raise_if_error()
    assert [result.id_ for result in job.results] == ["status.vot", "part-001.tar"]
    status, part = (requests.get(address, timeout=60) for address in job.result_uris)
    assert status.headers["Content-Disposition"].endswith("filename=status.vot")
    assert part.headers["Content-Type"] == "application/x-tar"
    cuts = cuts_of({"part-001.tar": part.content}, states_of(status.content))
    assert cuts == {1: single(archive, cube, cube.place(30, 30), 3 * cube.scale)}
    job.delete()


def test_the_rest_of_a_job_is_as_that_of_others(archive: Archive, cube: Sample) -> None:
    rows = [("a", cube.did, *map(repr, cube.place(30, 30)), repr(3 * cube.scale))]
    job = upload(
        archive.url, as_csv(COLUMNS, rows), EXECUTIONDURATION="30", DESTRUCTION="2100-01-01T00:00:00Z"
    )
    assert isinstance(job, BulkJob) and job.completed()
    address = job.results()["part-001.tar"]
    part = requests.get(address, headers={"Range": "bytes=10-19"}, timeout=60)
    assert part.status_code == 206 and part.content == job.get(address).content[10:20]
