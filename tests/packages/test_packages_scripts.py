"""``/packages/script``: scripts for a shell and for Python, run as their users run them."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from cutting_relay import CuttingRelay
from hypothesis import given, settings
from hypothesis import strategies as st
from service_processes import running_server
from web_servers import serve

from vo_service.packages.scripts import python_script
from vo_service.packages.shell_script import call, shell_script
from vo_service.packages.wish_list import FileWanted, WishList

UID = "uid://A001/X1/X2"
SPELLED = "uid___A001_X1_X2"
STEM = f"2015.1.00001.S/member.{SPELLED}._M83__sci.spw"
WRITERS = {"sh": shell_script, "py": python_script}
COMMANDS = {"sh": ["/bin/sh"], "py": [sys.executable, "-I"]}
KINDS = pytest.mark.parametrize("kind", ["sh", "py"])
_HARD = st.sampled_from(
    [
        "'",
        '"',
        "\\",
        "\n",
        "\r",
        "$(touch pwned)",
        "`touch pwned`",
        "; touch pwned",
        "-rf",
        "..",
        "/",
        "é",
        "\t",
        "${x}",
    ]
)
WORDS = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20),
    st.lists(_HARD, max_size=6).map("".join),
)


def run(
    kind: str, script: str | bytes, place: Path, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A script, started in a directory."""
    file = place.parent / f"script.{kind}"
    file.write_bytes(script if isinstance(script, bytes) else script.encode("utf-8", "surrogateescape"))
    place.mkdir(exist_ok=True)
    plain = {name: value for name, value in os.environ.items() if name != "VO_SERVICE_TOKEN"}
    return subprocess.run(
        [*COMMANDS[kind], file], cwd=place, capture_output=True, text=True, timeout=timeout,
        env={**plain, "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), max_size=8))
def test_no_word_does_anything_in_a_shell(lines: list[list[str]]) -> None:
    script = 'fetch() { for each; do printf "%s\\0" "$each"; done; printf "\\0\\0"; }\n'
    script += "".join(call("fetch", *words) for words in lines)
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, cwd="/", timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    wanted = b"".join(b"".join(word.encode() + b"\0" for word in words) + b"\0\0" for words in lines)
    assert done.stdout == wanted
    assert not Path("/pwned").exists()


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=5))
def test_no_word_does_anything_in_python(words: list[tuple[str, str, str]]) -> None:
    wanted = WishList(
        "p", [FileWanted(a, b, 3, None, c, a) for a, b, c in words], [(a, b) for a, b, _ in words]
    )
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(python_script(wanted), "script", "exec"), names)
    assert names["PACKAGE"]["files"] == [[a, b, 3, None, c, a] for a, b, c in words]
    assert names["PACKAGE"]["absent"] == [[a, b] for a, b, _ in words]
    assert python_script(wanted).count("\n") == python_script(WishList("p", [])).count("\n")


def test_zero_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        call("fetch", "a\0b")


@pytest.fixture(scope="module")
def small_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one small file on a server that knows nothing of us."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "file").write_bytes(b"content")
    with serve(folder) as web:
        yield f"{web.url}/file"


@KINDS
def test_nothing_is_written_outside(kind: str, small_web: str, tmp_path: Path) -> None:
    place, outside = tmp_path / "here", tmp_path / "outside"
    place.mkdir()
    outside.mkdir()
    (place / "link").symlink_to(outside)
    (place / "known.txt").symlink_to(outside / "aim.txt")
    (place / "begun.txt.part").symlink_to(outside / "aim.txt")
    wrong = [
        "../x",
        "/tmp/absolute-x",
        "a/../../x",
        "link/x",
        "a//x",
        "./x",
        "..",
        "known.txt",
        "begun.txt",
        "",
    ]
    files = [FileWanted(path, small_web, 7) for path in [*wrong, "a/good.txt"]]
    done = run(kind, WRITERS[kind](WishList("p", files)), place)
    assert done.returncode == 1
    assert done.stderr.count("FAILED") == len(wrong), done.stderr
    assert list(outside.iterdir()) == [] and not (tmp_path / "x").exists()
    assert (place / "a/good.txt").read_bytes() == b"content"
    found = {path.name for path in place.rglob("*") if path.is_file()}
    assert found == {"good.txt"}


@KINDS
def test_odd_names_are_written_as_they_are(kind: str, small_web: str, tmp_path: Path) -> None:
    names = [
        "-rf",
        "a'b\"c",
        "$(touch pwned)",
        "`id`",
        "two  blanks ",
        "ünï",
        "p/-x/*",
        "back\\slash",
        "new\nline",
        "#x",
        "%s%n",
        "~",
        "!",
    ]
    files = [FileWanted(f"d{place}/{name}", small_web, 7) for place, name in enumerate(names)]
    done = run(kind, WRITERS[kind](WishList("p", files)), tmp_path / "here")
    assert done.returncode == 0, done.stderr
    for place, name in enumerate(names):
        assert (tmp_path / "here" / f"d{place}" / name).read_bytes() == b"content"
    assert not list(tmp_path.rglob("pwned"))


@KINDS
def test_bytes_that_are_wrong_are_no_success(kind: str, small_web: str, tmp_path: Path) -> None:
    right = hashlib.sha256(b"content").hexdigest()
    files = [
        FileWanted("longer", small_web, 6),
        FileWanted("other", small_web, 7, "0" * 64),
        FileWanted("missing", small_web.replace("file", "nothing"), 7),
        FileWanted("right", small_web, 7, right),
        FileWanted("unsized", small_web, None, right),
        FileWanted("unknown", small_web),
    ]
    done = run(
        kind, WRITERS[kind](WishList("p", files, [("no 'such'", "NotFoundFault: nothing")])), tmp_path / "d"
    )
    assert done.returncode == 1 and "LEFT OUT no 'such': NotFoundFault: nothing" in done.stderr
    assert {path.name for path in (tmp_path / "d").iterdir()} == {"right", "unsized", "unknown"}
    assert all(f"FAILED {name}: " in done.stderr for name in ("longer", "other", "missing"))
    assert "3 files are there, 4 are not" in done.stderr


@KINDS
def test_what_others_have_is_no_failure(kind: str, tmp_path: Path) -> None:
    told = WishList("p", [], [], [("uid://A001/X1/X2", "NotFoundFault: The archive has these data.")])
    done = run(kind, WRITERS[kind](told), tmp_path / "d")
    assert done.returncode == 0 and "elsewhere uid://A001/X1/X2: NotFoundFault" in done.stderr


@pytest.fixture(scope="module")
def live(shared_house: Any) -> Iterator[str]:
    with running_server(shared_house.home, workers=1) as address:
        yield address


def script(address: str, kind: str, query: str, token: str | None = None) -> bytes:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = requests.get(
        f"{address}/packages/script", {"FORM": kind, "QUERY": query}, headers=headers, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.content


PUBLIC = (
    "SELECT product_id FROM holdings.product WHERE data_rights = 'Public'"
    " AND path <> 'delivery.tar' AND path <> 'delivery.tgz'"
)
EVERY = "SELECT product_id FROM holdings.product"
LARGE = "SELECT product_id FROM holdings.product WHERE path = 'large.txt'"


@KINDS
def test_all_files_come_over_a_line_that_breaks(kind: str, live: str, house: Any, tmp_path: Path) -> None:
    with CuttingRelay(live, most=1_300_000) as relay:
        text = script(relay.url, kind, PUBLIC)
        done = run(kind, text, tmp_path / "here")
        assert done.returncode == 0, done.stderr
        assert relay.cuts >= 3 and sorted(set(relay.ranges())) == relay.ranges()
        assert sum("if-range:" in head.lower() for head in relay.heads) == len(relay.ranges()) >= 3
        found = {path.name: path for path in (tmp_path / "here").rglob("*") if path.is_file()}
        assert found["large.txt"].read_bytes() == (house.trees / "alpha/large.txt").read_bytes()
        assert found["empty.txt"].read_bytes() == b""
        assert not [name for name in found if name.endswith(".part")]
        relay.heads.clear()
        again = run(kind, text, tmp_path / "here")
        assert again.returncode == 0 and relay.heads == [], "what is there is not fetched again"
        found["large.txt"].write_bytes(b"spoilt")
        assert run(kind, text, tmp_path / "here").returncode == 0 and relay.heads
        assert found["large.txt"].stat().st_size == 5_000_001


@KINDS
def test_an_ended_script_goes_on_where_it_was(kind: str, live: str, house: Any, tmp_path: Path) -> None:
    with CuttingRelay(live) as relay:
        text = script(relay.url, kind, LARGE)
        relay.pause = 0.01
        file, place = tmp_path / f"x.{kind}", tmp_path / "here"
        file.write_bytes(text)
        process = subprocess.Popen(
            [*COMMANDS[kind], file, place], stderr=subprocess.DEVNULL, start_new_session=True
        )
        while not (sizes := [path.stat().st_size for path in place.rglob("*.part")]) or sizes[0] < 1_100_000:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, 9)
        process.wait(30)
        (part,) = place.rglob("*.part")
        begun = part.stat().st_size
        assert 0 < begun < 5_000_001
        relay.pause = 0.0
        relay.heads.clear()
        done = subprocess.run([*COMMANDS[kind], file, place], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert relay.ranges() == [begun]
        whole = part.with_name("large.txt").read_bytes()
        assert whole == (house.trees / "alpha/large.txt").read_bytes()


@KINDS
def test_what_is_closed_needs_the_token_of_the_environment(
    kind: str, live: str, house: Any, tmp_path: Path
) -> None:
    text = script(live, kind, EVERY)
    place = tmp_path / "here"
    done = run(kind, text, place)
    assert done.returncode == 1
    assert "proprietary until 2931" in done.stderr and "VO_SERVICE_TOKEN" in done.stderr
    assert not list(place.rglob("*.spw17.*"))
    refused = run(kind, text, place, VO_SERVICE_TOKEN=house.tokens["bob"])
    assert refused.returncode == 1 and not list(place.rglob("*.spw17.*")), refused.stderr
    done = run(kind, text, place, VO_SERVICE_TOKEN=house.tokens["ann"])
    assert done.returncode == 0, done.stderr
    (mine,) = (house.trees / "alpha").rglob("*.spw17.*")
    assert mine.read_bytes() in [path.read_bytes() for path in place.rglob("*.spw17.*")]
    of_ann = script(live, kind, EVERY, house.tokens["ann"])
    assert all(token.encode() not in of_ann + text for token in house.tokens.values())


def test_a_token_that_is_none_goes_nowhere(live: str, tmp_path: Path) -> None:
    odd = 'x"\nurl = "http://127.0.0.1:9/"'
    done = run("sh", script(live, "sh", LARGE), tmp_path / "here", VO_SERVICE_TOKEN=odd)
    assert done.returncode == 2 and "no token has" in done.stderr


def test_nobody_learns_from_a_script_what_is_closed(house: Any) -> None:
    closed = house.product(f"alpha/{STEM}17.cube.I.pbcor.fits")
    row = house.rows()[f"alpha/{STEM}17.cube.I.pbcor.fits"]
    for kind in ("sh", "py"):
        address = f"/packages/script?ID={closed}&FORM={kind}"
        nobody, ann = house.ask(address), house.ask(address, "ann")
        assert nobody.status_code == ann.status_code == 200
        tag = house.ask(f"/files/{closed}", "ann").headers["ETag"].strip('"')
        for known in (row["_sha256"], tag):
            assert known not in nobody.text and known in ann.text
        assert house.ask(address, "bob").text == nobody.text


def test_scripts_are_sent_as_files(house: Any) -> None:
    for kind, name in (("sh", "text/x-shellscript"), ("py", "text/x-python"), ("", "text/x-shellscript")):
        plain = {"Accept-Encoding": "identity"}
        answer = house.ask(f"/packages/script?ID={UID}&FORM={kind}", headers=plain)
        assert answer.headers["Content-Type"] == f"{name}; charset=utf-8"
        ending = kind or "sh"
        assert answer.headers["Content-Disposition"] == f"attachment; filename=member.{SPELLED}.{ending}"
        posted = house.ask("/packages/script", method="POST", data={"ID": UID, "FORM": kind})
        assert posted.content == answer.content
        head = house.ask(f"/packages/script?ID={UID}&FORM={kind}", method="HEAD", headers=plain)
        assert head.status_code == 200 and head.headers["Content-Length"] == str(len(answer.content))
    assert house.ask(f"/packages/script?ID={UID}&FORM=bat").status_code == 400


def test_other_shells_read_it_too(small_web: str, tmp_path: Path) -> None:
    shells = [each.split() for each in ("sh", "bash --posix", "dash", "busybox sh", "ksh", "zsh")]
    for number, (program, *words) in enumerate(shell for shell in shells if shutil.which(shell[0])):
        file, place = tmp_path / "x.sh", tmp_path / str(number)
        file.write_text(shell_script(WishList("p", [FileWanted("a/b c", small_web, 7)])))
        done = subprocess.run([program, *words, file, place], capture_output=True, text=True)
        assert done.returncode == 0, (program, done.stderr)
        assert (place / "a/b c").read_bytes() == b"content"


@KINDS
def test_a_name_as_long_as_names_may_be_is_fetched(kind: str, small_web: str, tmp_path: Path) -> None:
    names = ["n" * 255, "m" * 251, "é" * 127, "d/" + "n" * 255]
    files = [FileWanted(name, small_web, 7) for name in names]
    done = run(kind, WRITERS[kind](WishList("p", files)), tmp_path / "here")
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / "here" / name).read_bytes() == b"content" for name in names)
    assert sum(path.is_file() for path in (tmp_path / "here").rglob("*")) == len(names)


class _Abrupt(BaseHTTPRequestHandler):
    """Tells of an error in fewer bytes than it has announced, and ends the connection; then has the file."""

    answered: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        is_first = not self.answered
        self.answered.append(1)
        self.send_response(503 if is_first else 200)
        self.send_header("Content-Length", "400" if is_first else "7")
        self.end_headers()
        self.wfile.flush()
        if is_first:
            self.wfile.write(b"sorry")
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.wfile.write(b"content")

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@KINDS
def test_an_error_that_breaks_off_is_tried_again(kind: str, tmp_path: Path) -> None:
    _Abrupt.answered.clear()
    with HTTPServer(("127.0.0.1", 0), _Abrupt) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/x"
            done = run(kind, WRITERS[kind](WishList("p", [FileWanted("x", address, 7)])), tmp_path / "here")
        finally:
            server.shutdown()
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert (tmp_path / "here" / "x").read_bytes() == b"content"


def test_words_of_an_error_that_do_not_come_are_none() -> None:
    class Broken(io.BytesIO):
        def read(self, *_arguments: object) -> bytes:
            raise ConnectionResetError

    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(python_script(WishList("p", [])), "script", "exec"), names)
    error = urllib.error.HTTPError("http://x", 503, "busy", None, Broken())  # type: ignore[arg-type]
    assert names["words_of"](error) == ""
