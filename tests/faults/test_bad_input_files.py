"""Files as they should not be: each is told with place and reason, none stops the rest, nothing is lost."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import requests
from a_user import run, snapshot_numbers, stored, write_product
from service_processes import running_server

COLONS = "uid://A001/X1/X2 2019-03-01T12:30:00.fits".replace("/", "_")
ACCENTS = "Ñandú α Cen 50%+#?.fits"
NOT_TEXT = b"caf\xe9.fits"


@dataclass(frozen=True)
class Place:
    """A home after a good ingest and one with bad files beside the good one."""

    home: Path
    tree: Path
    exit_code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    top = tmp_path_factory.mktemp("files")
    tree = top / "products"
    good = write_product(tree / "good.fits")
    assert run(top / "home", "ingest", "--no-pixels", str(tree)).returncode == 0
    content = good.read_bytes()
    (tree / "cut in data.fits").write_bytes(content[:-3000])
    (tree / "cut in header.fits").write_bytes(content[:1000])
    (tree / "empty.fits").touch()
    (tree / "page.fits").write_text("<html>404 Not Found</html>\n" * 200)
    (tree / "no-axes.fits").write_bytes(b"".join(
        card.ljust(80) for card in (
            b"SIMPLE  =                    T", b"BITPIX  =                    8",
            b"NAXIS   =                    0", b"END",
        )
    ).ljust(2880))  # fmt: skip
    write_product(tree / "no-step.fits", CDELT1=0.0)
    write_product(tree / COLONS, OBJECT="NGC 253")
    write_product(tree / ACCENTS, OBJECT="NGC 1068")
    with open(os.fsencode(tree) + b"/" + NOT_TEXT, "wb") as file:  # noqa: PTH123 - not a name for Path
        file.write(content)
    done = run(top / "home", "ingest", "--no-pixels", str(tree))
    return Place(top / "home", tree, done.returncode, done.stdout, done.stderr)


TOLD = {
    "cut in data.fits": ("truncated", r"bytes"),
    "cut in header.fits": ("truncated", r"END"),
    "empty.fits": ("not_fits", r"empty|0 bytes"),
    "page.fits": ("not_fits", r"SIMPLE"),
    "no-axes.fits": ("no_pixels", r"NAXIS = 0"),
    "no-step.fits": ("bad_wcs", r"CDELT1 is zero"),
    "caf\\xe9.fits": ("unreadable", r"not valid UTF-8; rename it"),
}


def test_some_failed_is_exit_code_1_and_the_rest_is_published(place) -> None:
    assert place.exit_code == 1
    assert ": 2 described, 1 unchanged, 0 withdrawn" in place.out
    assert f"{len(TOLD)} failed" in place.out
    current, directories = snapshot_numbers(place.home)
    assert current == 2
    assert directories == ["000001", "000002"]


@pytest.mark.parametrize(("name", "error", "words"), [(n, *told) for n, told in TOLD.items()])
def test_each_bad_file_is_told_on_one_line_with_its_place(place, name, error, words) -> None:
    lines = [line for line in place.err.splitlines() if line.startswith(f"products/{name}: ")]
    assert len(lines) == 1, place.err
    assert lines[0].startswith(f"products/{name}: {error}: ")
    assert re.search(words, lines[0])
    assert str(place.tree) not in lines[0]


def test_nothing_else_is_complained_about(place) -> None:
    assert len(place.err.splitlines()) == len(TOLD), place.err


def test_each_bad_file_is_in_the_run_log_that_users_see(place) -> None:
    rows = [row for row in stored(place.home, "holdings.run_product") if row["state"] == "failed"]
    assert {row["path"]: row["error_class"] for row in rows} == {n: told[0] for n, told in TOLD.items()}
    assert all(row["error_message"] for row in rows)


def test_the_good_files_are_rows_and_no_bad_one_is(place) -> None:
    targets = sorted(str(row["target_name"]) for row in stored(place.home, "ivoa.obscore"))
    assert targets == ["M83", "NGC 1068", "NGC 253"]


def test_a_second_run_leaves_everything_as_it_is(place) -> None:
    done = run(place.home, "ingest", "--no-pixels", str(place.tree))
    assert "0 described" in done.stdout and "nothing changed" in done.stdout
    assert snapshot_numbers(place.home)[0] == 2
    assert done.returncode == 1  # the name that is no text cannot be remembered: it is told again
    assert done.stderr.splitlines() == [line for line in place.err.splitlines() if "UTF-8" in line]


@pytest.fixture(scope="module")
def base(place) -> Iterator[str]:
    """Address of a server on that home."""
    with running_server(place.home, workers=1) as address:
        yield address


def test_odd_names_make_plain_identifiers_and_links_that_work(place, base) -> None:
    products = {str(row["path"]): row for row in stored(place.home, "holdings.product")}
    for name in (COLONS, ACCENTS, "good.fits"):
        row = products[name]
        assert re.fullmatch(r"[a-z0-9-]+", str(row["product_id"]))
        assert re.fullmatch(r"[a-z0-9-]+", str(row["dataset_id"]))
        answer = requests.get(f"{base}/files/{row['product_id']}", timeout=20)
        assert answer.status_code == 200
        assert answer.content == (place.tree / name).read_bytes()
        disposition = answer.headers["Content-Disposition"]
        assert quote(name) in disposition or name in disposition
    query = {
        "LANG": "ADQL",
        "QUERY": "SELECT path FROM holdings.product WHERE state = 'ok' ORDER BY path",
        "RESPONSEFORMAT": "csv",
    }
    listed = requests.get(f"{base}/tap/sync", params=query, timeout=20)
    assert listed.content.decode("utf-8").split("\r\n")[1:-1] == sorted([COLONS, ACCENTS, "good.fits"])


@pytest.mark.parametrize("name", ["page.fits", "cut in data.fits", "no-axes.fits"])
def test_a_bad_file_can_still_be_fetched_as_it_is(place, base, name) -> None:
    found = [r["product_id"] for r in stored(place.home, "holdings.product") if r["path"] == name]
    answer = requests.get(f"{base}/files/{found[0]}", timeout=20)
    assert answer.status_code == 200
    assert answer.content == (place.tree / name).read_bytes()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "SELECT s_ra,\n  target_nam FROM ivoa.obscore",
            ("line 2, column 3: unknown column target_nam", "did you mean target_name"),
        ),
        (
            "SELECT TOP 1 o.s_raa FROM ivoa.obscore AS o",
            ("line 1, column 16: unknown column s_raa in o", "did you mean s_ra?"),
        ),
        (
            "SELECT TOP 1 s_ra FROM ivoa.obscor",
            ("line 1, column 24: unknown table ivoa.obscor", "did you mean ivoa.obscore"),
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_column_is_told_with_its_place_and_a_near_name(base, query, told, method) -> None:
    form = {"LANG": "ADQL", "QUERY": query}
    sent = {"params": form} if method == "GET" else {"data": form}
    answer = requests.request(method, f"{base}/tap/sync", timeout=20, **sent)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    info = ElementTree.fromstring(answer.content).find(".//{*}INFO[@name='QUERY_STATUS']")
    assert info is not None and info.get("value") == "ERROR"
    first, second, last = (info.text or "").splitlines()
    assert first == told[0]
    assert second.startswith(told[1])
    assert last == f"Request: {answer.headers['X-Request-Id']}"
    assert b"Traceback" not in answer.content
