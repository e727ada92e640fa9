"""A relay before a server that cuts connections, as bad lines do, and keeps the heads of requests."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress

from relay import Relay

_PIECE = 1 << 14


class CuttingRelay(Relay):
    """Each connection is cut behind ``most`` bytes of what the server says on it (None: never), given on with
    ``pause`` seconds between pieces. ``heads``: what clients asked, so far."""

    def __init__(self, address: str, most: int | None = None, pause: float = 0.0) -> None:
        super().__init__(address)
        self.most, self.pause = most, pause
        self.heads: list[str] = []
        self.cuts = 0

    def ranges(self) -> list[int]:
        """Where the ranges begin that were asked for."""
        found = re.findall(r"^range: bytes=(\d+)-", "\n".join(self.heads), re.M | re.I)
        return [int(each) for each in found]

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
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
