"""Ingest roots that are URLs: what lies below them, found by listings, or what a manifest names of them.

Published paths are relative to a root's URL, and identifiers are made from them: the same files behind
another address keep theirs once the root is named anew. No URL that holds a secret becomes a root, and what
follows a ``?`` is in no published path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate, islice
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from vo_service.holdings.discover import Unreachable
from vo_service.holdings.group import Place
from vo_service.holdings.manifest import ManifestEntry
from vo_service.holdings.query_marks import with_mark, without_mark
from vo_service.holdings.read import read_error
from vo_service.holdings.records import UNKNOWN_SIZE, FoundFile
from vo_service.holdings.url_folders import Seen, walk_folder
from vo_service.pixels.object_source import check_driver
from vo_service.pixels.url_source import is_http, join_url, look_up, plain_path
from vo_service.pixels.urls import UrlError, UrlState

_AT_ONCE = 8
_CHUNK = 256
_SECRET = re.compile(
    r"token|secret|signature|credential|passw|passphrase|passcode|auth|api[-_]?key|access[-_]?key|jwt|bearer"
    r"|session|ticket|^(sig|key|pwd|pass|pw|otp|hmac|sas)$",
    re.I,
)
_OURS = frozenset({"file", "local"})


class UrlMistake(ValueError):
    """A URL that cannot be ingested as it is: the text says why and what would be right."""


@dataclass(frozen=True, slots=True)
class RemoteRoot:
    """What lies below the URL ``directory`` (without a ``/`` at its end) is named ``name``; this run looks
    below the folder ``start`` (relative, empty for all), or for the one file ``start``, or for ``entries``.

    ``queries`` gives what follows the ``?`` of the URLs of those files that have it. ``nested`` are folders
    (relative) below it that are roots of their own: their files are theirs.
    """

    name: str
    directory: str
    start: str = ""
    is_file: bool = False
    entries: Mapping[str, ManifestEntry] | None = field(default=None, hash=False)
    queries: Mapping[str, str] = field(default_factory=dict, hash=False)
    nested: tuple[str, ...] = ()

    def files(self) -> Iterator[FoundFile | Unreachable]:
        """The files that the run looks for, by paths relative to the root, and what could not be reached."""
        seen: Iterable[Seen]
        if self.entries is not None:
            seen = map(Seen, self.entries)
        elif self.is_file:
            seen = [Seen(self.start)]
        else:
            top = join_url(self.directory, self.start) if self.start else self.directory
            walked = walk_folder(f"{top}/")
            seen = (Seen(self._below(each.path), each.state, each.error) for each in walked)
        yield from self._looked_up(iter(seen))

    def _below(self, path: str) -> str:
        if not self.start:
            return path
        return self.start if path == "." else f"{self.start}/{path}"

    def _looked_up(self, seen: Iterator[Seen]) -> Iterator[FoundFile | Unreachable]:
        """With what the server says of each file: several are asked for at once."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look-up") as crew:
            while some := list(islice(seen, _CHUNK)):
                yield from crew.map(self._look_up, some)

    def _look_up(self, seen: Seen) -> FoundFile | Unreachable:
        try:
            if seen.error is not None:
                raise seen.error
            query = self.queries.get(seen.path)
            state = seen.state or look_up(join_url(self.directory, without_mark(seen.path, query), query))
            self._check(seen.path, state)
        except OSError as error:
            failed = read_error(error, seen.path)
            return Unreachable(self.name, seen.path, failed.kind, failed.message)
        size = UNKNOWN_SIZE if state.size is None else state.size
        return FoundFile(self.name, seen.path, size, state.modified_ns, query=query)

    def _check(self, path: str, state: UrlState) -> None:
        entry = None if self.entries is None else self.entries.get(path)
        if entry is not None and entry.size_bytes not in (None, state.size):
            raise UrlError(f"the manifest says {entry.size_bytes} bytes, the server {state.size}")

    @property
    def place(self) -> str:
        """Where the run looks, relative to the root; ``.`` for all of it."""
        return self.start or "."

    def stated(self) -> dict[Place, str]:
        """Digests that the manifest gives."""
        entries = self.entries or {}
        return {(self.name, path): each.sha256 for path, each in entries.items() if each.sha256 is not None}

    def owns(self, path: str) -> bool:
        """Whether a file of that path relative to the root is its own, and not that of a nested root."""
        return not any(path.startswith(f"{folder}/") for folder in self.nested)

    def covers(self, path: str) -> bool:
        """Whether the run looks at the file of that path relative to the root, or at the tar it is in."""
        if self.entries is None:
            return not self.start or path == self.start or path.startswith(f"{self.start}/")
        folders = accumulate(path.split("/"), "{}/{}".format)
        return any(each in self.entries for each in folders)

    def repeats(self, other: RemoteRoot) -> bool:
        """Whether ``other`` looks at all that this one does."""
        if self.name != other.name or other.entries is not None or other.is_file or self is other:
            return False
        return self.entries is None and self.start != other.start and other.covers(self.start)


def is_url(text: str) -> bool:
    """Whether what names a place is a URL and no path."""
    return "://" in text


def checked_url(text: str) -> str:
    """The URL without a fragment, in one of the ways in which it can be written. Raises UrlMistake for one
    that holds a secret, leads to this machine's files, or that nothing here can read.
    """
    shown = re.sub(r"//[^/@]*@", "//...@", text.partition("?")[0])
    parts = urlsplit(text)
    if parts.scheme in _OURS:
        raise UrlMistake(f"{shown}: give a file of this machine as a path, without {parts.scheme}://")
    if parts.username is not None or parts.password is not None:
        raise UrlMistake(
            f"{shown}: a URL with a user or password in it would be stored and shown; put them into ~/.netrc "
            "(http), or the environment of the store's driver (as AWS_ACCESS_KEY_ID)"
        )
    if any(_SECRET.search(key) for key, _value in parse_qsl(parts.query, keep_blank_values=True)):
        raise UrlMistake(f"{shown}?...: a signed URL, or one with a key in it, would be stored and shown")
    if not parts.netloc or ".." in parts.path.split("/") or "::" in text:
        raise UrlMistake(f"{shown}: no plain URL of a file or folder")
    if parts.query and parts.path.endswith("/"):
        raise UrlMistake(f"{shown}?...: a folder has no query")
    if is_http(text):
        return _with_plain_path(text.partition("#")[0], shown)
    try:
        check_driver(text)
    except (ImportError, ValueError) as error:
        hint = "; pip install 'vo-service[s3]'" if parts.scheme == "s3" else ""
        raise UrlMistake(f"{shown}: {error}{hint}") from error
    return text


def _with_plain_path(url: str, shown: str) -> str:
    """The URL of http with its path encoded as this program does it, so that two can be compared."""
    parts = urlsplit(url)
    try:
        path = quote(plain_path(url, parts.path), safe="/")
    except UrlError as error:
        raise UrlMistake(f"{shown}: {error}") from error
    return parts._replace(path=path).geturl()


def place_root(url: str, wanted: str | None, known: Mapping[str, str]) -> RemoteRoot:
    """The root that a URL given to ingest is, or belongs to; its name is empty where it is a new one and no
    name is ``wanted``. Raises UrlMistake.
    """
    url, query = _without_query(checked_url(url))
    is_file = query is not None or not (url.endswith("/") or _is_folder(url))
    url = url.rstrip("/")
    holder = _holder(url, known if wanted is None else {wanted: known.get(wanted, "")})
    name, directory = holder or (wanted or "", url.rpartition("/")[0] if is_file else url)
    start = _place_below(directory, url, query)
    queries = {} if query is None else {start: query}
    return RemoteRoot(name, directory, start, is_file=is_file, queries=queries)


def _without_query(url: str) -> tuple[str, str | None]:
    plain, mark, query = url.partition("?")
    return plain, query if mark else None


def _place_below(directory: str, url: str, query: str | None) -> str:
    """The published path of a file, or folder, behind a URL without its query. Raises UrlMistake."""
    try:
        return with_mark(plain_path(url, url.removeprefix(directory).lstrip("/")), query)
    except UrlError as error:
        raise UrlMistake(f"{url}: {error}") from error


def place_entries(
    entries: Iterable[ManifestEntry], wanted: str | None, known: Mapping[str, str]
) -> list[RemoteRoot]:
    """The roots that the files of a manifest belong to: those that hold them already, else one for each
    server or bucket. Raises UrlMistake.
    """
    sorted_in: dict[tuple[str, str], dict[str, ManifestEntry]] = {}
    queries: dict[str, str] = {}
    for entry in entries:
        url, query = _without_query(checked_url(entry.url))
        if url.endswith("/"):
            raise UrlMistake(f"{entry.place}: {url} is a folder; a manifest lists files")
        holder = _holder(url, known if wanted is None else {wanted: known.get(wanted, "")})
        parts = urlsplit(url)
        name, directory = holder or (wanted or "", f"{parts.scheme}://{parts.netloc}")
        path = _place_below(directory, url, query)
        sorted_in.setdefault((name, directory), {})[path] = entry
        if query is not None:
            queries[path] = query
    if wanted is not None and len({directory for _name, directory in sorted_in}) > 1:
        raise UrlMistake(f"--root {wanted} names one place, but the manifest lists files of several servers")
    return [
        RemoteRoot(name, held, entries=files, queries=queries) for (name, held), files in sorted_in.items()
    ]


def name_of_url(url: str) -> str:
    """Host and path, as a name before it is made unique."""
    parts = urlsplit(url)
    return f"{parts.netloc}{unquote(parts.path)}".strip("/")


def _is_folder(url: str) -> bool:
    """Whether the server says so of a URL that does not end in ``/``; where it says nothing it is a file, and
    discovery tells what is wrong."""
    try:
        return look_up(url).is_folder
    except OSError:
        return False


def _holder(url: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    holders = [(name, held) for name, held in known.items() if held and f"{url}/".startswith(f"{held}/")]
    return max(holders, key=lambda each: len(each[1]), default=None)
