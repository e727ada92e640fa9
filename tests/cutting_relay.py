"""A relay before a server that cuts connections, as bad lines do, and keeps the heads of requests."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

_PIECE = 1 << 14


class CuttingRelay:
    """Listens at ``url``. Each connection is cut behind ``most`` bytes of what the server says on it (None:
    never), given on with ``pause`` seconds between pieces. ``heads``: what clients asked, so far."""

    def __init__(self, address: str, most: int | None = None, pause: float = 0.0) -> None:
        host, _, port = urlsplit(address).netloc.partition(":")
        self._server = (host, int(port))
        self.most, self.pause = most, pause
        self.heads: list[str] = []
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> CuttingRelay:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def ranges(self) -> list[int]:
        """Where the ranges begin that were asked for."""
        found = re.findall(r"^range: bytes=(\d+)-", "\n".join(self.heads), re.M | re.I)
        return [int(each) for each in found]

    def _listen(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._server) as server:
            threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
            said = 0
            while piece := server.recv(_PIECE):
                if self.most is not None and said + len(piece) > self.most:
                    client.sendall(piece[: self.most - said])
                    self.cuts += 1
                    break
                client.sendall(piece)
                said += len(piece)
                time.sleep(self.pause)
            for each in (client, server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(_PIECE):
                self.heads.append(piece.decode("latin-1").replace("\r\n", "\n"))
                server.sendall(piece)
