"""Links as pyvo and astroquery.alma read them, from rows of queries to the bytes of files."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import astropy.units as u
import numpy as np
import pytest
import pyvo
import requests
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astroquery.alma import AlmaClass
from pyvo.dal.adhoc import DatalinkResults, DatalinkService

ROWS = (
    "SELECT TOP {} obs_publisher_did, s_ra, s_dec, em_min, em_max, em_xel, access_url, access_format "
    "FROM ivoa.obscore WHERE {} ORDER BY access_estsize, obs_publisher_did"
)
CUBES = "dataproduct_type = 'cube' AND dataset_id IS NOT NULL AND data_rights = 'Public' AND em_xel > 3"
TARS = (
    "SELECT TOP 1 product_id, member_ous_uid FROM holdings.product "
    "WHERE media_type LIKE 'application/x-tar%' AND member_ous_uid IS NOT NULL ORDER BY product_id"
)
LINKS = "application/x-votable+xml;content=datalink"


@pytest.fixture(scope="module")
def tap(tap_url: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(tap_url)


@pytest.fixture(scope="module")
def links(service_url: str) -> DatalinkService:
    return DatalinkService(f"{service_url}/datalink/sync")


@pytest.fixture(scope="module")
def cube(tap: pyvo.dal.TAPService) -> Any:
    """A row of a small cube that everybody may have."""
    return tap.search(ROWS.format(1, CUBES))[0]


def terms(found: DatalinkResults) -> list[str]:
    return [row.semantics for row in found]


@pytest.mark.parametrize("preserve_order", [False, True])
def test_every_row_of_a_query_has_links(tap: pyvo.dal.TAPService, preserve_order: bool) -> None:
    # DL-002, DL-007, DL-026, DL-031, DL-099
    rows = tap.search(ROWS.format(120, "dataset_id IS NOT NULL"))
    assert len(rows) > 80
    if preserve_order:
        rows = tap.search(ROWS.format(3, CUBES))
    found = {}
    for each in rows.iter_datalinks(preserve_order=preserve_order):
        found[each.original_row["obs_publisher_did"]] = each
        assert {row["ID"] for row in each} == {each.original_row["obs_publisher_did"]}
        assert "#this" in terms(each)
    assert set(found) == {row["obs_publisher_did"] for row in rows}


def test_rows_of_an_archive_have_links_too(tap: pyvo.dal.TAPService) -> None:
    rows = tap.search(ROWS.format(3, "dataset_id IS NULL"))
    for each in rows.iter_datalinks():
        (this,) = each.bysemantics("#this", include_narrower=False)
        assert this["access_url"] == each.original_row["access_url"]


def test_links_are_found_from_images(service_url: str, cube: Any) -> None:
    # DL-099: SIA
    service = pyvo.dal.SIA2Service(f"{service_url}/sia2")
    found = service.search(pos=(SkyCoord(cube["s_ra"], cube["s_dec"], unit="deg"), 0.001 * u.deg), maxrec=5)
    assert len(found) > 0
    for each in found.iter_datalinks():
        assert "#this" in terms(each)


def test_a_file_is_fetched(links: DatalinkService, cube: Any) -> None:
    found = links.run_sync(cube["obs_publisher_did"])
    (this,) = found.bysemantics("#this", include_narrower=False)
    content = this.getdataset().read()
    assert len(content) == this["content_length"] and content.startswith(b"SIMPLE")
    pictures = list(found.bysemantics(["#preview", "#thumbnail", "#preview-plot"], include_narrower=False))
    assert len(pictures) == 3
    for row in pictures:
        assert row.getdataset().read().startswith(b"\x89PNG")


def test_a_row_is_cut_through_its_links(links: DatalinkService, cube: Any) -> None:
    # DL-086: processed() takes the first descriptor of the document
    found = links.run_sync(cube["obs_publisher_did"])
    circle = (cube["s_ra"], cube["s_dec"], 0.0005) * u.deg
    with fits.open(io.BytesIO(found[0].processed(circle=circle).read())) as opened:
        assert np.isfinite(opened[0].data).any()
    whole = next(found.bysemantics("#this", include_narrower=False))["content_length"]
    middle = 0.5 * (cube["em_min"] + cube["em_max"]) * u.m
    one = found[0].processed(band=(middle, middle)).read()
    assert len(one) < whole


def test_each_service_is_called(links: DatalinkService, cube: Any) -> None:
    # DL-090, DL-096: pyvo builds a call from every descriptor
    found = links.run_sync(cube["obs_publisher_did"])
    procs = {row["local_semantics"]: row for row in found.iter_procs()}
    assert {"cutout", "cutout-job", "moment", "spectrum", "cutout-header"} <= set(procs)
    wanted = {
        "cutout": ({"CHANNELS": (1, 2)}, b"SIMPLE"),
        "moment": ({"MOMENT": "0"}, b"SIMPLE"),
        "spectrum": ({"SPECTRUM": "mean"}, b"<?xml"),
        "cutout-header": ({"CHANNELS": (1, 2)}, b"SIMPLE"),
    }
    for name, (parameters, start) in wanted.items():
        assert procs[name].process(**parameters).read().startswith(start)


def test_many_links_share_services(tap: pyvo.dal.TAPService, links: DatalinkService) -> None:
    # DL-035: the descriptor takes the identifier from the row
    rows = tap.search(ROWS.format(10, CUBES))
    found = links.run_sync(list(rows["obs_publisher_did"]))
    last = rows[-1]["obs_publisher_did"]
    (row,) = [
        each for each in found.iter_procs() if each["ID"] == last and each["local_semantics"] == "cutout"
    ]
    header = fits.Header.fromstring(row.process(CHANNELS=(1, 1)).read()[:28800].decode("latin-1"))
    assert header["SIMPLE"]
    with_cut = next(each for each in found if each["ID"] == last)
    assert (
        with_cut.processed(circle=(rows[-1]["s_ra"], rows[-1]["s_dec"], 0.0005) * u.deg).read(6) == b"SIMPLE"
    )


def info_of(alma: AlmaClass, uid: str, **wanted: bool) -> Any:
    """What the client makes of the links of a member."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "numpy.core is deprecated", DeprecationWarning)
        return alma.get_data_info(uid, **wanted)


@pytest.fixture(scope="module")
def member(tap: pyvo.dal.TAPService) -> tuple[str, str]:
    """A member with a tar, and the product_id of that."""
    row = tap.search(TARS)[0]
    return row["member_ous_uid"], row["product_id"]


def test_the_archives_client_lists_a_member(alma: AlmaClass, tap: pyvo.dal.TAPService, member) -> None:
    # DL-028, DL-029: every file, with its size
    uid, _ = member
    found = info_of(alma, uid)
    files = tap.search(f"SELECT product_id, size_bytes FROM holdings.product WHERE member_ous_uid = '{uid}'")
    sizes = {row["product_id"]: row["size_bytes"] for row in files}
    listed = {
        str(row["access_url"]).rpartition("/")[2]: row["content_length"]
        for row in found
        if "/files/" in str(row["access_url"])
    }
    assert listed == sizes
    assert {"#this", "#auxiliary", "#calibration", "#package"} <= set(found["semantics"])


def test_the_archives_client_opens_tars(alma: AlmaClass, tap: pyvo.dal.TAPService, member) -> None:
    # DL-042, DL-101
    uid, tar = member
    plain, expanded = info_of(alma, uid), info_of(alma, uid, expand_tarfiles=True)
    opened = [row for row in plain if str(row["service_def"]).startswith("files-in-")]
    assert len(opened) == 1 and opened[0]["content_type"] == LINKS
    assert not [row for row in expanded if str(row["service_def"]).startswith("files-in-")]
    within = [row for row in expanded if row["ID"] == tar]
    assert len(expanded) == len(plain) - 1 + len(within)
    path = tap.search(f"SELECT path FROM holdings.product WHERE product_id = '{tar}'")[0]["path"]
    members = tap.search(f"SELECT product_id FROM holdings.product WHERE path LIKE '{path}/%'")
    assert {row["product_id"] for row in members} == {
        str(row["access_url"]).rpartition("/")[2] for row in within if row["semantics"] == "#this"
    }


def test_the_archives_client_leaves_out_what_it_is_told(alma: AlmaClass, member) -> None:
    # DL-029
    uid, _ = member
    every = info_of(alma, uid)
    assert "#auxiliary" in set(every["semantics"])
    without = info_of(alma, uid, with_auxiliary=False, with_rawdata=False)
    assert not {"#auxiliary", "#progenitor"} & set(without["semantics"])
    assert len(without) == len(every) - sum(
        row["semantics"] in ("#auxiliary", "#progenitor") for row in every
    )


def test_the_archives_client_fetches_a_file(alma: AlmaClass, member, tmp_path: Path) -> None:
    uid, _ = member
    found = info_of(alma, uid)
    (row,) = [
        row for row in found if row["semantics"] == "#documentation" and row["local_semantics"] == "readme"
    ]
    (path,) = alma.download_files([row["access_url"]], savedir=str(tmp_path), cache=False)
    assert Path(path).stat().st_size == row["content_length"]


def test_an_address_of_a_row_is_one_call(service_url: str, cube: Any) -> None:
    # DL-032: what a browser does
    did = cube["obs_publisher_did"]
    answer = requests.get(f"{service_url}/datalink/sync?ID={quote(did, safe='')}", timeout=60)
    assert answer.headers["Content-Type"] == LINKS
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
