"""Taking a port: what is said where it cannot be had."""

from __future__ import annotations

import socket

import pytest

from vo_service.commands.command import CallMistake
from vo_service.commands.server import reachable_at, take_port


def test_any_free_port_is_taken_and_told() -> None:
    with take_port("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert reachable_at(listening) == f"http://127.0.0.1:{port}"
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_for_everybody_is_reached_from_here() -> None:
    with take_port("0.0.0.0", 0) as listening:
        assert reachable_at(listening).startswith("http://127.0.0.1:")


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with take_port("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(CallMistake, match=rf"port {port} on 127\.0\.0\.1 is taken.*--port"):
            take_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "words"), [("203.0.113.7", "no address of this machine"), ("no.such.invalid", "not known here")]
)
def test_a_wrong_host_is_named(host: str, words: str) -> None:
    with pytest.raises(CallMistake, match=words):
        take_port(host, 0)
