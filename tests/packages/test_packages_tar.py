"""``/packages/tar``: what is in it, what is left out of it and told, how it is asked for."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from read_tars import SPELLED, STEM, UID, everything, stored, tar_of

from vo_service.access import ANONYMOUS
from vo_service.asking.queries import Asker
from vo_service.dali.streams import Cancellation
from vo_service.packages.contents import Packer
from vo_service.packages.limits import PackageLimits
from vo_service.packages.request import Request
from vo_service.packages.tar_bytes import DIGESTS, MANIFEST

REASON = "proprietary until 2931-05-01T00:00:00Z"


def test_all_files_of_a_member_are_read_back(house: Any) -> None:
    answer = house.ask(f"/packages/tar?ID={UID}", "ann")
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert answer.headers["Content-Disposition"] == f"attachment; filename=member.{SPELLED}.tar"
    files = tar_of(answer)
    assert next(iter(files)) == MANIFEST and list(files)[-1] == DIGESTS
    wanted = {
        f"{SPELLED}/{place}": row for place, row in house.rows().items() if row["member_ous_uid"] == UID
    }
    assert len(wanted) == 7  # three of either root, and the odd one
    inside = list(files)[1:-1]
    assert inside == sorted(wanted)
    for name in wanted:
        assert files[name] == stored(house, name.removeprefix(f"{SPELLED}/"))
    assert house.ask(f"/packages/tar?ID={SPELLED}", "ann").content == answer.content


def test_it_says_the_same_to_a_form_and_to_head(house: Any) -> None:
    ids = [house.product(f"{root}/{STEM}.fits") for root in ("alpha", "beta")]
    got = house.ask(f"/packages/tar?id={ids[0]}&ID={ids[1]}&ID={ids[0]}")
    posted = house.ask("/packages/tar", method="POST", data={"ID": ids})
    parts = [("ID", (None, each)) for each in ids]
    several = house.ask("/packages/tar", method="POST", files=parts)
    assert got.status_code == 200 and got.content == posted.content == several.content
    head = house.ask(f"/packages/tar?ID={ids[0]}&ID={ids[1]}", method="HEAD")
    assert head.status_code == 200 and head.content == b""
    for name in ("Content-Length", "Content-Disposition", "ETag", "Accept-Ranges"):
        assert head.headers[name] == got.headers[name]
    assert len(tar_of(got)) == 4, "either file once"


def test_two_roots_may_have_the_same_paths(house: Any) -> None:
    files = tar_of(house.ask(f"/packages/tar?ID={UID}&ROLE=cube"))
    places = [f"{SPELLED}/{root}/{STEM}.fits" for root in ("alpha", "beta")]
    assert list(files)[1:-1] == places and files[places[0]] != files[places[1]]


def test_gnu_tar_and_sha256sum_agree(house: Any, tmp_path: Path) -> None:
    answer = house.ask(everything(house), "ann")
    (tmp_path / "x.tar").write_bytes(answer.content)
    done = subprocess.run(["tar", "-xf", "x.tar"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = [each for each in tmp_path.iterdir() if each.is_dir()]
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", DIGESTS], cwd=folder, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(": OK") == len(house.rows()) + 1  # MANIFEST.txt as well
    assert sum(path.is_file() for path in folder.rglob("*")) == len(house.rows()) + 2
    assert not list(tmp_path.rglob("pwned"))


def test_a_tar_and_what_is_in_it_lie_beside_each_other(house: Any, make_bytes: Any) -> None:
    files = tar_of(house.ask(everything(house), "ann"))
    for tar in ("delivery.tar", "delivery.tgz"):
        assert files[f"other/alpha/{tar}"] == stored(house, f"alpha/{tar}")
        for inside, size in (("z first.txt", 3000), ("b/second.txt", 700_000), ("a third.txt", 10)):
            assert files[f"other/alpha/{tar}.members/{inside}"] == make_bytes(tar + inside, size)
    alone = house.product("alpha/delivery.tar/z first.txt"), house.product("alpha/large.txt")
    files = tar_of(house.ask(f"/packages/tar?ID={alone[0]}&ID={alone[1]}"))
    assert "other/alpha/delivery.tar/z first.txt" in files, "no tar is in its way"


def test_what_is_closed_is_left_out_and_told(house: Any) -> None:
    answer = house.ask(f"/packages/tar?ID={UID}")
    files = tar_of(answer)
    assert not [name for name in files if ".spw17." in name]
    told = files[MANIFEST].decode()
    assert told.count(REASON) == 2 and told.count("DefaultFault: This product is proprietary") == 2
    mine = house.ask(f"/packages/tar?ID={UID}", "ann")
    assert len(tar_of(mine)) == len(files) + 2 and mine.headers["ETag"] != answer.headers["ETag"]
    house.now = house.now.replace(year=2932)
    assert house.ask(f"/packages/tar?ID={UID}").content == mine.content


def test_where_all_is_closed_nothing_is_given(house: Any) -> None:
    address = f"/packages/tar?ID={house.product('alpha/' + STEM.replace('spw15', 'spw17') + '.fits')}"
    for person, status in (("nobody", 401), ("bob", 403)):
        for method in ("GET", "HEAD"):
            answer = house.ask(address, person, method)
            assert answer.status_code == status and "ETag" not in answer.headers
        assert REASON in house.ask(address, person).text
    assert house.ask(address, "ann").status_code == 200


def test_a_tar_with_a_closed_file_in_it_is_closed(house: Any) -> None:
    answer = house.ask(f"/packages/tar?ID={house.product('alpha/delivery.tar')}", "bob")
    assert answer.status_code == 403 and "or a file in it" in answer.text


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("no-such-thing", 404, "no product of this name"),
        ("Bad One", 400, "no identifier of this service"),
        ("gone-for-good", 410, "withdrawn on 2026-02-03"),
        ("moved-away", 410, "http://t/files/elsewhere-now"),
        ("uid://A001/X9/X9", 404, "nothing of this uid"),
        ("ivo://other.example/obs?x", 400, "ivo://example.test/obs?"),
    ],
)
def test_what_cannot_be_had_is_told(house: Any, name: str, status: int, words: str) -> None:
    alone = house.ask("/packages/tar", params={"ID": name})
    assert alone.status_code == status and words in alone.text
    beside = house.ask("/packages/tar", params={"ID": [name, house.product("alpha/large.txt")]})
    told = tar_of(beside)[MANIFEST].decode()
    assert name in told and words in told
    nothing = house.ask("/packages/tar", params={"ID": [name, "neither"]})
    assert nothing.status_code == 404 and "Of 2 identifiers" in nothing.text


@pytest.mark.parametrize("change", ["vanished", "changed"])
def test_a_file_that_is_no_longer_as_it_was_is_left_out(own_house: Any, change: str) -> None:
    place = own_house.trees / "alpha/large.txt"
    before = own_house.ask(everything(own_house))
    if change == "vanished":
        place.unlink()
    else:
        place.write_bytes(b"other")
    after = own_house.ask(
        everything(own_house), headers={"Range": "bytes=9-", "If-Range": before.headers["ETag"]}
    )
    assert after.status_code == 200, "another tar"
    files = tar_of(after)
    assert "other/alpha/large.txt" not in files
    word = "has gone" if change == "vanished" else "has changed"
    assert f"The file 'large.txt' {word} since it was ingested." in files[MANIFEST].decode()


@pytest.mark.parametrize(
    ("select", "places"),
    [
        ("product_id FROM holdings.product WHERE path = 'large.txt'", {"other/alpha/large.txt"}),
        ("p.product_id AS x FROM holdings.product AS p WHERE path = 'large.txt'", {"other/alpha/large.txt"}),
        ("* FROM holdings.product WHERE path = 'large.txt'", {"other/alpha/large.txt"}),
        ("COUNT(*) AS n, dataset_id FROM ivoa.obscore WHERE target_name = 'NGC253' GROUP BY dataset_id",
         {"other/alpha/NGC253.cube.image.fits"}),
        ("DISTINCT obs_publisher_did FROM ivoa.obscore WHERE target_name = 'NGC253'",
         {"other/alpha/NGC253.cube.image.fits"}),
    ],
)  # fmt: skip
def test_a_query_names_files(house: Any, select: str, places: set[str]) -> None:
    answer = house.ask("/packages/tar", params={"QUERY": f"SELECT {select}", "LANG": "ADQL"})
    assert set(tar_of(answer)) == places | {MANIFEST, DIGESTS}
    assert f"Query: SELECT {select}" in tar_of(answer)[MANIFEST].decode()


def test_a_query_names_members(house: Any) -> None:
    query = "SELECT member_ous_uid FROM ivoa.obscore WHERE member_ous_uid IS NOT NULL"
    asked = house.ask("/packages/tar", params={"QUERY": query, "VERSION": "2.0"})
    assert set(tar_of(asked)) == set(tar_of(house.ask(f"/packages/tar?ID={UID}")))


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "neither ID nor QUERY"),
        ({"ID": "x", "QUERY": "SELECT 1"}, "both ID and QUERY"),
        ({"QUERY": "SELECT nothing FROM ivoa.obscore"}, "line 1, column 8"),
        ({"QUERY": "SELECT target_name FROM ivoa.obscore"}, "no column that names"),
        ({"QUERY": "SELECT UPPER(dataset_id) AS dataset_id FROM ivoa.obscore"}, "no column that names"),
        ({"QUERY": "SELECT TOP 1 dataset_id FROM ivoa.obscore", "LANG": "SQL"}, "known are ADQL"),
        ({"QUERY": "SELECT TOP 1 dataset_id FROM ivoa.obscore", "LANG": "ADQL-2.0", "VERSION": "2.1"},
         "LANG asks"),
        ({"ID": "x", "ROLE": "nonsense"}, "roles of files are"),
        ({"ID": "x", "WITH": "pb,nonsense"}, "roles of files are"),
    ],
)  # fmt: skip
def test_mistakes_are_told(house: Any, form: dict[str, str], words: str) -> None:
    for path in ("/packages/tar", "/packages/script", "/packages/list"):
        answer = house.ask(path, params=form)
        assert answer.status_code == 400 and words in answer.text


def test_a_query_without_rows_is_told(house: Any) -> None:
    query = "SELECT dataset_id FROM ivoa.obscore WHERE target_name = 'nobody'"
    answer = house.ask("/packages/tar", params={"QUERY": query})
    assert answer.status_code == 404 and "no identifier" in answer.text


def test_roles_choose(house: Any) -> None:
    def names(words: str) -> set[str]:
        return {
            name.partition("spw15.")[2] for name in tar_of(house.ask(f"/packages/tar?ID={UID}&{words}"))
        } - {""}

    assert names("ROLE=pb") == {"cube.I.pb.fits"}
    assert (
        names("ROLE=pb,cube")
        == names("WITH=pb")
        == names("ROLE=cube&ROLE=pb")
        == {"cube.I.pb.fits", "cube.I.pbcor.fits"}
    )
    assert names("WITH=mask") == {"cube.I.pbcor.fits"}
    nothing = house.ask(f"/packages/tar?ID={UID}&ROLE=psf")
    assert nothing.status_code == 404 and "no file of the roles" in nothing.text


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (PackageLimits(files=3), "most that this service packs is 3"),
        (PackageLimits(bytes=1000), "bytes; the most that this service packs is 1000"),
        (PackageLimits(identifiers=2), "more than 2 identifiers"),
        (PackageLimits(query_characters=10), "at most 10"),
    ],
)
def test_limits_are_told(house: Any, limits: PackageLimits, words: str) -> None:
    handlers = next(r.endpoint.__self__ for r in house.service.routes() if r.path == "/packages/tar")
    packer = handlers._tars.packer
    limited = Packer(packer.queries, packer.shelf, packer.authority, limits)
    with (
        patch.object(handlers, "_limits", limits),
        patch.object(handlers, "_tars", replace(handlers._tars, packer=limited)),
    ):
        answer = house.ask(everything(house))
    assert answer.status_code == 400 and words in answer.text


def test_who_has_left_is_waited_for_no_more(house: Any) -> None:
    handlers = next(r.endpoint.__self__ for r in house.service.routes() if r.path == "/packages/tar")
    packer, gone = handlers._tars.packer, Cancellation()
    gone.cancel()
    package = packer.pack(
        Request((UID,), "", "2.1"), Asker(ANONYMOUS, house.now, "http://t", 5, None), Cancellation()
    )
    with patch.object(type(packer.shelf), "open_source", side_effect=AssertionError):
        assert packer.looked_at(package, gone) == package
