"""A plain client of TAP services over the standard library: times of first and last byte, and the answer."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_BOUNDARY = "vo-service-benchmark-5d1c7e"
_END = 4096  # bytes kept of the end of a body
_FINAL = {"COMPLETED", "ERROR", "ABORTED"}


class Refused(Exception):
    """A service that answered with an error, or not as TAP has it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer read to its end: seconds from the request to the first byte of the body and to the last."""

    status: int
    headers: dict[str, str]
    body: bytes
    size: int
    first: float
    total: float


class Client:
    """Requests to one TAP service, one after the other, on one connection where ``keep`` is set."""

    def __init__(self, url: str, *, keep: bool = True, timeout: float = 600.0) -> None:
        self.url = url.rstrip("/")
        self._parts = urlsplit(self.url)
        self._keep = keep
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Give up the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def query(self, adql: str, *, kept: bool = False, **more: str) -> Reply:
        """A synchronous query. The body is in the reply where it is ``kept``, else only its two ends."""
        form = {"LANG": "ADQL", "REQUEST": "doQuery", "QUERY": adql, **more}
        reply = self._send("POST", f"{self._parts.path}/sync", urlencode(form).encode(), _FORM, kept)
        return _sound(reply)

    def get(self, path: str, *, kept: bool = False) -> Reply:
        """What is at a path of the host. Raises Refused where that is not 200."""
        return _sound(self._send("GET", path, kept=kept))

    def upload(self, adql: str, name: str, table: bytes, *, kept: bool = False, **more: str) -> Reply:
        """A synchronous query with a VOTable uploaded beside it."""
        form = {"LANG": "ADQL", "REQUEST": "doQuery", "QUERY": adql, "UPLOAD": f"{name},param:up", **more}
        kind = "application/x-votable+xml"
        return self.post(f"{self._parts.path}/sync", form, table, kind=kind, kept=kept)

    def post(
        self,
        path: str,
        form: dict[str, str],
        file: bytes | None = None,
        *,
        kind: str = "application/octet-stream",
        kept: bool = False,
    ) -> Reply:
        """What a path of the host answers to parameters, and to a file that is the part ``up`` beside them.
        Raises Refused where the status is not 200."""
        if file is None:
            return _sound(self._send("POST", path, urlencode(form).encode(), _FORM, kept))
        parts = [
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in form.items()
        ]
        parts += [
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="up"; filename="up"\r\n'
            f"Content-Type: {kind}\r\n\r\n".encode(),
            file,
            f"\r\n--{_BOUNDARY}--\r\n".encode(),
        ]
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        return _sound(self._send("POST", path, b"".join(parts), headers, kept))

    def job(self, adql: str) -> Reply:
        """A query as a job: made, started, waited for, fetched, deleted. ``total`` is all of it but the
        deletion."""
        started = time.perf_counter()
        form = {"LANG": "ADQL", "REQUEST": "doQuery", "QUERY": adql}
        job = self._target(self._send("POST", f"{self._parts.path}/async", urlencode(form).encode(), _FORM))
        self._send("POST", f"{job}/phase", b"PHASE=RUN", _FORM)
        phase = ""
        while phase not in _FINAL:
            document = self._send("GET", f"{job}?WAIT=10", kept=True).body
            phase = self._send("GET", f"{job}/phase", kept=True).body.decode().strip()
            if phase not in _FINAL and b'version="1.1"' not in document:
                time.sleep(0.02)
        if phase != "COMPLETED":
            raise Refused(f"the job ended as {phase}")
        result = self._send("GET", f"{job}/results/result")
        while result.status in (301, 302, 303):
            result = self._send("GET", self._target(result))
        total = time.perf_counter() - started
        self._send("DELETE", job)
        _sound(result)
        return Reply(result.status, result.headers, result.body, result.size, result.first, total)

    def _target(self, reply: Reply) -> str:
        """Path of the address that a reply sends us to."""
        location = reply.headers.get("location")
        if location is None:
            raise Refused(f"status {reply.status} without a Location: {reply.body[:200]!r}")
        return urlsplit(urljoin(f"{self.url}/async", location)).path

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        kept: bool = False,
    ) -> Reply:
        fresh = self._connection is None
        try:
            return self._exchange(method, path, body, headers or {}, kept)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            if fresh:
                raise
            return self._exchange(method, path, body, headers or {}, kept)  # the server had closed it

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], kept: bool
    ) -> Reply:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._parts.netloc, timeout=self._timeout)
        started = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        piece = answer.read1(1 << 16)
        first = time.perf_counter() - started
        pieces, size, end = [piece], len(piece), b""
        while piece := answer.read1(1 << 18):
            size += len(piece)
            if kept:
                pieces.append(piece)
            # the last piece may be short: what it says of the outcome may begin in the one before
            end = piece[-_END:] if len(piece) >= _END else (end + piece)[-_END:]
        total = time.perf_counter() - started
        answer.close()  # what was read to its end is not marked so by read1
        if answer.will_close or not self._keep:
            self.close()
        content = b"".join(pieces) if kept else pieces[0] + end
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, names, content, size, first, total)


def whole(reply: Reply) -> Reply:
    """The reply, if it does not say that rows were cut. Raises Refused."""
    if _tells(reply, "OVERFLOW"):
        raise Refused("rows were cut: QUERY_STATUS is OVERFLOW")
    return reply


def _tells(reply: Reply, outcome: str) -> bool:
    """Whether a VOTable says that of its rows, in front of them or behind them."""
    status = f'QUERY_STATUS" value="{outcome}"'.encode()
    return status in reply.body[:16384] or status in reply.body[-_END:]


def _sound(reply: Reply) -> Reply:
    """The reply, if it is a result. Raises Refused with what the service says."""
    if reply.status != 200 or _tells(reply, "ERROR"):
        raise Refused(f"status {reply.status}: {reply.body[:500].decode('utf-8', 'replace')}")
    return reply


def read_peer(text: str) -> tuple[str, Client, str, tuple[int, ...]]:
    """``NAME=URL,WHAT[,PID...]``: a service to be measured, what is asked of it, and its processes. Raises
    ValueError."""
    name, _, rest = text.partition("=")
    url, what, *pids = rest.split(",")
    return name, Client(url), what, tuple(int(pid) for pid in pids)
