"""pyvo uses the service as its users do: queries, jobs, uploads, tables, examples."""

from __future__ import annotations

import io
import time
import warnings
from urllib.parse import parse_qs

import numpy as np
import pytest
import pyvo
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS, FITSFixedWarning
from live_service import SLOW, a_second
from pyvo.dal.adhoc import SODA_SYNC_IVOID, SodaQuery
from pyvo.dal.exceptions import DALQueryError, DALServiceError

TARGETS = "SELECT DISTINCT target_name FROM ivoa.obscore ORDER BY target_name"


@pytest.fixture(scope="module")
def service(tap_url: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(tap_url)


def test_a_job_gives_what_the_query_gives(service: pyvo.dal.TAPService) -> None:
    # TAP-140: one service, two ways to ask
    asked = service.search(TARGETS).to_table()
    assert list(service.run_async(TARGETS).to_table()["target_name"]) == list(asked["target_name"])
    assert len(asked) > 10


def test_a_job_is_led_through_its_life(service: pyvo.dal.TAPService) -> None:
    # UWS-021, UWS-030, UWS-080, UWS-116
    job = service.submit_job(TARGETS, maxrec=5)
    assert job.phase == "PENDING"
    assert job.query == TARGETS and job.uws_version == "1.1" and job.owner is None
    job.execution_duration = 60
    assert job.execution_duration.sec == 60
    job.run().wait(timeout=30)
    job.raise_if_error()
    assert job.phase == "COMPLETED"
    rows = job.fetch_result()
    assert (len(rows), rows.query_status) == (5, "OVERFLOW")
    assert job.result_uri == f"{job.url}/results/result"
    address = job.url
    job.delete()
    assert requests.get(address, timeout=30).status_code == 404


def test_a_job_with_a_mistake_says_where_it_is(service: pyvo.dal.TAPService) -> None:
    # UWS-071, TAP-121: the reason stands in the job and in its error document
    job = service.submit_job("SELECT no_such_column FROM ivoa.obscore").run()
    job.wait(timeout=30)
    assert job.phase == "ERROR"
    with pytest.raises(DALQueryError, match=r"line 1, column 8.*unknown column"):
        job.raise_if_error()
    job.delete()


def test_a_job_is_aborted(service: pyvo.dal.TAPService) -> None:
    # UWS-029, UWS-031
    job = service.submit_job(SLOW).run()
    while (phase := job.phase) == "QUEUED":
        time.sleep(0.05)
    assert phase == "EXECUTING"
    started = time.monotonic()
    job.abort()
    assert job.phase == "ABORTED" and time.monotonic() - started < 5 * a_second()
    job.delete()


def test_the_job_list_of_nobody_is_empty(service: pyvo.dal.TAPService) -> None:
    # UWS-090: an anonymous job is known by its id alone
    job = service.submit_job(TARGETS)
    assert service.get_job_list() == []
    assert service.get_job_list(phases=["PENDING"], last=5) == []
    assert service.get_job(job.job_id).phase == "PENDING"
    job.delete()


def own_table() -> Table:
    table = Table({"name": ["a", "ä", ""], "x": [1.5, np.nan, -3.0], "n": np.array([1, 2, 2**62])})
    table["x"].unit = "deg"
    return table


def test_uploaded_tables_come_back_as_they_are(service: pyvo.dal.TAPService) -> None:
    # TAP-084, TAP-090
    back = service.search("SELECT * FROM TAP_UPLOAD.mine", uploads={"mine": own_table()}).to_table()
    assert list(back["name"]) == ["a", "ä", ""]
    np.testing.assert_array_equal(np.ma.filled(back["x"], np.nan), own_table()["x"])
    assert list(back["n"]) == [1, 2, 2**62] and str(back["x"].unit) == "deg"


def test_an_uploaded_file_and_several_tables(service: pyvo.dal.TAPService, tmp_path) -> None:
    # TAP-087: the second one from a file
    path = tmp_path / "other.vot"
    own_table().write(path, format="votable")
    query = "SELECT t.x AS tx, u.x AS ux FROM TAP_UPLOAD.t AS t JOIN TAP_UPLOAD.u AS u ON t.n = u.n"
    back = service.search(query, uploads={"t": own_table(), "u": str(path)})
    assert len(back) == 3


def test_a_result_is_uploaded_again_to_a_job(service: pyvo.dal.TAPService) -> None:
    # TAP-094: with the creation of a job
    found = service.search("SELECT TOP 20 obs_publisher_did, s_ra, s_dec FROM ivoa.obscore WHERE s_ra > 0")
    query = (
        "SELECT COUNT(DISTINCT o.obs_publisher_did) AS n FROM ivoa.obscore AS o JOIN TAP_UPLOAD.again AS a "
        "ON 1 = CONTAINS(POINT(o.s_ra, o.s_dec), CIRCLE(a.s_ra, a.s_dec, 0.001))"
    )
    assert service.run_async(query, uploads={"again": found})["n"][0] >= 20


def test_an_upload_that_is_no_table_is_an_error(service: pyvo.dal.TAPService, tmp_path) -> None:
    # TAP-093
    path = tmp_path / "broken.vot"
    path.write_text("<VOTABLE><RESOURCE><TABLE>")
    with pytest.raises(DALQueryError, match="mine"):
        service.search("SELECT * FROM TAP_UPLOAD.mine", uploads={"mine": str(path)})


def test_the_examples_run(service: pyvo.dal.TAPService) -> None:
    # DALI-020 to DALI-027 as pyvo reads them
    examples = service.examples
    assert len(examples) >= 10
    for example in examples[:3]:
        assert example["QUERY"].lstrip().upper().startswith(("SELECT", "WITH"))
        answered = example.execute()
        assert answered.query_status in ("OK", "OVERFLOW") and answered.fieldnames
        assert len(answered) == len(service.search(example["QUERY"]))


def test_what_the_service_can_do_is_told(service: pyvo.dal.TAPService, capsys) -> None:
    # TAP-289, TAP-290, TAP-294
    methods = {method.ivo_id.rpartition("#")[2] for method in service.upload_methods}
    assert "upload-inline" in methods
    capability = service.get_tap_capability()
    adql = capability.get_adql()
    assert {version.content for version in adql.versions} >= {"2.0", "2.1"}
    assert adql.get_udf("line_covered") and adql.get_udf("range_s2d")
    service.describe()
    assert "CIRCLE" in capsys.readouterr().out


def test_tables_are_described_one_by_one(service: pyvo.dal.TAPService) -> None:
    # VOSI-032, VOSI-033
    tables = service.tables
    names = list(tables.keys())
    assert {"ivoa.obscore", "ivoa.obscore_radio", "holdings.product", "tap_schema.keys"} <= set(names)
    for name in names:
        assert tables[name].columns, name
    keys = [key for name in names for key in tables[name].foreignkeys]
    assert keys and all(key.targettable in names for key in keys)


def test_the_list_of_columns_is_never_cut(service: pyvo.dal.TAPService) -> None:
    # TAP-252: clients read it whole, without MAXREC
    rows = service.search("SELECT * FROM TAP_SCHEMA.columns")
    assert rows.query_status == "OK"
    names = list(service.tables.keys())
    described = sum(len(service.tables[name].columns) for name in names)
    assert len(rows) == described > 400


def test_the_radio_columns_come_by_a_natural_join(service: pyvo.dal.TAPService) -> None:
    # TAP-339: one row a data set
    joined = service.search("SELECT obs_publisher_did FROM ivoa.obscore NATURAL JOIN ivoa.obscore_radio")
    names = list(joined["obs_publisher_did"])
    assert len(names) == len(set(names)) > 100


@pytest.mark.parametrize("format", ["votable/td", "votable/b2", "votable/b", "votable/1.5", "text/xml"])
def test_pyvo_reads_each_votable_alike(service: pyvo.dal.TAPService, format: str) -> None:
    # TAP-050, TAP-056
    query = "SELECT TOP 7 target_name, s_ra, em_xel, s_region FROM ivoa.obscore ORDER BY obs_publisher_did"
    default = service.search(query).to_table()
    other = service.search(query, RESPONSEFORMAT=format).to_table()
    assert other.colnames == default.colnames
    for name in default.colnames:
        assert list(other[name]) == list(default[name]), name


def read_fits(content: bytes) -> Table:
    return Table.read(io.BytesIO(content), format="fits")


def read_csv(content: bytes) -> Table:
    return Table.read(io.BytesIO(content), format="ascii.csv")


def read_tsv(content: bytes) -> Table:
    return Table.read(content.decode(), format="ascii.tab")


def read_parquet(content: bytes) -> Table:
    import pandas

    return Table.from_pandas(pandas.read_parquet(io.BytesIO(content)))


def read_json(content: bytes) -> Table:
    import json

    told = json.loads(content)
    names = [column["name"] for column in told["metadata"]]
    return Table(rows=told["data"], names=names)


READERS = {"fits": read_fits, "csv": read_csv, "tsv": read_tsv, "parquet": read_parquet, "json": read_json}


@pytest.mark.parametrize("format", READERS)
def test_each_other_format_holds_the_same_rows(service: pyvo.dal.TAPService, format: str) -> None:
    # TAP-053, TAP-059 to TAP-061: read by programs that are not ours
    query = "SELECT TOP 9 obs_publisher_did, s_ra, em_min FROM ivoa.obscore WHERE em_min > 0 ORDER BY 1"
    default = service.search(query).to_table()
    stream = service.create_query(query, RESPONSEFORMAT=format).execute_stream()
    other = READERS[format](stream.read())
    assert other.colnames == default.colnames
    assert [str(did).strip() for did in other["obs_publisher_did"]] == list(default["obs_publisher_did"])
    for name in ("s_ra", "em_min"):
        np.testing.assert_array_equal(np.asarray(other[name], dtype=float), np.asarray(default[name]))


def test_rows_are_cut_by_the_descriptor_that_comes_with_them(service: pyvo.dal.TAPService) -> None:
    # DL-083, DL-099, SODA-071, SODA-079: the call that pyvo builds from an answer with a renamed column
    rows = service.search(
        'SELECT TOP 3 obs_publisher_did AS "Which One", s_ra, s_dec FROM ivoa.obscore '
        "WHERE dataproduct_type = 'cube' AND dataset_id IS NOT NULL ORDER BY obs_publisher_did"
    )
    row = rows[1]
    resource = rows.get_adhocservice_by_ivoid(SODA_SYNC_IVOID)
    asked = SodaQuery.from_resource(
        row,
        resource,
        circle=(row["s_ra"] * u.deg, row["s_dec"] * u.deg, 3 * u.arcsec),
        band=(0.85, 3.6) * u.mm,
        FREQ=(230, 231) * u.GHz,
        WIDTH=100 * u.km / u.s,
        CHANNELS=[1, 2],
    )
    url = requests.Request("GET", asked.queryurl, params=asked).prepare().url or ""
    address, _, sent = url.partition("?")
    assert address == f"{service.baseurl.removesuffix('/tap')}/soda/sync"
    given = parse_qs(sent, strict_parsing=True)
    assert given["ID"] == [row["Which One"]] and given["ID"][0].startswith("ivo://")
    circle = [float(word) for word in given["CIRCLE"][0].split()]
    assert circle == pytest.approx([row["s_ra"], row["s_dec"], 3 / 3600], rel=1e-12)
    assert [float(word) for word in given["BAND"][0].split()] == pytest.approx([0.00085, 0.0036])
    assert [float(word) for word in given["FREQ"][0].split()] == pytest.approx([230e9, 231e9])
    assert (given["WIDTH"], given["CHANNELS"]) == (["100"], ["1 2"])
    made = service.run_async("SELECT TOP 1 s_ra, obs_publisher_did FROM ivoa.obscore")
    assert made.get_adhocservice_by_ivoid(SODA_SYNC_IVOID) is not None
    with pytest.raises(DALServiceError):
        service.search(TARGETS).get_adhocservice_by_ivoid(SODA_SYNC_IVOID)


def test_a_row_is_cut(service: pyvo.dal.TAPService) -> None:
    # SODA-079: from the row of a query to pixels, by pyvo alone
    row = service.search(
        "SELECT TOP 1 obs_publisher_did, s_ra, s_dec, s_pixel_scale FROM ivoa.obscore "
        "WHERE dataproduct_type = 'cube' AND dataset_id IS NOT NULL AND data_rights = 'Public' "
        "AND em_xel > 3 ORDER BY access_estsize, obs_publisher_did"
    )[0]
    radius = 2 * row["s_pixel_scale"] * u.arcsec
    content = row.processed(
        circle=(row["s_ra"] * u.deg, row["s_dec"] * u.deg, radius), CHANNELS=[2, 3]
    ).read()
    with fits.open(io.BytesIO(content)) as opened:
        cut = opened[0]
        celestial, spectral = cut.shape[-2:], cut.shape[:-2]
        assert all(1 < length <= 6 for length in celestial) and 2 in spectral
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            plane = WCS(cut.header).celestial
        middle = plane.pixel_to_world((celestial[1] - 1) / 2, (celestial[0] - 1) / 2)
        away = middle.icrs.separation(SkyCoord(row["s_ra"], row["s_dec"], unit="deg"))
        assert away < 2 * row["s_pixel_scale"] * u.arcsec
