"""Addresses that are no resource themselves say where to go on."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest

from vo_service.app import create_app
from vo_service.settings import Settings


def fetch(home: Path, path: str, **settings: str) -> httpx.Response:
    app = create_app(Settings.load(home=home, environ={}, overrides=settings))

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here:8000") as client:
            return await client.get(path)

    try:
        return anyio.run(send)
    finally:
        app.state.close()


@pytest.mark.parametrize("path", ["/", "/tap"])
def test_the_top_names_the_services_under_the_address_the_client_came_by(tmp_path: Path, path: str) -> None:
    answer = fetch(tmp_path, path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<code>http://here:8000/tap</code>" in answer.text
    for resource in ("/capabilities", "/tables", "/sync", "/availability"):
        assert f'href="http://here:8000/tap{resource}"' in answer.text


def test_a_public_address_holds_over_it(tmp_path: Path) -> None:
    answer = fetch(tmp_path, "/", base_url="https://archive.example.org/vo")
    assert "https://archive.example.org/vo/tap/capabilities" in answer.text
    assert "here:8000" not in answer.text


def test_what_is_named_nowhere_is_still_nothing(tmp_path: Path) -> None:
    assert fetch(tmp_path, "/nothing").status_code == 404
