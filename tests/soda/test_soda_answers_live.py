"""Cut-outs of a live server: what stands round the bytes, parts of answers, and errors."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

import numpy as np
import pytest
import requests
from live_archive import Archive, Sample, check_error, image_of

CUBE: Final = "M83_sci.spw16.cube.I.pbcor.fits"
GZIP: Final = "M77_CO21.image.pbcor.fits.gz"
KINDS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "stored": (CUBE, {"CHANNELS": "3 12", "PIXELS": "2 40 1 30"}),
    "of gzip": (GZIP, {"CHANNELS": "3 12", "PIXELS": "2 40 1 30"}),
    "of tiles": ("_cont.image.pbcor.fits.fz", {}),
    "with": (CUBE, {"CHANNELS": "3 4", "WITH": "mask"}),
    "blank": (CUBE, {"CHANNELS": "3 4", "POS": "CIRCLE 204.254 -29.8654 0.0005", "OUTSIDE": "blank"}),
    "rebinned": (CUBE, {"REBIN": "4 4 4"}),
    "moment": (CUBE, {"MOMENT": "8"}),
    "spectrum": (CUBE, {"SPECTRUM": "sum"}),
    "fits spectrum": (CUBE, {"SPECTRUM": "mean", "RESPONSEFORMAT": "fits"}),
    "header": (CUBE, {"HEADER": "1"}),
}
TYPES: Final = {
    "spectrum": ("application/x-votable+xml", ".vot"),
    "header": ("text/plain", ".txt"),
}


def digest_of(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


@pytest.fixture(scope="module")
def cube(archive: Archive) -> Sample:
    return archive.find(CUBE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_result_is_whole_and_the_same_again(archive: Archive, kind: str) -> None:
    # SODA-045, SODA-051, SODA-053: whichever process answers
    ending, wanted = KINDS[kind]
    sample = archive.find(ending)
    answers = [archive.ask(ID=sample.did, **wanted) for _ in range(4)]
    first = answers[0]
    assert first.status_code == 200, first.text
    media_type, extension = TYPES.get(kind, ("application/fits", ".fits"))
    assert first.headers["Content-Type"].partition(";")[0] == media_type
    name = re.fullmatch(r"attachment; filename=(\S+)", first.headers["Content-Disposition"])
    assert name is not None and name[1].endswith(extension)
    assert int(first.headers["Content-Length"]) == len(first.content)
    assert re.fullmatch(r'"[0-9a-f]{40}"', first.headers["ETag"])
    for again in answers[1:]:
        assert again.content == first.content and again.headers["ETag"] == first.headers["ETag"]
    if media_type == "application/fits":
        assert len(first.content) % 2880 == 0

    tag = first.headers["ETag"]
    known = archive.send("GET", {"If-None-Match": tag}, sample, **wanted)
    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", tag)
    head = archive.send("HEAD", {}, sample, **wanted)
    assert (head.status_code, head.content) == (200, b"")
    for header in ("Content-Length", "Content-Type", "ETag", "Content-Disposition"):
        assert head.headers[header] == first.headers[header]


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_goes_on_where_it_broke_off(archive: Archive, kind: str) -> None:
    # SODA-051: of sent and of computed results alike
    ending, wanted = KINDS[kind]
    sample = archive.find(ending)
    whole = archive.send("GET", {}, sample, **wanted)
    size, tag = len(whole.content), whole.headers["ETag"]
    assert whole.headers["Accept-Ranges"] == "bytes"
    place = size // 3
    rest = archive.send("GET", {"Range": f"bytes={place}-", "If-Range": tag}, sample, **wanted)
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes {place}-{size - 1}/{size}"
    assert whole.content[:place] + rest.content == whole.content
    middle = archive.send("GET", {"Range": f"bytes={place}-{place + 99}"}, sample, **wanted)
    assert middle.content == whole.content[place : place + 100]
    assert archive.send("GET", {"Range": "bytes=-7"}, sample, **wanted).content == whole.content[-7:]
    other = archive.send("GET", {"Range": f"bytes={place}-", "If-Range": '"other"'}, sample, **wanted)
    assert (other.status_code, other.content) == (200, whole.content)
    beyond = archive.send("GET", {"Range": f"bytes={size}-"}, sample, **wanted)
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == f"bytes */{size}"
    check_error(beyond, 416, "UsageError", f"the {size} bytes")  # SODA-054
    check_error(
        archive.send("GET", {"If-Match": '"other"'}, sample, **wanted), 412, "UsageError", "condition"
    )
    assert "Content-Disposition" not in beyond.headers and "Repr-Digest" not in beyond.headers
    assert beyond.headers["ETag"] == tag
    for header in ("Range", "If-Range", "If-Modified-Since", "Want-Repr-Digest"):
        nonsense = archive.send("GET", {header: f"bytes={'9' * 5000}-"}, sample, **wanted)
        assert nonsense.status_code in (200, 206) and nonsense.content == whole.content


@pytest.mark.parametrize("kind", ["stored", "of gzip", "moment", "spectrum"])
def test_digests(archive: Archive, kind: str) -> None:
    ending, wanted = KINDS[kind]
    sample = archive.find(ending)
    unasked = archive.send("GET", {}, sample, **wanted)
    if kind == "stored":
        assert "Repr-Digest" not in unasked.headers
    else:
        assert unasked.headers["Repr-Digest"] == digest_of(unasked.content)
    for method, more in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=10-20"})):
        asked = archive.send(method, {"Want-Repr-Digest": "sha-256=1", **more}, sample, **wanted)
        assert asked.headers["Repr-Digest"] == digest_of(unasked.content)


def test_tags_tell_what_is_asked_and_not_how(archive: Archive, cube: Sample) -> None:
    # SODA-045: the spelling of a request does not matter to its answer
    def tag(**wanted: str) -> str:
        return archive.ask(ID=cube.did, **wanted).headers["ETag"]

    one = tag(CIRCLE="204.254 -29.8654 0.001", BAND="1e-3 2e-3")
    assert one == tag(circle="204.2540 -29.86540 1e-3", BAND="0.001 0.002", RUNID="x", POL="")
    assert one == tag(POS="CIRCLE 204.254 -29.8654 0.001", BAND="0.1e-2 0.2e-2", REBIN="1 1 1")
    assert one != tag(CIRCLE="204.254 -29.8654 0.0011", BAND="1e-3 2e-3")
    assert one != tag(CIRCLE="204.254 -29.8654 0.001", BAND="1e-3 2.1e-3")


def test_a_result_says_where_it_comes_from(archive: Archive, cube: Sample) -> None:
    # SODA-044: no clock time, no user; the request in one spelling
    header = image_of(archive.cut(cube, circle="204.2540 -29.8654 1e-3", CHANNELS="2 3"))[0]
    assert header["VOSRCID"] == cube.product_id and re.fullmatch(r"\w+", header["VOSRCVER"])
    assert list(header["HISTORY"])[-2:] == ["CIRCLE=204.254 -29.8654 0.001", "CHANNELS=2 3"]
    dates = {key for key in header if "DATE" in key}
    assert dates <= set(cube.header)


def test_nothing_in_common_is_an_empty_answer(archive: Archive, cube: Sample) -> None:
    # SODA-050
    lon, lat = cube.centre
    for wanted in (
        {"CIRCLE": f"{lon} {-lat} 0.001"},
        {"POLYGON": "10 10 11 10 11 11"},
        {"POS": "RANGE 10 11 -Inf +Inf"},
        {"BAND": "1e-7 2e-7"},
        {"FREQ": "1e9 2e9"},
        {"POL": "V"},
        {"TIME": "40000 40001"},
        {"CHANNELS": "500 501"},
        {"CIRCLE": f"{lon} {-lat} 0.001", "MOMENT": "0"},
        {"BAND": "1e-7 2e-7", "SPECTRUM": "mean"},
        {"TIME": "40000 40001", "HEADER": "1"},
        {"FREQ": "1e9 2e9", "WITH": "pb"},
        {"FREQ": "1e9 2e9", "REBIN": "2 2 2"},
    ):
        answer = archive.ask(ID=cube.did, **wanted)
        assert (answer.status_code, answer.content) == (204, b""), wanted
        assert answer.headers["X-VO-Reason"].endswith(".")
        assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(
    ("wanted", "status", "word", "parts"),
    [
        ([], 400, "UsageError", ["ID"]),  # SODA-015
        ([("ID", "ivo://nowhere/obs?none")], 404, "UsageError", []),
        ([("ID", "no-such-data-set")], 404, "UsageError", []),
        ([("CIRCLE", "1 2 3"), ("CIRCLE", "4 5 6")], 400, "MultiValuedParamNotSupported", ["CIRCLE"]),
        ([("CIRCLE", "1 2 3"), ("CIRCLE", "1 2 3")], 400, "MultiValuedParamNotSupported", ["CIRCLE"]),
        ([("BAND", "1 2"), ("band", "3 4")], 400, "MultiValuedParamNotSupported", ["BAND", "async"]),
        ([("ID", "x"), ("ID", "y")], 400, "MultiValuedParamNotSupported", ["ID"]),
        (  # SODA-022
            [("CIRCLE", "1 2 3"), ("POLYGON", "1 1 2 1 2 2")],
            400,
            "MultiValuedParamNotSupported",
            ["CIRCLE", "POLYGON"],
        ),
        ([("MOMENT", "0"), ("MOMENT", "1")], 400, "MultiValuedParamNotSupported", ["MOMENT"]),
        ([("CIRCLE", "1 2")], 400, "UsageError", ["CIRCLE", "3 numbers", "got 2"]),  # SODA-034, SODA-056
        ([("CIRCLE", "1 91 1")], 400, "UsageError", ["CIRCLE", "91"]),
        ([("CIRCLE", "1 2 -1")], 400, "UsageError", ["CIRCLE"]),
        ([("CIRCLE", "1 2 NaN")], 400, "UsageError", ["CIRCLE", "NaN"]),
        ([("POLYGON", "1 2 3 4 5")], 400, "UsageError", ["POLYGON", "5"]),  # SODA-021
        ([("POS", "BOX 1 2 3 4")], 400, "UsageError", ["POS", "RANGE"]),
        ([("POS", "RANGE 1 2 4 3")], 400, "UsageError", ["POS"]),
        ([("BAND", "2 1")], 400, "UsageError", ["BAND"]),
        ([("BAND", "1e-3 x")], 400, "UsageError", ["BAND", "x"]),
        ([("TIME", "2 1")], 400, "UsageError", ["TIME"]),
        ([("POL", "Z")], 400, "UsageError", ["POL"]),
        ([("WITH", "flux")], 400, "UsageError", ["flux", "mask", "pb"]),
        ([("LINE", "nothing at all")], 400, "UsageError", ["LINE"]),
        ([("BAND", "1 2"), ("FREQ", "1 2")], 400, "UsageError", ["BAND", "FREQ"]),
        ([("SCALE", "2")], 400, "UsageError", ["SCALE", "CIRCLE", "REBIN", "MOMENT"]),  # SODA-096, SODA-031
        ([("MOC", "1/1")], 400, "UsageError", ["MOC", "POS"]),
        ([("RESPONSEFORMAT", "image/png")], 400, "UsageError", ["RESPONSEFORMAT", "application/fits"]),
        ([("OUTSIDE", "blank")], 400, "UsageError", ["OUTSIDE", "CIRCLE"]),
    ],
)  # fmt: skip
def test_mistakes_are_told(
    archive: Archive,
    cube: Sample,
    wanted: list[tuple[str, str]],
    status: int,
    word: str,
    parts: list[str],
) -> None:
    # SODA-011, SODA-054, SODA-055
    others = wanted if not wanted or any(name == "ID" for name, _ in wanted) else [("ID", cube.did), *wanted]
    check_error(archive.ask(*others), status, word, *parts)


def test_known_control_names_pass(archive: Archive, cube: Sample) -> None:
    # SODA-033, SODA-096
    answer = archive.ask(ID=cube.did, CHANNELS="1 1", RUNID="mine", RESPONSEFORMAT="image/fits", MAXREC="5")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/fits"
    assert answer.content == archive.cut(cube, CHANNELS="1 1")


def test_reasons_can_be_read_by_browsers(archive: Archive, cube: Sample) -> None:
    # SODA-050, DALI-119
    answer = archive.ask(ID=cube.did, CHANNELS="500 501")
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"X-VO-Reason", "Repr-Digest", "ETag", "Content-Disposition"} <= exposed


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("DELETE", "sync", 405, "UsageError"),
        ("PUT", "sync", 405, "UsageError"),
        ("GET", "nothing", 404, "UsageError"),
        ("GET", "async/nothing", 404, "UsageError"),
        ("PUT", "async", 405, "UsageError"),
        ("POST", "async/nothing/phase", 400, "UsageError"),
        ("GET", "async?WAIT=x&PHASE=NONSENSE", 400, "UsageError"),
    ],
)
def test_every_refusal_begins_with_a_word(
    archive: Archive, method: str, path: str, status: int, word: str
) -> None:
    # SODA-054: of the router and of jobs too
    answer = requests.request(method, f"{archive.url}/soda/{path}", timeout=60)
    check_error(answer, status, word)


def test_wrong_tokens_and_bodies(archive: Archive, cube: Sample) -> None:
    # SODA-054, SODA-055: told before any handler is asked
    address = f"{archive.url}/soda/sync"
    wrong = archive.send("GET", {"Authorization": "Bearer nonsense"}, cube)
    check_error(wrong, 401, "AuthenticationError")
    assert wrong.headers["WWW-Authenticate"]
    json = requests.post(address, json={"ID": cube.did}, timeout=60)
    check_error(json, 415, "UsageError", "application/x-www-form-urlencoded", "multipart/form-data")
    many = requests.post(address, [("ID", "x")] * 1200, timeout=60)
    check_error(many, 400, "UsageError", "1000")
    latin = requests.post(
        address, b"ID=%e9", headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=60
    )
    check_error(latin, 400, "UsageError", "UTF-8")


def test_pixels_of_a_gzip_file_are_those_of_the_file_inside(archive: Archive) -> None:
    # SODA-042: the same cube stands in the holdings packed and unpacked
    packed = archive.find(GZIP)
    pixels = image_of(archive.cut(packed, CHANNELS="11 13", PIXELS="5 9 7 8"))[1]
    np.testing.assert_array_equal(pixels, packed.pixels[:, 10:13, 6:8, 4:9])


def test_an_embargo_holds_at_every_door(archive: Archive) -> None:
    # SODA-055: by the release date of the data; nothing is said of the pixels
    sample = archive.find("X914.NGC5236_sci.spw17.cube.I.pbcor.fits")
    names = archive.names()
    companions = [names[str(path.relative_to(archive.root))] for path in sample.companions.values()]
    assert len(companions) == 2
    for name in (sample.did, sample.product_id, *companions):
        for wanted in ("", "HEADER=1", "MOMENT=0", "SPECTRUM=sum", "CHANNELS=1 1", "BAND=1 2"):
            pairs = [tuple(wanted.split("="))] if wanted else []
            answer = archive.ask(("ID", name), *pairs)
            check_error(answer, 403, "AuthorizationError", "proprietary until 3000")
            assert len(answer.content) < 400
