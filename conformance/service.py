"""The service under judgement: polite, bounded requests, and what earlier answers taught."""

from __future__ import annotations

import io
import secrets
import struct
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import TypeVar, cast
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

import requests
import urllib3
from astropy.io import votable
from lxml import etree

T = TypeVar("T")

MAX_BODY = 20_000_000
MAX_UNANSWERED = 5
_PIECE = 65_536
VOSI_CAPABILITIES = "{http://www.ivoa.net/xml/VOSICapabilities/v1.0}capabilities"
Params = Mapping[str, str] | Sequence[tuple[str, str]]


class Unreachable(Exception):
    """The service did not answer at all: nothing can be said about the requirement."""


class Unreadable(ValueError):
    """An answer that should be a VOTable and is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer with the request that led to it. ``body`` is cut at ``MAX_BODY`` bytes."""

    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def media_type(self) -> str:
        """Content-Type without parameters, lower case."""
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    @property
    def excerpt(self) -> str:
        """The first 400 characters of the body, for the report."""
        return self.body[:400].decode("utf-8", "replace")

    def xml(self) -> etree._Element:
        """The body as XML; entities stay unresolved, nothing is fetched. Raises ``etree.XMLSyntaxError``."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        return etree.fromstring(self.body, parser)

    def info(self, name: str) -> list[tuple[str, str]]:
        """(value, text) of all INFO elements of that name in a VOTable, in document order."""
        found = self.xml().iter("{*}INFO")
        return [
            (e.get("value", ""), "".join(str(t) for t in e.itertext()))
            for e in found
            if e.get("name") == name
        ]

    def table(self) -> votable.tree.TableElement:
        """The first table of a VOTable answer. Raises Unreadable."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return votable.parse(io.BytesIO(self.body), verify="ignore").get_first_table()
            except _READ_ERRORS as error:
                raise Unreadable(f"no VOTable with a table: {type(error).__name__}: {error}") from error


# what astropy's reader raises on bytes that are no VOTable, found by feeding it such
_READ_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    struct.error,
    ExpatError,
    OSError,
)


@dataclass
class Service:
    """Access to one base URL. All requests go through here: time-bounded, spaced, counted.

    ``timeout`` is seconds for a whole answer. A service that has left ``MAX_UNANSWERED`` requests without an
    answer is not asked any more, so that one that hangs is judged in bounded time. Safe for several threads.
    """

    base_url: str
    timeout: float = 30.0
    interval: float = 0.0
    token: str | None = None
    requests_made: int = 0
    unanswered: int = 0
    number: int = field(default_factory=lambda: 100_000_000 + secrets.randbelow(900_000_000))
    _session: requests.Session = field(default_factory=requests.Session)
    _next: float = 0.0
    _lock: RLock = field(default_factory=RLock)
    _remembered: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self._session.headers["User-Agent"] = "vo-service-conformance (IVOA-validate)"

    def get(self, path: str, params: Params | None = None, **headers: str) -> Answer:
        """GET below the base URL, or any absolute URL; redirects are followed."""
        return self._send("GET", path, params=params, headers=headers)

    def head(self, path: str, **headers: str) -> Answer:
        """HEAD below the base URL, or any absolute URL."""
        return self._send("HEAD", path, headers=headers)

    def post(self, path: str, params: Params, files: Mapping[str, tuple[str, bytes]] | None = None) -> Answer:
        """POST a form, urlencoded or (with ``files``) multipart."""
        return self._send("POST", path, data=params, files=files, headers={})

    def step(self, method: str, path: str, params: Params | None = None) -> Answer:
        """One request whose redirect is not followed: ``params`` are the form of a POST, else the query."""
        where = {"data": params} if method == "POST" else {"params": params}
        return self._send(method, path, headers={}, allow_redirects=False, **where)

    def remember(self, name: str, ask: Callable[[], T]) -> T:
        """What ``ask`` found when it was first called under that name."""
        if name not in self._remembered:
            self._remembered[name] = ask()
        return cast(T, self._remembered[name])

    def _send(self, method: str, path: str, *, headers: Mapping[str, str], **options: object) -> Answer:
        url = path if urlsplit(path).scheme else f"{self.base_url}/{path.lstrip('/')}"
        if self.unanswered >= MAX_UNANSWERED:
            raise Unreachable(f"{MAX_UNANSWERED} requests were left without an answer: not asked any more")
        self._take_turn()
        started = time.monotonic()
        try:
            reply = self._session.request(
                method,
                url,
                headers={**headers, **self._credentials(url)},
                timeout=self.timeout,
                stream=True,
                **options,  # type: ignore[arg-type]
            )
            with reply:
                body = _read_body(reply, started + self.timeout)
        except (requests.RequestException, urllib3.exceptions.HTTPError, TimeoutError) as error:
            with self._lock:
                self.unanswered += 1
            raise Unreachable(f"{method} {url}: {type(error).__name__}") from error
        detail = options.get("data") or options.get("params") or ""
        seconds = time.monotonic() - started
        return Answer(f"{method} {url} {detail}".strip(), reply.status_code, reply.headers, body, seconds)

    def _credentials(self, url: str) -> dict[str, str]:
        """The token, for addresses of the service itself only: documents may name others'."""
        here, there = urlsplit(self.base_url), urlsplit(url)
        if self.token is None or (here.scheme, here.netloc) != (there.scheme, there.netloc):
            return {}
        return {"Authorization": f"Bearer {self.token}"}

    def _take_turn(self) -> None:
        """Count the request and wait until it is due: ``interval`` after the one before."""
        with self._lock:
            self.requests_made += 1
            due = max(self._next, time.monotonic())
            self._next = due + self.interval
        time.sleep(max(0.0, due - time.monotonic()))

    def query(self, adql: str, **extra: str) -> Answer:
        """A synchronous ADQL query by POST."""
        return self.post(f"{self.tap_path}/sync", {"LANG": "ADQL", "QUERY": adql, **extra})

    @cached_property
    def tap_path(self) -> str:
        """Path of TAP below the base URL: the URL given may be the TAP service itself."""
        if self.get("capabilities").status == 200:
            return ""
        return "tap"

    @cached_property
    def capabilities(self) -> Answer:
        """The VOSI capabilities document of the TAP service."""
        return self.get(f"{self.tap_path}/capabilities")

    @cached_property
    def tap_capability(self) -> etree._Element | None:
        """The capability element with TAP's standardID, if there is one."""
        try:
            root = self.capabilities.xml()
        except etree.XMLSyntaxError:
            return None
        for element in root.iter("{*}capability", "capability"):
            if (element.get("standardID") or "").lower() == "ivo://ivoa.net/std/tap":
                return element
        return None

    @cached_property
    def columns(self) -> list[dict[str, object]]:
        """TAP_SCHEMA.columns as a list of rows with plain Python values."""
        return rows_of(self.query("SELECT * FROM TAP_SCHEMA.columns"))

    @cached_property
    def obscore_columns(self) -> dict[str, dict[str, object]]:
        """Rows of TAP_SCHEMA.columns for ivoa.obscore by lower-case name; empty without the table."""
        return {
            str(row["column_name"]).lower(): row
            for row in self.columns
            if str(row["table_name"]).lower() == "ivoa.obscore"
        }


def _read_body(reply: requests.Response, deadline: float) -> bytes:
    """The body up to ``MAX_BODY`` bytes. Raises TimeoutError where it has not come by ``deadline``."""
    pieces: list[bytes] = []
    size = 0
    while size < MAX_BODY and (piece := reply.raw.read1(_PIECE, decode_content=True)):
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > deadline:
            raise TimeoutError("the answer came too slowly")
    return b"".join(pieces)[:MAX_BODY]


def rows_of(answer: Answer) -> list[dict[str, object]]:
    """The rows of a VOTable answer as dictionaries; NULL and NaN are None."""
    table = answer.table()
    names = [f.name for f in table.fields]
    data = table.array
    out = []
    for row, mask in zip(data.data, data.mask, strict=True):
        out.append({n: None if _is_null(row[n], mask[n]) else _plain(row[n]) for n in names})
    return out


def _is_null(value: object, mask: object) -> bool:
    if (isinstance(mask, bool) or getattr(mask, "shape", None) == ()) and bool(mask):
        return True
    return isinstance(value, float) and value != value


def _plain(value: object) -> object:
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
