"""Data that are not public, tried through every door (design 4.3): no byte of them comes out without the
right, nor anything by which one answer differs from another; with the right, and after the release, all does.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from astropy.io import votable
from live_service import until
from pixel_house import AFTER, NOW, House, image_of, open_house
from starlette.routing import Match

REASON = "proprietary until 2031-05-01T00:00:00Z"
HERE, ELSEWHERE = "204.25 -29.87 0.0005", "10 40 0.001"
LATER = "Fri, 01 Jan 2100 00:00:00 GMT"
MOST = 300
"""Bytes of a refusal: some words, and the number of the request."""
TELLTALES = (
    "accept-ranges", "content-disposition", "content-range", "etag", "last-modified", "link", "repr-digest",
    "x-vo-reason",
)  # fmt: skip
"""Headers that would tell something of what is not given."""


@dataclass(frozen=True)
class Door:
    """A way to pixels of the file or data set ``of``, which stands in ``path`` as {file} or {set}; ``also``
    are headers that are sent."""

    name: str
    path: str
    of: str = "closed"
    method: str = "GET"
    also: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    """Of the answer to those with the right."""

    def address(self, house: House) -> str:
        return self.path.format(file=house.products.get(self.of), set=house.data_sets.get(self.of))


def soda(words: str, name: str = "set") -> str:
    return f"/soda/sync?ID={{{name}}}&{words}".rstrip("&").replace(" ", "+")


def picture(kind: str, name: str = "set") -> str:
    return f"/previews/{{{name}}}/{kind}.png"


KINDS = ("thumbnail", "spectrum", "moment0", "moment1", "moment8")
DOORS = (
    Door("file", "/files/{file}"),
    Door("file-version", "/files/{file}?version=1"),
    Door("file-range", "/files/{file}", also={"Range": "bytes=2880-2999"}, status=206),
    Door("file-ranges", "/files/{file}", also={"Range": "bytes=0-9,2880-2999"}, status=206),
    Door("file-beyond", "/files/{file}", also={"Range": "bytes=99999999-"}, status=416),
    Door("file-digest", "/files/{file}", also={"Want-Repr-Digest": "sha-256=1"}),
    Door("file-any", "/files/{file}", also={"If-None-Match": "*"}, status=304),
    Door("file-other", "/files/{file}", also={"If-Match": '"other"'}, status=412),
    Door("file-since", "/files/{file}", also={"If-Modified-Since": LATER}, status=304),
    Door("file-packed", "/files/{file}", "packed"),
    Door("file-tiled", "/files/{file}", "tiled"),
    Door("file-companion", "/files/{file}", "closed-pb"),
    Door("file-of-public", "/files/{file}", "public-pb"),
    Door("file-of-tar", "/files/{file}", "within"),
    Door("tar", "/files/{file}", "tar"),
    Door("tar-range", "/files/{file}", "tar", also={"Range": "bytes=5000-5009"}, status=206),
    Door("cut", soda("")),
    Door("cut-by-file", soda("", "file")),
    Door("cut-by-did", "/soda/sync?ID=ivo://example.test/obs%3F{set}"),
    Door("cut-circle", soda(f"CIRCLE={HERE}")),
    Door("cut-elsewhere", soda(f"CIRCLE={ELSEWHERE}"), status=204),
    Door("cut-channels", soda("CHANNELS=3 4")),
    Door("cut-beyond", soda("CHANNELS=300 400"), status=204),
    Door("cut-range", soda("CHANNELS=3 4"), also={"Range": "bytes=8640-8700"}, status=206),
    Door("cut-digest", soda("CHANNELS=3 4"), also={"Want-Repr-Digest": "sha-256=1"}),
    Door("cut-any", soda("CHANNELS=3 4"), also={"If-None-Match": "*"}, status=304),
    Door("cut-packed", soda("CHANNELS=3 4"), "packed"),
    Door("cut-tiled", soda("CHANNELS=3 4"), "tiled"),
    Door("cut-of-tar", soda("CHANNELS=3 4"), "within"),
    Door("cut-companion", soda("CHANNELS=3 4", "file"), "public-pb"),
    Door("header", soda("CHANNELS=3 4&HEADER=1")),
    Door("with", soda("CHANNELS=3 4&WITH=pb")),
    Door("with-private", soda("CHANNELS=3 4&WITH=pb"), "public"),
    Door("with-private-elsewhere", soda(f"CIRCLE={ELSEWHERE}&WITH=pb"), "public", status=204),
    Door("with-private-blank", soda(f"CIRCLE={HERE}&WITH=pb&OUTSIDE=blank"), "public"),
    Door("with-public", soda("CHANNELS=3 4&WITH=mask"), "masked"),
    Door("with-unknown", soda("WITH=psf"), status=400),
    Door("no-such-line", soda("LINE=CO(2-1)"), status=400),
    Door("blank", soda(f"CIRCLE={HERE}&OUTSIDE=blank")),
    Door("rebin", soda("REBIN=4 4 2")),
    *(Door(f"moment-{order}", soda(f"MOMENT={order}")) for order in (0, 1, 2, 8)),
    *(Door(f"spectrum-{kind}", soda(f"CIRCLE={HERE}&SPECTRUM={kind}")) for kind in ("mean", "sum", "flux")),
    Door("spectrum-nowhere", soda(f"CIRCLE={ELSEWHERE}&SPECTRUM=mean"), status=204),
    Door("preview", "/previews/{set}.png"),
    Door("preview-by-file", "/previews/{file}.png"),
    Door("preview-range", "/previews/{set}.png", also={"Range": "bytes=0-9"}, status=206),
    Door("preview-companion", "/previews/{file}.png", "public-pb"),
    Door("preview-packed", "/previews/{set}.png", "packed"),
    Door("preview-of-tar", "/previews/{file}.png", "within"),
    *(Door(kind, picture(kind)) for kind in KINDS),
    Door("package", "/packages/tar?ID={file}"),
    Door("package-of-set", "/packages/tar?ID={set}"),
    Door("package-of-role", "/packages/tar?ID={set}&ROLE=pb"),
    Door("package-of-query", "/packages/tar?QUERY=SELECT+DISTINCT+dataset_id+FROM+holdings.product"
         "+WHERE+product_id='{file}'"),
    Door("package-range", "/packages/tar?ID={file}", also={"Range": "bytes=2880-2999"}, status=206),
    Door("package-any", "/packages/tar?ID={file}", also={"If-None-Match": "*"}, status=304),
    Door("package-other", "/packages/tar?ID={file}", also={"If-Match": '"other"'}, status=412),
    Door("package-of-packed", "/packages/tar?ID={file}", "packed"),
    Door("package-companion", "/packages/tar?ID={file}", "public-pb"),
    Door("package-of-tar", "/packages/tar?ID={file}", "within"),
    Door("package-tar", "/packages/tar?ID={file}", "tar"),
)  # fmt: skip
NO_PIXELS = {
    "/", "/tap", "/soda", "/healthz", "/metrics",
    *(f"/tap/{name}" for name in ("tables", "tables/{name}", "capabilities", "availability", "examples")),
    *(f"/soda/{name}" for name in ("capabilities", "availability", "examples")),
    *(f"/registry{name}" for name in ("", "/capabilities", "/availability")),
    *(f"/{service}/{name}" for service in ("sia2", "datalink") for name in ("capabilities", "availability")),
    *(
        f"/cone/{table}/{name}"
        for table in (
            "ivoa.obscore", "holdings.observation", "holdings.archive_row", "holdings.measurement",
            "holdings.peak_spectrum", "holdings.supplement",
        )
        for name in ("capabilities", "availability")
    ),
}  # fmt: skip
"""Addresses that read no file, and show of the stored rows what is for everybody."""
OF_JOBS = ("", *(f"/{name}" for name in (
    "phase", "executionduration", "destruction", "quote", "owner", "error", "parameters",
    "parameters/{name:path}", "results", "results/{name}",
)))  # fmt: skip
ASKED_BELOW = {
    "/tap/sync",
    "/sia2/query",
    "/cone/{table}",
    "/datalink/sync",
    "/packages/list",
    "/packages/script",
    *(f"/{service}/async" for service in ("tap", "soda")),
    *(f"/{service}/async/{{job_id}}{name}" for service in ("tap", "soda") for name in OF_JOBS),
}
"""Addresses of queries and jobs, which the tests at the end go to (and those of jobs, for TAP)."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pixel-doors")


@pytest.fixture(scope="module")
def opened(place: Path) -> Iterator[House]:
    with open_house(place) as house:
        yield house


@pytest.fixture
def house(opened: House) -> Iterator[House]:
    """The house at a time before the release."""
    opened.now = NOW
    yield opened
    opened.now = NOW


def refused(house: House, door: Door, person: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The refusal, as it has to be: words alone, and nothing done for it."""
    house.touched.clear()
    sent = {**door.also, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = house.ask(door.address(house), person, method, sent)
    assert answer.status_code == (401 if person == "nobody" else 403), (answer.status_code, answer.text)
    assert house.touched == [], "the gate comes first"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert [name for name in TELLTALES if name in answer.headers] == []
    assert "Authorization" in answer.headers["Vary"]
    if method == "HEAD":
        assert answer.content == b""
        return answer
    assert len(answer.content) < MOST and answer.content.isascii()
    assert REASON in answer.text
    if door.path.startswith("/soda"):
        word = "AuthenticationError" if person == "nobody" else "AuthorizationError"
        assert answer.text.startswith(f"{word}: ")  # SODA-054
    return answer


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_no_byte_comes_out_before_the_release_and_all_after(house: House, door: Door) -> None:
    # AUTH-030, SODA-054
    for person in ("nobody", "bob"):
        for method in ("GET", "HEAD"):
            refused(house, door, person, method)
    mine = house.ask(door.address(house), "ann", headers=door.also)
    assert mine.status_code == door.status, mine.text
    assert mine.status_code >= 400 or "private" in mine.headers["Cache-Control"]
    # what somebody was given, or made, opens nothing to others: neither what is kept nor its name
    tag = mine.headers.get("ETag", '"unknown"')
    for person in ("nobody", "bob"):
        refused(house, door, person, If_None_Match=tag)
        refused(house, door, person, Range="bytes=0-9", If_Range=tag)
        refused(house, door, person, If_Match=tag)
    house.now = AFTER
    for person in ("nobody", "bob"):
        same = house.ask(door.address(house), person, headers=door.also)
        assert same.status_code == door.status, same.text
        assert same.headers.get("ETag") == mine.headers.get("ETag")
        if "boundary" not in mine.headers.get("Content-Type", "") and door.status < 400:
            assert same.content == mine.content
    house.now = NOW
    refused(house, door, "nobody")


def test_refusals_are_all_alike(house: House) -> None:
    """Whether there is anything where somebody looks, in what was asked for, is told to nobody (SODA-050)."""

    def shape(answer: httpx.Response) -> tuple[object, ...]:
        headers = {k: v for k, v in answer.headers.items() if k not in ("x-request-id", "date")}
        text = re.sub(r"Request: \S+", "", answer.text)
        assert answer.headers["X-Request-Id"] in answer.text
        return text, sorted(headers.items())

    for person in ("nobody", "bob"):
        for start in ("/files", "/soda", "/previews"):
            mine = [each for each in DOORS if each.path.startswith(start) and each.of != "tar"]
            answers = [shape(refused(house, door, person)) for door in mine]
            assert len(mine) > 5 and all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("of", ["undated", "unlisted"])
@pytest.mark.parametrize("path", ["/files/{file}", soda("CHANNELS=3 4"), soda(f"CIRCLE={ELSEWHERE}"),
                                  soda("MOMENT=8"), "/previews/{set}.png", picture("moment8")],
                         ids=["file", "cut", "elsewhere", "moment", "preview", "picture"])  # fmt: skip
def test_without_a_date_it_is_closed_for_good(house: House, path: str, of: str) -> None:
    house.now = datetime(2999, 1, 1, tzinfo=NOW.tzinfo)
    address = Door("", path, of).address(house)
    for person, status in (("nobody", 401), ("bob", 403)):
        house.touched.clear()
        answer = house.ask(address, person)
        assert (answer.status_code, house.touched) == (status, [])
        assert "is not public: the archive gives no release date for it" in answer.text
    assert house.ask(address, "ann").status_code in (200, 204)


def test_what_is_unlisted_opens_by_the_setting_alone(house: House, place: Path) -> None:
    # the cache is that of the other application, which has had these results for those with the right
    paths = ("/files/{file}", soda("MOMENT=8"), "/previews/{set}.png")
    with open_house(place, unlisted="open") as other:
        for path in paths:
            for of, status in (("unlisted", 200), ("undated", 401), ("closed", 401), ("open", 200)):
                assert other.ask(Door("", path, of).address(other)).status_code == status, (path, of)
    for path in paths:
        refusal = house.ask(Door("", path, "unlisted").address(house))
        assert refusal.status_code == 401


def test_each_file_of_a_data_set_has_its_own_right(house: House) -> None:
    public = (
        "/files/{file}",
        soda("CHANNELS=3 4", "file"),
        "/previews/{file}.png",
        picture("moment8", "file"),
    )
    for path in public:
        for of in ("public", "masked-mask", "open"):
            assert house.ask(Door("", path, of).address(house)).status_code == 200, (path, of)
    whole = house.ask(Door("", soda("CHANNELS=3 4"), "public").address(house))
    assert whole.status_code == 200 and image_of(whole).shape == (1, 2, 48, 48)


def test_requests_that_mean_nothing_are_told_so_to_everybody_alike(house: House) -> None:
    """Before the data set is looked for: nothing of it is in the answer."""
    for words in ("CIRCLE=1 2", "NONSENSE=1", "MOMENT=7", "CHANNELS=1 2&BAND=1e-3 2e-3"):
        texts = set()
        for of in ("closed", "open"):
            for person in ("nobody", "bob", "ann"):
                house.touched.clear()
                answer = house.ask(Door("", soda(words), of).address(house), person)
                assert answer.status_code == 400 and house.touched == []
                texts.add(re.sub(r"Request: \S+", "", answer.text))
        assert len(texts) == 1
    assert house.ask("/previews/{set}/moment2.png".format(set=house.data_sets["closed"])).status_code == 404


def test_a_description_is_of_rows_that_are_for_everybody(house: House) -> None:
    # DL-098: without opening the file
    house.touched.clear()
    address = Door("", soda("MAXREC=0")).address(house)
    told = house.ask(address)
    assert told.status_code == 200 and house.touched == []
    assert told.text == house.ask(address, "bob").text


def test_post_is_no_other_door(house: House) -> None:
    form = {"ID": house.data_sets["closed"], "CHANNELS": "3 4"}
    for person, status in (("nobody", 401), ("bob", 403), ("ann", 200)):
        house.touched.clear()
        answer = house.ask("/soda/sync", person, "POST", data=form)
        assert answer.status_code == status
        assert person == "ann" or house.touched == []


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


def test_every_address_is_tried_here_or_serves_no_pixels(house: House) -> None:
    """A new address has to be put into DOORS, or among those that serve no pixels, by somebody who thinks."""
    routes = list(house.app.routes)

    def pattern_of(address: str) -> str:
        scope = {"type": "http", "method": "GET", "path": address.partition("?")[0], "headers": []}
        return next(route.path for route in routes if route.matches(scope)[0] is Match.FULL)

    tried = {pattern_of(door.address(house)) for door in DOORS}
    assert tried == {
        "/files/{product_id}",
        "/soda/sync",
        "/previews/{name}.png",
        "/previews/{name}/{kind}.png",
        "/packages/tar",
    }
    there = {route.path for route in routes}
    assert there - tried - NO_PIXELS - ASKED_BELOW == set()
    assert not tried & (NO_PIXELS | ASKED_BELOW)


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
