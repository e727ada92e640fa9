"""Data that are not public, as jobs, packages, lists, searches and links tell of them (design 4.3): to
everybody what is for everybody, and the rest to those with the right, or after the release.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile

import pytest
from astropy.io import votable
from live_service import until
from pixel_doors import ELSEWHERE, MOST, OF_JOBS, REASON, TELLTALES
from pixel_house import AFTER, House, image_of


def make_job(house: House, person: str, **form: str) -> str:
    """The address of a job that has ended."""
    made = house.ask("/soda/async", person, "POST", data={**form, "PHASE": "RUN"})
    assert made.status_code == 303, made.text
    job = made.headers["Location"]
    assert until(lambda: house.ask(f"{job}/phase", person).text in ("COMPLETED", "ERROR"))
    assert house.ask(f"{job}/phase", person).text == "COMPLETED"
    return job


@pytest.mark.parametrize("person", ["nobody", "bob"])
def test_a_job_of_somebody_without_the_right_gets_words(house: House, person: str) -> None:
    # SODA-062
    forms = [{"CHANNELS": "3 4"}, {"CIRCLE": ELSEWHERE}, {"MOMENT": "8"}, {"CHANNELS": "3 4", "HEADER": "1"}]
    asked = [({"ID": house.data_sets["closed"]}, form) for form in forms]
    asked.append(({"ID": house.data_sets["public"]}, {"WITH": "pb"}))
    texts = set()
    for data_set, form in asked:
        house.touched.clear()
        job = make_job(house, person, **data_set, **form)
        assert house.touched == []
        result = house.ask(f"{job}/results/cutout-001", person)
        assert result.status_code == 200 and result.headers["Content-Type"].startswith("text/plain")
        texts.add(result.text)
    (text,) = texts
    assert text.startswith("AuthorizationError: ") and REASON in text


def test_results_of_a_job_are_its_owners(house: House) -> None:
    # AUTH-037, AUTH-058, AUTH-059, UWS-118
    job = make_job(house, "ann", ID=house.data_sets["closed"], CHANNELS="3 4")
    name = job.rpartition("/")[2]
    assert re.fullmatch(r"[a-z2-7]{26}", name), "nobody guesses 128 bits"
    mine = house.ask(f"{job}/results/cutout-001", "ann")
    assert image_of(mine).shape == (1, 2, 48, 48)
    assert mine.headers["Cache-Control"].startswith(("private", "no-store"))
    tag = mine.headers["ETag"]
    for path in (*OF_JOBS[:-1], "/results/cutout-001", "/parameters/ID"):
        address = f"{job}{path}".replace("/{name:path}", "/ID")
        for person, status in (("nobody", 401), ("bob", 403)):
            for headers in ({}, {"If-None-Match": tag}, {"Range": "bytes=0-9"}):
                answer = house.ask(address, person, headers=headers)
                assert (answer.status_code, len(answer.content) < MOST) == (status, True), path
                assert [each for each in TELLTALES if each in answer.headers] == []
    for person in ("nobody", "bob"):
        assert name not in house.ask("/soda/async", person).text
    assert house.ask(f"{job.replace('/soda/', '/tap/')}/results/cutout-001", "ann").status_code == 404


def test_a_job_sees_by_the_clock(house: House) -> None:
    form = {"ID": house.data_sets["closed"], "CHANNELS": "3 4"}
    house.now = AFTER
    assert image_of(house.ask(f"{make_job(house, 'nobody', **form)}/results/cutout-001")).shape[1] == 2


@pytest.mark.parametrize("person", ["nobody", "bob"])
def test_bulk_jobs_cut_what_their_owner_may_have(house: House, person: str) -> None:
    table = "id\n" + "\n".join(house.data_sets[name] for name in ("public", "closed")) + "\n"

    def states(who: str) -> dict[str, str]:
        made = house.ask(
            "/soda/async",
            who,
            "POST",
            data={"UPLOAD": "mine,param:table", "CHANNELS": "3 4", "PHASE": "RUN"},
            files={"table": ("mine.csv", table.encode(), "text/csv")},
        )
        assert made.status_code == 303, made.text
        job = made.headers["Location"]
        assert until(lambda: house.ask(f"{job}/phase", who).text in ("COMPLETED", "ERROR"))
        status = house.ask(f"{job}/results/status.vot", who).content
        rows = votable.parse(io.BytesIO(status)).get_first_table().to_table()
        return {str(row["id"]): str(row["state"]) for row in rows}

    public, closed = house.data_sets["public"], house.data_sets["closed"]
    assert states(person) == {public: "done", closed: "forbidden"}
    assert states("ann") == {public: "done", closed: "done"}
    house.now = AFTER
    assert states(person) == {public: "done", closed: "done"}


@pytest.mark.parametrize(
    "words",
    ["list?RESPONSEFORMAT=votable/td&", "list?RESPONSEFORMAT=csv&", "script?FORM=sh&", "script?FORM=py&"],
)
def test_lists_of_files_show_what_is_for_everybody(house: House, words: str) -> None:
    """Rows of files are; digests and entity tags of those that are closed are not."""
    of_file = f"ID={house.products['closed']}"
    address = f"/packages/{words}{of_file}"
    listed = house.ask(f"/packages/list?RESPONSEFORMAT=csv&{of_file}", "ann").text
    (sha256,) = re.findall(r"\b[0-9a-f]{64}\b", listed)
    tag = house.ask(f"/files/{house.products['closed']}", "ann").headers["ETag"].strip('"')
    texts = {}
    for person in ("nobody", "bob"):
        house.touched.clear()
        answer = house.ask(address, person)
        assert answer.status_code == 200 and house.touched == []
        texts[person] = answer.text
        assert REASON in answer.text
        assert sha256 not in answer.text and tag not in answer.text
    assert texts["nobody"] == texts["bob"]
    assert sha256 in house.ask(address, "ann").text
    house.now = AFTER
    assert sha256 in house.ask(address).text
    assert house.ask(address).text == house.ask(address, "bob").text


def test_a_package_has_of_each_data_set_what_may_be_had(house: House) -> None:
    address = f"/packages/tar?ID={house.data_sets['public']}&ID={house.data_sets['closed']}"
    told = {}
    for person in ("nobody", "bob", "ann"):
        answer = house.ask(address, person)
        assert answer.status_code == 200
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
            told[person] = sorted(name.rpartition("/")[2] for name in tar.getnames())
    assert told["nobody"] == told["bob"] and len(told["bob"]) == 3 and len(told["ann"]) == 6
    assert not [name for name in told["bob"] if ".spw17." in name or name.endswith(".pb.fits")]
    house.now = AFTER
    assert house.ask(address).content == house.ask(address, "ann").content


def test_measured_columns_follow_the_same_rights(house: House) -> None:
    adql = "SELECT peak FROM holdings.measurement WHERE product_id = '{}'".format(house.products["closed"])
    form = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv"}

    def peak(person: str) -> str:
        return house.ask("/tap/sync", person, "POST", data=form).text.splitlines()[1].strip('"')

    assert [peak(person) for person in ("nobody", "bob")] == ["", ""]
    assert float(peak("ann")) > 20.0
    house.now = AFTER
    assert peak("nobody") == peak("ann") != ""


def test_a_cone_round_a_peak_finds_it_with_the_right_alone(house: House) -> None:
    closed = house.products["closed"]
    adql = f"SELECT peak_ra, peak_dec FROM holdings.measurement WHERE product_id = '{closed}'"
    form = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv"}
    ra, dec = house.ask("/tap/sync", "ann", "POST", data=form).text.splitlines()[1].split(",")
    cone = f"RA={ra}&DEC={dec}&SR=0.0001&RESPONSEFORMAT=csv&VERB=3"
    for table in ("holdings.measurement", "holdings.peak_spectrum"):
        address = f"/cone/{table}?{cone}"
        assert closed in house.ask(address, "ann").text
        for person in ("nobody", "bob"):
            answer = house.ask(address, person)
            assert answer.status_code == 200 and closed not in answer.text
    house.now = AFTER
    assert closed in house.ask(address).text


def test_searches_show_outlines_of_headers_alone(house: House) -> None:
    """Who has no right to the pixels sees the outline that the header tells, in every search."""
    did = f"ivo://example.test/obs?{house.data_sets['closed']}"
    searches = {
        "sia": f"/sia2/query?ID={did.replace('?', '%3F')}&RESPONSEFORMAT=csv",
        "cone": "/cone/ivoa.obscore?RA=204.25&DEC=-29.87&SR=1&VERB=3&RESPONSEFORMAT=csv",
    }

    def outlines(person: str) -> dict[str, tuple[str, str]]:
        found = {}
        for name, address in searches.items():
            rows = list(csv.DictReader(io.StringIO(house.ask(address, person).text)))
            (row,) = (row for row in rows if row["obs_publisher_did"] == did)
            found[name] = row["s_region"], row["data_rights"]
        return found

    assert outlines("nobody") == outlines("bob")
    adql = f"SELECT s_region, data_rights FROM ivoa.obscore WHERE obs_publisher_did = '{did}'"
    form = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv"}
    for person in ("nobody", "ann"):
        text = house.ask("/tap/sync", person, "POST", data=form).text
        (row,) = csv.DictReader(io.StringIO(text))
        assert set(outlines(person).values()) == {(row["s_region"], row["data_rights"])}


def test_links_tell_who_may_follow_them_and_read_nothing(house: House) -> None:
    # DL-046 to DL-048
    address = f"/datalink/sync?ID={house.data_sets['closed']}&RESPONSEFORMAT=csv"

    def this(person: str) -> dict[str, str]:
        rows = csv.DictReader(io.StringIO(house.ask(address, person).text))
        return next(row for row in rows if row["semantics"] == "#this")

    for person in ("nobody", "bob"):
        house.touched.clear()
        assert (this(person)["link_auth"], this(person)["link_authorized"]) == ("true", "F")
        assert house.touched == []
    assert this("ann")["link_authorized"] == "T"
    house.now = AFTER
    assert (this("nobody")["link_auth"], this("nobody")["link_authorized"]) == ("optional", "T")
