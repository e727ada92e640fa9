"""What a request for a package may hold, and that nothing of it goes without an answer."""

from __future__ import annotations

import csv
import io
import tarfile
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import httpx
import pytest
from astropy.io import votable

from vo_service.products.digests import _key
from vo_service.store import Catalogue

UID = "uid://A001/X1/X2"
SPELLED = "uid___A001_X1_X2"
CUBE = f"alpha/2015.1.00001.S/member.{SPELLED}._M83__sci.spw15.cube.I.pbcor.fits"
MOST = 10_000


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def manifest_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        first = tar.extractfile(tar.getmembers()[0])
        assert first is not None
        return first.read().decode()


@pytest.mark.parametrize("path", ["list", "tar", "script"])
def test_as_many_identifiers_as_is_said_are_taken(house: Any, path: str) -> None:
    known = house.product(CUBE)
    ids = [*(f"no-such-thing-{number}" for number in range(MOST - 1)), known]
    form = {"ID": ids, "RESPONSEFORMAT": "csv", "ROLE": "cube", "MAXREC": str(MOST)}
    answer = house.ask(f"/packages/{path}", method="POST", data=form)
    assert answer.status_code == 200, answer.text[:500]
    if path == "list":
        assert len(rows_of(answer)) == MOST
    if path == "tar":
        assert known in manifest_of(answer)
    if path == "script":
        assert answer.text.count("no-such-thing-") >= MOST - 1
    more = house.ask(f"/packages/{path}", method="POST", data={"ID": [*ids, "one-more"]})
    assert more.status_code == 400 and "a request may have 10000" in more.text


def test_an_address_holds_as_many_as_it_is_long(house: Any) -> None:
    ids = urlencode({"ID": [f"n-{number}" for number in range(1500)]}, doseq=True)
    assert len(rows_of(house.ask(f"/packages/list?RESPONSEFORMAT=csv&{ids}"))) == 1500


def test_parts_of_a_body_are_as_many(house: Any) -> None:
    parts = [("ID", (None, f"n-{number}")) for number in range(1500)]
    answer = house.ask("/packages/list?RESPONSEFORMAT=csv", method="POST", files=parts)
    assert len(rows_of(answer)) == 1500


def test_every_identifier_has_a_row(house: Any) -> None:
    cube = house.product(CUBE)
    row = house.rows()[CUBE]
    data_set = row["dataset_id"]
    for ids in ([UID, data_set, cube], [cube, data_set, UID]):
        rows = rows_of(house.ask("/packages/list", params={"ID": ids, "RESPONSEFORMAT": "csv"}))
        assert {each["id"] for each in rows} == set(ids)
        files = [each["product_id"] for each in rows if each["product_id"]]
        assert len(files) == len(set(files)) == 7, "each once"
        under = {(each["id"], each["listed_under"]) for each in rows if each["listed_under"]}
        assert all(
            not each["product_id"] and not each["error_message"] for each in rows if each["listed_under"]
        )
        if ids[0] == UID:
            assert under == {(data_set, UID), (cube, UID)}
        else:
            assert {(data_set, cube), (UID, cube)} <= under
        told = manifest_of(house.ask("/packages/tar", params={"ID": ids}))
        assert all(f"{one}\t{other}" in told.splitlines() for one, other in under)


def test_rows_of_a_query_that_name_nothing_are_told(house: Any) -> None:
    rows = house.rows().values()
    nulls = sum(row["dataset_id"] is None for row in rows)
    assert nulls > 1
    query = {"QUERY": "SELECT dataset_id FROM holdings.product"}
    answer = house.ask("/packages/list", params=query)
    infos = {info.name: info.value for info in votable.parse(io.BytesIO(answer.content)).resources[0].infos}
    assert infos["null_identifiers"] == str(nulls)
    told = manifest_of(house.ask("/packages/tar", params=query))
    assert f"Rows of the query without an identifier: {nulls}" in told.splitlines()
    alone = house.ask(f"/packages/list?ID={UID}")
    assert "null_identifiers" not in alone.text


@pytest.mark.parametrize("written", ["{}", '"{}"', 'W/"{}"'])
def test_an_address_can_name_the_state(own_house: Any, written: str) -> None:
    address = f"/packages/tar?ID={UID}"
    before = own_house.ask(address)
    tag = written.format(before.headers["ETag"].strip('"'))
    same = own_house.ask("/packages/tar", params={"ID": UID, "TAG": tag}, headers={"Range": "bytes=1000-"})
    assert same.status_code == 206 and same.content == before.content[1000:]
    (own_house.trees / CUBE).write_bytes(b"other")
    for method in ("GET", "HEAD", "POST"):
        other = own_house.ask(
            "/packages/tar", method=method, params={"ID": UID, "TAG": tag}, headers={"Range": "bytes=1000-"}
        )
        assert other.status_code == 409
    now = own_house.ask(address, method="HEAD").headers["ETag"]
    assert now in own_house.ask("/packages/tar", params={"ID": UID, "TAG": tag}).text
    assert own_house.ask("/packages/tar", params={"ID": UID, "TAG": now}).status_code == 200


def test_a_form_can_be_gone_on_with(house: Any) -> None:
    form = {"ID": [UID, "no-such-thing"]}
    whole = house.ask("/packages/tar", method="POST", data=form)
    tag, size = whole.headers["ETag"], len(whole.content)
    for start in (1, size // 2, size - 100):
        rest = house.ask(
            "/packages/tar", method="POST", data=form, headers={"Range": f"bytes={start}-", "If-Range": tag}
        )
        assert rest.status_code == 206 and rest.content == whole.content[start:]
        assert rest.headers["Content-Range"] == f"bytes {start}-{size - 1}/{size}"
    other = house.ask(
        "/packages/tar", method="POST", data=form, headers={"Range": "bytes=5-9", "If-Range": '"other"'}
    )
    assert other.status_code == 200 and other.content == whole.content


@pytest.mark.parametrize("path", ["list", "script", "tar"])
def test_digests_are_asked_for_all_at_once(own_house: Any, path: str) -> None:
    """Those that were made later than the ingest are in the catalogue."""
    digests = own_house.service.files._digests
    large = own_house.file("alpha/large.txt")
    sha256 = digests._make(_key(large), own_house.service.shelf.open(large))
    digests._known.clear()
    asked: list[Any] = []
    find = Catalogue.find_digests

    def noted(self: Catalogue, names: Any) -> Any:
        asked.append(names)
        return find(self, names)

    query = {"QUERY": "SELECT product_id FROM holdings.product", "RESPONSEFORMAT": "csv"}
    with (
        patch.object(Catalogue, "find_digests", noted),
        patch.object(Catalogue, "find_digest", side_effect=AssertionError),
    ):
        answer = own_house.ask(f"/packages/{path}", params=query, method="HEAD" if path == "tar" else "GET")
    assert answer.status_code == 200 and len(asked) == 1 and large.product_id in asked[0]
    assert path == "tar" or sha256 in answer.text


def test_a_list_tells_its_time_and_snapshot(house: Any) -> None:
    answer = house.ask(f"/packages/list?ID={UID}")
    infos = {info.name: info.value for info in votable.parse(io.BytesIO(answer.content)).resources[0].infos}
    assert infos["QUERY_TIMESTAMP"] == f"{house.now:%Y-%m-%dT%H:%M:%SZ}"
    assert infos["snapshot"] == str(house.service.shelf.snapshot())
