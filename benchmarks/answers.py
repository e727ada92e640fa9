"""Answers over HTTP: small queries and cones on a million rows, with the memory of the server.

The client is as plain as can be, so that the figures are the server's.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.archive import prepare
from benchmarks.measure import median_ms, report, run_command, service

DID = "SELECT TOP 1 obs_publisher_did FROM ivoa.obscore"
QUERIES = {
    "row of one data set, ms (goal 10)": "SELECT TOP 1 obs_publisher_did FROM ivoa.obscore "
    "WHERE obs_publisher_did = '{did}'",
    "small query, ms (goal 10)": "SELECT TOP 5 obs_publisher_did, s_ra, s_dec FROM ivoa.obscore",
    "cone 0.1 deg, ms (goal 10)": "SELECT obs_publisher_did, s_ra, s_dec FROM ivoa.obscore "
    "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(150.0, -30.0, 0.1))",
    "footprints that meet a 0.1 deg circle, ms": "SELECT obs_publisher_did, target_name FROM ivoa.obscore "
    "WHERE 1 = INTERSECTS(CIRCLE(150.0, -30.0, 0.1), s_region)",
    "line, resolution, depth in a cone, ms": "SELECT obs_publisher_did, frequency FROM ivoa.obscore "
    "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(150.0, -30.0, 5)) "
    "AND 1 = line_covered('CO(2-1)', 0, 0.1, em_support) AND s_resolution < 1",
    "all columns of a cone, ms": "SELECT * FROM ivoa.obscore "
    "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(150.0, -30.0, 0.1))",
    "count by band, ms": "SELECT band_list, COUNT(*) AS n FROM ivoa.obscore GROUP BY band_list",
}


def run(scratch: Path, rows: int) -> None:
    """Start a server with one worker on the harvested rows and ask each query 50 times on one connection."""
    source, home = prepare(scratch, rows)
    if not home.exists():
        run_command(service(home, "harvest", str(source)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(service(home, "serve", "--port", str(port), "--workers", "1"))
    figures: dict[str, object] = {"rows": rows}
    try:
        _wait(port)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        did = _ask(connection, DID).split()[1]
        for name, query in QUERIES.items():
            adql = query.format(did=did)
            figures[name] = median_ms(lambda adql=adql: _ask(connection, adql, "votable"), 50)
        connection.close()
        figures["server, peak MB"] = _peak_mb(server.pid)
    finally:
        server.terminate()
        server.wait(30)
    report("answers", figures)


def _ask(connection: http.client.HTTPConnection, adql: str, format: str = "csv") -> str:
    """One query, on a connection that stays open."""
    form = urlencode({"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": format})
    connection.request("POST", "/tap/sync", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        raise RuntimeError(f"{adql} was answered with {answer.status}:\n{text}")
    return text


def _wait(port: int) -> None:
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError("the server did not answer within a minute")


def _peak_mb(pid: int) -> float:
    """Peak resident memory of a process and its children, largest one, in MB (Linux)."""
    peaks = []
    for status in Path("/proc").glob("[0-9]*/status"):
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        if int(fields["Pid"]) == pid or int(fields["PPid"]) == pid:
            peaks.append(int(fields.get("VmHWM", "0 kB").split()[0]) / 1024)
    return max(peaks, default=0.0)
