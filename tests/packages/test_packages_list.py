"""``/packages/list``: the files of a package as a table, and what gives none."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from astropy.io import votable

from vo_service.formats import FORMATS
from vo_service.packages import listing
from vo_service.packages.listing import list_columns

UID = "uid://A001/X1/X2"
SPELLED = "uid___A001_X1_X2"
REASON = "This product is proprietary until 2931-05-01T00:00:00Z."
CUBE = f"2015.1.00001.S/member.{SPELLED}._M83__sci.spw15.cube.I.pbcor.fits"
CLOSED = CUBE.replace("spw15", "spw17")


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_votable_tells_names_units_and_totals(house: Any) -> None:
    answer = house.ask(f"/packages/list?ID={UID}", "ann")
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    table = votable.parse(io.BytesIO(answer.content), verify="exception").get_first_table()
    infos = {info.name: info.value for info in votable.parse(io.BytesIO(answer.content)).resources[0].infos}
    assert infos["QUERY_STATUS"] == "OK" and infos["left_out"] == "0"
    assert (int(infos["files"]), int(infos["bytes"])) == (7, sum(table.array["size_bytes"]))
    fields = {field.name: field for field in table.fields}
    assert list(fields) == [column.name for column in list_columns()]
    assert fields["size_bytes"].unit == "byte" and fields["access_url"].ucd == "meta.ref.url"
    assert all(field.ucd and field.description for field in table.fields)
    for row in table.array:
        place = row["path"].removeprefix(f"{SPELLED}/")
        content = (house.trees / place).read_bytes()
        assert row["size_bytes"] == len(content)
        assert row["sha256"] in ("", hashlib.sha256(content).hexdigest())
        got = house.ask(row["access_url"].removeprefix("http://t"), "ann")
        assert got.content == content
    assert sum(bool(each) for each in table.array["sha256"]) >= 5


@pytest.mark.parametrize("format", FORMATS, ids=lambda each: each.media_type)
def test_every_format_is_given(house: Any, format: Any) -> None:
    answer = house.ask("/packages/list", params={"ID": UID, "RESPONSEFORMAT": format.media_type})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == format.media_type
    if format.extension == "parquet":
        table = pq.read_table(io.BytesIO(answer.content))
        assert table.column("authorized").to_pylist().count(False) == 2
    if format.extension == "json":
        assert len(answer.json()["data"]) == 7


def test_what_is_closed_has_its_reason_and_no_digest(house: Any) -> None:
    address = f"/packages/list?ID={house.product('alpha/' + CLOSED)}&RESPONSEFORMAT=csv"
    for person in ("nobody", "bob"):
        (row,) = rows_of(house.ask(address, person))
        assert row["error_message"] == f"DefaultFault: {REASON}"
        assert (row["data_rights"], row["authorized"], row["sha256"]) == ("Proprietary", "F", "")
        assert row["obs_release_date"].startswith("2931-05-01T00:00:00")
    (row,) = rows_of(house.ask(address, "ann"))
    assert (row["data_rights"], row["authorized"], row["error_message"]) == ("Proprietary", "T", "")
    assert len(row["sha256"]) == 64
    house.now = house.now.replace(year=2932)
    (row,) = rows_of(house.ask(address))
    assert (row["data_rights"], row["authorized"], len(row["sha256"])) == ("Public", "T", 64)


def test_what_gives_nothing_has_a_row_with_the_reason(house: Any) -> None:
    ids = ["no-such-thing", "Bad One", "gone-for-good", "moved-away", "uid://A001/X9/X9"]
    rows = rows_of(house.ask("/packages/list", params={"ID": ids, "RESPONSEFORMAT": "csv"}))
    told = {row["id"]: row["error_message"] for row in rows}
    assert list(told) == ids
    assert told["no-such-thing"] == "NotFoundFault: The holdings have no product of this name."
    assert told["Bad One"].startswith("UsageFault: 'Bad One' is no identifier")
    assert told["gone-for-good"] == "NotFoundFault: This product was withdrawn on 2026-02-03."
    assert "In its place there is http://t/files/elsewhere-now" in told["moved-away"]
    assert not any(row["access_url"] or row["path"] for row in rows)


def test_files_that_changed_are_told(own_house: Any) -> None:
    (own_house.trees / "alpha/large.txt").unlink()
    (own_house.trees / "alpha" / CUBE).write_bytes(b"other")
    query = "SELECT product_id FROM holdings.product"
    rows = rows_of(own_house.ask("/packages/list", params={"QUERY": query, "RESPONSEFORMAT": "csv"}))
    told = {row["path"].rpartition("/")[2]: row["error_message"] for row in rows if "alpha" in row["path"]}
    assert told["large.txt"].startswith("NotFoundFault: ")
    assert "has gone since it was ingested" in told["large.txt"]
    assert "has changed since it was ingested" in told[CUBE.rpartition("/")[2]]


def test_the_list_is_that_of_the_tar(house: Any) -> None:
    query = "SELECT product_id FROM holdings.product"
    for person in ("nobody", "ann"):
        rows = rows_of(house.ask("/packages/list", person, params={"QUERY": query, "RESPONSEFORMAT": "csv"}))
        text = (
            house.ask("/packages/tar", person, params={"QUERY": query}).content[512:60_000].decode("latin-1")
        )
        given = [row["path"] for row in rows if not row["error_message"]]
        listed = [line.split("\t")[4] for line in text.split("\n") if line.count("\t") == 4][1:]
        assert [each.encode().decode("latin-1") for each in given] == listed


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_a_long_list_leaves_in_parts(house: Any, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    form = {"ID": UID, "RESPONSEFORMAT": "csv"}
    whole = house.ask("/packages/list", params=form).content
    parts: list[tuple[int, bool]] = []
    own = listing._portions

    def noted(found: Iterator[Any]) -> Iterator[Any]:
        for portion in own(found):
            parts.append((portion.rows.num_rows, portion.leaves))
            yield portion

    monkeypatch.setattr(listing, "_BATCH_ROWS", rows)
    monkeypatch.setattr(listing, "_portions", noted)
    assert house.ask("/packages/list", params=form).content == whole
    full, left = divmod(7, rows)
    assert parts == [(rows, True)] * full + [(left, False)] * (left > 0)


def test_a_part_leaves_before_the_next_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_BATCH_ROWS", 2)
    looked_for = []

    def found() -> Iterator[dict[str, Any]]:
        for number in range(5):
            looked_for.append(number)
            yield {"id": str(number)}

    for count, portion in zip((2, 4, 5), listing._portions(found()), strict=True):
        assert len(looked_for) == count
        assert portion.rows.column("id").to_pylist() == [str(n) for n in looked_for[-portion.rows.num_rows :]]


def test_rows_are_cut_where_the_user_says_so(house: Any) -> None:
    answer = house.ask(f"/packages/list?ID={UID}&MAXREC=3&RESPONSEFORMAT=votable/td")
    resource = votable.parse(io.BytesIO(answer.content)).resources[0]
    states = [info.value for info in resource.infos if info.name == "QUERY_STATUS"]
    assert len(resource.tables[0].array) == 3 and states == ["OK", "OVERFLOW"]
    empty = house.ask(f"/packages/list?ID={UID}&MAXREC=0&RESPONSEFORMAT=csv")
    assert rows_of(empty) == []


def test_errors_come_in_the_format_that_was_asked_for(house: Any) -> None:
    answer = house.ask("/packages/list")
    assert answer.status_code == 400 and b"QUERY_STATUS" in answer.content
    answer = house.ask("/packages/list?RESPONSEFORMAT=csv")
    assert answer.status_code == 400 and answer.headers["Content-Type"].startswith("text/plain")
    assert house.ask(f"/packages/list?ID={UID}&RESPONSEFORMAT=odd").status_code == 400


def test_a_form_is_answered_too(house: Any) -> None:
    form = {"ID": [UID, "nothing"], "RESPONSEFORMAT": "csv"}
    assert (
        house.ask("/packages/list", method="POST", data=form).content
        == house.ask("/packages/list", params=form).content
    )
    head = house.ask("/packages/list", method="HEAD", params=form)
    assert head.status_code == 200 and head.content == b""
