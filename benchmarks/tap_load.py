"""Many clients at once, in a process of their own."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from benchmarks.tap_client import Client, Refused

Ask = Callable[[Client, str], object]


def query(client: Client, text: str) -> object:
    """Ask a TAP service."""
    return client.query(text)


def get(client: Client, path: str) -> object:
    """Get a path."""
    return client.get(path)


def requests_a_second(
    url: str, texts: Sequence[str], clients: int, asked: int, keep: bool, ask: Ask = query
) -> tuple[float, int]:
    """Answered requests a second, and how many were not answered. ``texts`` are asked in turn; ``ask`` is a
    function of a module."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_load, args=(there, url, texts, clients, asked, keep, ask))
    process.start()
    there.close()
    rate, failed = here.recv()
    process.join()
    return rate, failed


def _load(
    told: Connection, url: str, texts: Sequence[str], clients: int, asked: int, keep: bool, ask: Ask
) -> None:
    numbers = iter(range(asked))
    lock = threading.Lock()
    answered, failed = [0], [0]

    def work() -> None:
        client = Client(url, keep=keep)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                client.close()
                return
            try:
                ask(client, texts[number % len(texts)])
                with lock:
                    answered[0] += 1
            except (Refused, OSError):
                client.close()
                with lock:
                    failed[0] += 1

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send((answered[0] / (time.perf_counter() - started), failed[0]))
