"""What a machine needs at least: a program that preads the bytes of a box and sends them over a socket.

``python -m benchmarks.soda_floor FILE START SIDE`` tells its port and answers ``GET /x0/x1/y0/y1/z0/z1``.
"""

import os
import socket
import sys

from benchmarks.soda_cube import ITEM

BLOCK = 1 << 20


def serve(path: str, start: int, side: int) -> None:
    """One connection after the other. Rows are gathered into blocks; what lies together is read together."""
    file = os.open(path, os.O_RDONLY)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := connection.recv(1 << 16):
                x0, x1, y0, y1, z0, z1 = map(int, request.split()[1].split(b"/")[1:])
                row, plane = side * ITEM, side * side * ITEM
                run, rows = ((x1 - x0) * ITEM, range(y0, y1)) if x1 - x0 < side else ((y1 - y0) * row, [y0])
                size = run * len(rows) * (z1 - z0)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                block = bytearray()
                for place in (start + z * plane + y * row + x0 * ITEM for z in range(z0, z1) for y in rows):
                    for offset in range(0, run, BLOCK):
                        block += os.pread(file, min(BLOCK, run - offset), place + offset)
                        if len(block) >= BLOCK:
                            connection.sendall(block)
                            block.clear()
                connection.sendall(block)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
