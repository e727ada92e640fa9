"""What relays between clients and a server have in common: clients are given the address of the relay."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Relay(ABC):
    """Listens at ``url``, while its block lasts, and passes each connection on to the server at an http
    address, in a thread."""

    def __init__(self, address: str) -> None:
        host, _, port = urlsplit(address).netloc.partition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    @abstractmethod
    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """All that goes over one connection. An OSError ends it."""

    def _listen(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._server) as server:
            self.pass_on(client, server)
