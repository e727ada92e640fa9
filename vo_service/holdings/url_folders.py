"""What is below a URL: by the pages that a web server makes of its folders, or by the listings of a store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

from vo_service.pixels.http_source import read_page
from vo_service.pixels.object_source import list_folder
from vo_service.pixels.url_source import is_http, join_url, plain_path
from vo_service.pixels.urls import UrlError, UrlState
from vo_service.shown_names import shown_name

_LARGEST_PAGE = 64 << 20
_DEEPEST = 64
"""Folders within folders; a server that makes up folders without end is deeper."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file below a URL, by its plain relative path (a folder: with ``/`` behind), with what is known of it
    already; or a folder that could not be listed, or a name that cannot be taken, with the error."""

    path: str
    state: UrlState | None = None
    error: OSError | None = None


def walk_folder(url: str) -> Iterator[Seen]:
    """All files below the folder ``url`` (which ends in ``/``), folder by folder."""
    pending = [""]
    while pending:
        folder = pending.pop()
        inner: list[str] = []
        try:
            for each in _list(join_url(url.rstrip("/"), folder)):
                path = folder + each.path
                if not path.endswith("/"):
                    yield Seen(path, each.state, each.error)
                elif path.count("/") <= _DEEPEST:
                    inner.append(path)
                else:
                    yield Seen(path.rstrip("/"), error=OSError(f"more than {_DEEPEST} folders deep"))
        except OSError as error:
            yield Seen(folder.rstrip("/") or ".", error=error)
        pending.extend(reversed(inner))


def _list(folder: str) -> Iterator[Seen]:
    """What is in a folder, in the order of the names."""
    if is_http(folder):
        text, address = read_page(folder, _LARGEST_PAGE)
        for written in names_on_page(text, address):
            yield _named(folder, written, None)
        return
    for name, state in list_folder(folder):
        yield _named(folder, f"{name}/", None) if state.is_folder else _named(folder, name, state)


def _named(folder: str, written: str, state: UrlState | None) -> Seen:
    """What goes by a name as it is written in a listing."""
    try:
        return Seen(plain_path(folder, written), state)
    except UrlError as error:
        shown = shown_name(written.rstrip("/"))
        return Seen(shown, error=UrlError(f"{error}: rename it so that it can be published"))


def names_on_page(text: str, address: str) -> list[str]:
    """Names that the links of a page lead to and that lie in its own folder, in their order. Links with a
    query, which sort the page or do worse, are left alone.
    """
    page = _Links()
    page.feed(text)
    page.close()
    here = address if address.endswith("/") else address.rpartition("/")[0] + "/"
    names = set()
    for link in page.found:
        try:
            target = urldefrag(urljoin(here, link.strip())).url
        except ValueError:  # no URL at all
            continue
        if not target.startswith(here) or urlsplit(target).query:
            continue
        name, slash, _rest = target.removeprefix(here).partition("/")
        if name:
            names.add(name + slash)
    return sorted(names)


class _Links(HTMLParser):
    """Where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for key, value in attrs if key == "href" and value]
