"""Whom limits are counted for: a token's subject, or a network address."""

from __future__ import annotations

from typing import Any

from doors import AWAY, HERE, Open, basic, bearer


def test_clients_are_told_apart_by_token_else_by_address_and_never_named(opened: Open) -> None:
    house = opened("auto", salt="s")
    ann, bob = house.token("ann"), house.token("bob")

    def client(headers: Any = None, client: tuple[str, int] = HERE) -> str:
        told = house.ask(headers=headers, client=client, base="https://t").json()["client"]
        assert len(told) == 16 and int(told, 16) >= 0
        return str(told)

    assert client(bearer(ann)) == client(basic("ann", ann), AWAY) == client(bearer(house.token("ann")))
    assert len({client(bearer(ann)), client(bearer(bob)), client(), client(client=AWAY)}) == 4
    assert client(client=AWAY) == client(client=("192.0.2.7", 9999))
    assert client(client=("2001:db8::1", 1)) == client(client=("2001:db8::ffff:2", 1))  # one customer
    assert client(client=("2001:db8::1", 1)) != client(client=("2001:db8:0:1::1", 1))
    assert client({"X-Forwarded-For": "198.51.100.1"}, AWAY) == client(client=AWAY)
    other = opened("auto", salt="t")
    assert other.ask().json()["client"] != client()


def test_behind_a_trusted_proxy_the_client_is_whom_it_names_last(opened: Open) -> None:
    house = opened("auto", trust_proxy=True)

    def told(value: str, client: tuple[str, int] = HERE) -> Any:
        return house.ask(headers={"X-Forwarded-For": value}, client=client).json()

    direct = house.ask(client=AWAY).json()["client"]
    assert told("192.0.2.7")["client"] == told("203.0.113.9, 192.0.2.7")["client"] == direct
    assert told("192.0.2.7:5123")["client"] == direct
    assert told("[2001:db8::1]:80")["client"] == told("2001:db8::2")["client"] != direct
    assert len(told("no address")["client"]) == 16
