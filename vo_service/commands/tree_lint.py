"""What LINT says of a tree as clients will see it.

A tree on the disk is no deeper anywhere than it has to be, and packs what is mostly blank; a service gives
all of it. LINT is shown the tree by a small server for this machine alone, which lives as long as it looks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from hips.hipsgen.errors import HipsgenFailed
from hips.hipsgen.lint import Verdict, deepen, lint
from hips.hipsgen.tool import Tool
from hips.tiles.files import kept_file, unpacked
from hips.trees.held import Held, read_held
from hips.trees.layout import COVERAGE, PAGE, PREVIEW, PROPERTIES, TileName, parse_name
from hips.trees.properties import parse_properties
from hips.trees.virtual import VirtualTile, find_tile

_TYPES = {
    "fits": "application/fits",
    "png": "image/png",
    "jpg": "image/jpeg",
    "html": "text/html; charset=utf-8",
}
_PLAIN = "text/plain; charset=utf-8"
_AT_THE_ROOT = frozenset({PROPERTIES, COVERAGE, PAGE, PREVIEW})


def judge(tool: Tool, tree: Path, scratch: Path) -> Verdict:
    """The verdict on a tree that is built. Its coverage is shown at order 29, of the same cells: at any other
    Aladin 12.001 looks at no tile (CHK-H21). Raises HipsgenError, OSError."""
    with TemporaryDirectory(prefix="judged-", dir=scratch) as folder:
        coverage = Path(folder) / COVERAGE
        try:
            deepen(tree / COVERAGE, coverage)
        except ValueError as error:
            raise HipsgenFailed(f"the coverage of the tree cannot be read: {error}") from error
        properties = parse_properties((tree / PROPERTIES).read_text(encoding="utf-8"))
        deepest = int(properties.get("hips_order") or 0)
        with _shown(_Shown(tree, read_held(tree.parent), deepest, coverage)) as url:
            return lint(tool, url, scratch)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A tree, as a service would give it."""

    tree: Path
    held: Held
    deepest: int
    coverage: Path

    def content(self, name: str) -> bytes | None:
        """What stands under a name below the root; None where there is nothing."""
        if name == COVERAGE:
            return self.coverage.read_bytes()
        parsed = parse_name(name)
        if isinstance(parsed, TileName):
            found = find_tile(self.tree, self.held, self.deepest, parsed)
            if isinstance(found, VirtualTile):
                return found.make()
            path = None if found is None else found.path
        else:
            path = kept_file(self.tree / name) if parsed is not None or name in _AT_THE_ROOT else None
        return None if path is None else unpacked(path.read_bytes(), name)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, shown: _Shown, *args: object) -> None:
        self._shown = shown
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """A file of the tree."""
        content = self._head()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def _head(self) -> bytes:
        name = self.path.partition("?")[0].strip("/")
        content = self._shown.content(name)
        self.send_response(HTTPStatus.NOT_FOUND if content is None else HTTPStatus.OK)
        found = b"there is no such file\n" if content is None else content
        self.send_header("Content-Type", _TYPES.get(name.rpartition(".")[2], _PLAIN))
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader who leaves in the middle is no error: LINT often looks at the first bytes alone."""


@contextmanager
def _shown(shown: _Shown) -> Iterator[str]:
    """The address of a tree as long as the block lasts."""
    with _Server(("127.0.0.1", 0), partial(_Handler, shown)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
