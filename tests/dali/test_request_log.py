"""Each request has a number: in its line of the log, in a header, and at the end of every error text."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest
from doors import House, bearer
from hypothesis import given
from hypothesis import strategies as st

from vo_service.dali.identity import AuthPolicy
from vo_service.dali.request_log import as_request, request_id, signed


@pytest.fixture
def house(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[House]:
    caplog.set_level(logging.INFO, "vo_service")
    made = House(tmp_path, AuthPolicy("auto"))
    yield made
    made.catalogue.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if line.startswith("request method=")]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/who", 200), ("/nothing", 404), ("/mine", 403), ("/shared/", 200)],
)
def test_header_log_and_error_text_have_the_same_number(
    house: House, caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    answer = house.ask(path)
    number = answer.headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{16}", number)
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
    [line] = lines(caplog)
    assert f" status={status} " in line and line.endswith(f" id={number}")
    assert f"bytes={len(answer.content)} whole=True" in line
    if status != 200:
        assert answer.text.rstrip("\n").splitlines()[-1] == f"Request: {number}"


def test_every_request_has_a_number_of_its_own(house: House) -> None:
    assert len({house.ask().headers["X-Request-Id"] for _ in range(20)}) == 20


def test_the_number_of_a_proxy_is_taken_where_the_proxy_is_trusted(tmp_path: Path) -> None:
    for trusted in (False, True):
        place = tmp_path / str(trusted)
        place.mkdir()
        house = House(place, AuthPolicy("auto", trust_proxy=trusted))
        for given_id, sane in (("edge-42.a_b", True), ("x", False), ("a b" * 9, False), ("x" * 65, False)):
            told = house.ask(headers={"X-Request-Id": given_id}).headers["X-Request-Id"]
            assert (told == given_id) is (trusted and sane)
        house.catalogue.close()


def test_nothing_of_query_credentials_or_address_is_logged(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    # AUTH-051, AUTH-052
    token = house.token()
    for headers in (bearer(token), None):
        house.ask(f"/who?access_token={token}&QUERY=SELECT+1", headers=headers)
        house.ask("/who", "POST", headers=headers, data={"QUERY": "SELECT 2", "password": token})
    house.ask("/nothing/a%0Ab%1b%E4%20x")
    text = "\n".join(caplog.messages)
    for secret in (token, token[16:40], "SELECT", "127.0.0.1", "ann"):
        assert secret not in text
    assert "path=/nothing/a%0Ab%1b%E4%20x " in text


def test_a_long_path_is_cut(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.ask("/" + "x" * 5000)
    assert len(lines(caplog)[0]) < 500


def test_head_has_no_bytes(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.ask("/who", "HEAD")
    assert " bytes=0 " in lines(caplog)[0]


def test_threads_know_the_request_by_its_context() -> None:
    assert request_id() is None
    with as_request("abc"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, request_id).result() == "abc"
        assert pool.submit(request_id).result() is None
        with as_request(None):
            assert request_id() is None
        assert request_id() == "abc"
    assert request_id() is None


@given(st.text())
def test_a_text_is_signed_once(text: str) -> None:
    assert signed(text) == text
    with as_request("abc"):
        once = signed(text)
        assert once.splitlines()[-1] == "Request: abc"
        assert signed(once) == signed(once, "abc") == once
    assert signed(text, "xyz").endswith("\nRequest: xyz")
