"""Web servers that keep a job waiting as long as a test wants, however fast or slow the machine is."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from web_servers import Web

_PAUSE = 0.25  # seconds


class Brake:
    """Has each request for some files of a server take a while, until it is let go."""

    def __init__(self, web: Web, *names: str) -> None:
        self._slow = {f"/{name}" for name in names}
        self._gone = threading.Event()
        web.before = self._before

    def _before(self, path: str) -> None:
        if path in self._slow:
            self._gone.wait(_PAUSE)

    def let_go(self) -> None:
        """All is answered at once from now on."""
        self._gone.set()


class Gates:
    """Has requests for some files of a server wait, for each until its gate is opened."""

    def __init__(self, web: Web, names: Sequence[str]) -> None:
        self._gates = [threading.Event() for _ in names]
        self._paths = [f"/{name}" for name in names]
        self._waited = [False for _ in names]
        web.before = self._before

    def _before(self, path: str) -> None:
        if path in self._paths:
            number = self._paths.index(path)
            self._waited[number] |= not self._gates[number].is_set()
            self._gates[number].wait()

    def is_waited_at(self, number: int) -> bool:
        """Whether somebody has come to a gate that was not open."""
        return self._waited[number]

    def open(self, number: int) -> None:
        """Let all through who come to this gate."""
        self._gates[number].set()
