"""Whoever refuses a request to SODA, its text begins with a word of the standard's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from live_archive import WORD

from vo_service.app import create_app
from vo_service.products.results import Results
from vo_service.settings import Settings
from vo_service.store import Catalogue

Ask = Callable[..., httpx.Response]


@pytest.fixture
def serve(tmp_path: Any) -> Iterator[Callable[..., Ask]]:
    """Makes an application, with nothing ingested, and gives what asks it."""
    closing = []

    def start(**overrides: str) -> Ask:
        settings = Settings.load(home=tmp_path, environ={}, overrides=overrides)
        Catalogue.open(settings.catalogue_address, home=settings.home).close()
        app = create_app(settings)
        closing.append(app.state.close)

        def ask(method: str, path: str, **more: Any) -> httpx.Response:
            async def send() -> httpx.Response:
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                    return await client.request(method, f"/soda/{path}", **more)

            return anyio.run(send)

        return ask

    yield start
    for close in closing:
        close()


def check(answer: httpx.Response, status: int, word: str) -> None:
    # SODA-054, SODA-055
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert WORD.match(answer.text) and answer.text.startswith(f"{word}: "), answer.text


def test_while_nothing_is_ingested(serve: Callable[..., Ask]) -> None:
    answer = serve()("GET", "sync", params={"ID": "x"})
    check(answer, 503, "ServiceUnavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_a_body_that_is_too_large(serve: Callable[..., Ask]) -> None:
    ask = serve(body_bytes="1000")
    check(ask("POST", "sync", data={"ID": "x" * 2000}), 413, "UsageError")
    check(ask("POST", "async", data={"ID": "x" * 2000}), 413, "UsageError")
    parts = {"ID": (None, "x" * 2000)}
    check(ask("POST", "sync", files=parts), 413, "UsageError")


def test_a_service_for_those_with_a_token(serve: Callable[..., Ask]) -> None:
    ask = serve(auth="required")
    for path in ("sync", "async"):
        answer = ask("GET", path)
        check(answer, 401, "AuthenticationError")
        assert answer.headers["www-authenticate"]
    for path in ("capabilities", "availability"):
        assert ask("GET", path).status_code == 200  # SODA-005


def test_an_address_of_too_many_bytes(serve: Callable[..., Ask]) -> None:
    answer = serve()("GET", "sync", params={"ID": "x" * 65_000})
    check(answer, 414, "UsageError")
    headers = {f"x-{number}": "y" for number in range(300)}
    check(serve()("GET", "sync", headers=headers), 431, "UsageError")


def test_a_bug_shows_nothing_of_its_inside(
    serve: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("the inside")

    monkeypatch.setattr(Results, "find", fail)
    answer = serve()("GET", "sync", params={"ID": "x"})
    check(answer, 500, "Error")
    assert "inside" not in answer.text and re.search(r"\nRequest: \w+\n$", answer.text)
    assert "ZeroDivisionError" in caplog.text


def test_addresses_outside_of_soda_have_words_of_their_own(serve: Callable[..., Ask]) -> None:
    answer = serve()("GET", "../files/nothing")
    assert answer.status_code in (404, 503) and not WORD.match(answer.text)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("MAXREC=0&MAXREC=0", "MultiValuedParamNotSupported"),
        ("MAXREC=0&ID=a&ID=b", "MultiValuedParamNotSupported"),
        ("MAXREC=0&FOO=1", "UsageError"),
    ],
)
def test_who_asks_for_the_description_makes_the_same_mistakes(
    serve: Callable[..., Ask], query: str, word: str
) -> None:
    # SODA-011, SODA-096
    check(serve()("GET", f"sync?{query}"), 400, word)
