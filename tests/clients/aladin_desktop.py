"""Aladin Desktop without anybody at it: a script on a virtual screen, with no way to any host but this one.

It wants the CDS for a list of the trees of the world (MocServer) and for the way in which it reads an address
(GLU). Both come from a proxy of ours, which answers nothing else, so that what a test sees came from the
service that it names.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

SECONDS = 120.0
OPTIONS = "-nogui -nobanner -nolog -noreleasetest -nosamp -nohub -noplugin -nobookmarks".split()
_NOWHERE = "http://nowhere.invalid"
GLU = f"""%A Http
%D Any address
%Z ALADIN
%U $1

%A MocServer
%D The trees of the world
%Z ALADIN
%U {_NOWHERE}/MocServer

%A VizieR.Meta
%D None
%Z ALADIN
%U {_NOWHERE}/none

%A None
%D It does not start without a server of images
%Z ALADIN
%Aladin.Label None
%Aladin.LabelPlane None
%U {_NOWHERE}/none?ra=$1&dec=$2
%P.D 1:Right ascension
%P.D 2:Declination
%P.K 1:Target(RA)
%P.K 2:Target(DE)
%R Mime(image/fits)

"""


def record_of(tree: str) -> tuple[str, str]:
    """The identifier by which Aladin knows a tree, and what the CDS's list would say of it."""
    properties = requests.get(f"{tree}/properties", timeout=30)
    assert properties.status_code == 200
    pairs = [line.partition("=") for line in properties.text.splitlines() if not line.startswith("#")]
    keys = {key.strip(): value.strip() for key, _, value in pairs if value}
    identifier = keys["creator_did"].removeprefix("ivo://")
    keys |= {"hips_service_url": tree}  # once: of two it would make one address
    lines = [f"ID = {identifier}", *(f"{key} = {value}" for key, value in keys.items())]
    return identifier, "\n".join([*lines, "", ""])


class _Handler(BaseHTTPRequestHandler):
    records = ""

    def do_GET(self) -> None:
        if "nph-glu" in self.path:
            self._send(200, GLU)
        elif "help=version" in self.path:
            self._send(200, "1.0")
        elif self.path.startswith(_NOWHERE):
            self._send(200, self.records if "MocServer" in self.path else "")
        else:
            self._send(404, "")

    do_POST = do_HEAD = do_GET

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


@contextmanager
def _proxy(records: str) -> Iterator[int]:
    handler = type("Handler", (_Handler,), {"records": records})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def screen(xvfb: str) -> Iterator[Mapping[str, str]]:
    """The environment of programs on a virtual screen."""
    read, write = os.pipe()
    command = [xvfb, "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            number = told.readline().strip()
        assert number, "the virtual screen did not start"
        yield {**os.environ, "DISPLAY": f":{number}"}
    finally:
        server.terminate()
        server.wait()


def run_script(
    java: str, jar: Path, environment: Mapping[str, str], home: Path, records: str, script: Sequence[str]
) -> str:
    """All that Aladin says while it does the commands of a script, and ends."""
    home.mkdir(exist_ok=True)
    with _proxy(records) as port, tempfile.TemporaryFile() as said:
        ends = ("Host=127.0.0.1", f"Port={port}")
        ways = [f"-D{kind}.proxy{end}" for kind in ("http", "https") for end in ends]
        places = [f"-Duser.home={home}", f"-Djava.io.tmpdir={home}", "-XX:-UsePerfData", "-Xmx512m"]
        done = subprocess.run(
            [java, *places, *ways, "-jar", str(jar), *OPTIONS],
            input="\n".join([*script, "quit", ""]).encode(),
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=SECONDS,
        )
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    assert done.returncode == 0, text
    return text
