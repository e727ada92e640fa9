"""A live service with a home of its own, whose processes can be killed and whose disks can fill up."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import requests
from service_processes import end_process, first_trouble, start_server

SMALL = "SELECT TOP 3 table_name FROM TAP_SCHEMA.tables ORDER BY table_name"
SLOW = (
    "SELECT COUNT(*) AS n FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c, ivoa.obscore AS d "
    "WHERE SIN(a.s_ra * b.s_dec) + SIN(c.s_ra * d.s_dec) > 1.99"
)
LARGE = (
    "SELECT a.obs_publisher_did, a.s_region, b.target_name, b.s_ra, c.s_dec "
    "FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c"
)
OF_SERVICES = ("job_upload", "job_result", "job_parameter", "job", "worker")  # tables of the catalogue
FINAL = ("COMPLETED", "ERROR", "ABORTED")


def copy_home(home: Path, target: Path) -> Path:
    """A home with the same holdings, to be broken; jobs and workers of a service that runs there left out."""
    shutil.copytree(
        home, target, ignore=shutil.ignore_patterns("spill", "jobs", "*.lock", "catalogue.sqlite*", "logs")
    )
    with (
        sqlite3.connect(home / "catalogue.sqlite") as old,
        sqlite3.connect(target / "catalogue.sqlite") as new,
    ):
        old.backup(new)
        new.executescript("".join(f"DELETE FROM {table};" for table in OF_SERVICES))
    old.close()
    new.close()
    return target


def files_below(place: Path) -> list[Path]:
    """All files below a directory in which some may just be going."""
    return [Path(directory, name) for directory, _, names in os.walk(place) for name in names]


def spilled(home: Path) -> list[str]:
    """The names of what lies in HOME/spill, but for what servers keep there as long as they live: the board
    of the service, and the empty file by which the engine of a process marks its directory when it spills."""
    found = [path for path in files_below(home / "spill") if not path.name.startswith("board.")]
    return [path.name for path in found if not is_mark_of_engine(path)]


def is_mark_of_engine(path: Path) -> bool:
    """Whether a file says only that the engine of a living process uses the directory it lies in."""
    named = path.name.startswith("duckdb_temp_") and path.name.endswith("_owner")
    with suppress(FileNotFoundError):  # going just now
        return named and path.stat().st_size == 0
    return named


def until(what: Callable[[], object], seconds: float = 60.0) -> bool:
    """Whether something became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


def a_second() -> float:
    """A second, or as much longer as the machine has more to do than it can."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def resident_mb(pids: list[int]) -> float:
    """Memory of processes together."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024


@dataclass
class LiveService:
    """``vo-service serve`` on a home, started and ended at will; its log is kept.

    Its port is any free one at first, and the same whenever it starts again.
    """

    home: Path
    workers: int = 2
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log_file: Path | None = None  # beside the home where none is given

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that the service has said."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self.log_file or self.home.with_name(f"{self.home.name}.log")

    def start(self, sign: str = "healthz") -> LiveService:
        """Answering when this returns: with 200 at the address ``sign``."""
        limits = {"VO_SERVICE_QUERIES_PER_CLIENT": "5000", "VO_SERVICE_JOBS_PER_CLIENT": "5000"}
        settings = {**limits, **self.settings}
        server = start_server(self.home, self._log, self.port, self.workers, sign, **settings)
        self.process, self.port = server.process, server.port
        return self

    def stop(self) -> None:
        """End it as an operator does; nothing that looks like a bug may stand in its log."""
        if self.process is not None:
            process, self.process = self.process, None
            end_process(process, self._log)
        assert "Traceback" not in self.log, first_trouble(self.log)

    def kill(self) -> None:
        """kill -9 of all its processes at once, as a power cut."""
        assert self.process is not None
        pids = [self.process.pid, *self.children()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(30)
        self.process = None

    def children(self) -> list[int]:
        """The processes below the first one."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def workers_now(self) -> list[int]:
        """The server processes that answer; Python's own helpers left out."""
        found = []
        for pid in self.children():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"resource_tracker" not in command:
                found.append(pid)
        return found

    def is_whole(self) -> bool:
        """Whether all workers serve, each having answered: a busy machine takes its time to start them."""
        try:
            counted = self.metric("vo_service_processes") == self.workers == len(self.workers_now())
            log = self.log
            return counted and all(
                re.search(rf"pid={pid} vo_service\.dali\.request_log", log) for pid in self.workers_now()
            )
        except (requests.RequestException, OSError):
            return False

    def query(self, adql: str = SMALL, timeout: float = 60.0, **more: str) -> requests.Response:
        """A synchronous query, on a connection of its own."""
        form = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv", **more}
        return requests.post(f"{self.url}/tap/sync", form, headers={"Connection": "close"}, timeout=timeout)

    def make_job(self, adql: str = SMALL, **more: str) -> str:
        """URL of a new job."""
        form = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv", **more}
        made = requests.post(f"{self.url}/tap/async", form, allow_redirects=False, timeout=60)
        assert made.status_code == 303, made.text
        return made.headers["Location"]

    def phase(self, job: str) -> str:
        return requests.get(f"{job}/phase", headers={"Connection": "close"}, timeout=60).text

    def final(self, job: str, seconds: float = 90.0) -> str:
        """The final phase of a job."""
        until(lambda: self.phase(job) in FINAL, seconds)
        return self.phase(job)

    def command(self, job: str, phase: str) -> None:
        requests.post(f"{job}/phase", {"PHASE": phase}, timeout=60)

    def metric(self, name: str) -> float:
        """The sum of a figure of /metrics."""
        text = requests.get(f"{self.url}/metrics", headers={"Connection": "close"}, timeout=60).text
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)
        return sum(float(value) for value in found)

    def is_idle(self) -> bool:
        """Whether the engine works on nothing."""
        return self.metric("vo_service_engine_statements_running") == 0

    def connect(self, adql: str, receive_bytes: int | None = None, **more: str) -> socket.socket:
        """A connection over which a query was sent and nothing read yet."""
        body = urlencode({"LANG": "ADQL", "QUERY": adql, **more}).encode()
        connection = socket.socket()
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(120)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(
            b"POST /tap/sync HTTP/1.1\r\nHost: "
            + urlsplit(self.url).netloc.encode()
            + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )
        return connection
