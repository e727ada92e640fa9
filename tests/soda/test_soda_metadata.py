"""The documents of ``/soda`` over HTTP, and the examples, which are of data sets that everybody may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import anyio
import httpx
import pytest
from lxml import etree
from starlette.applications import Starlette
from xsd import Validate

from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ServiceAway, ServiceError
from vo_service.dali.identity import Identity
from vo_service.dali.replies import answer_service_error
from vo_service.soda.examples import facts_of_example
from vo_service.soda.metadata import SodaMetadata

BASE = "https://vo.example.org/x"
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CUBE = {
    "obs_publisher_did": "ivo://x/obs?cube",
    "s_ra": 204.25,
    "s_dec": -29.87,
    "s_pixel_scale": 0.1,
    "em_min": 0.0013,
    "em_max": 0.00131,
    "em_xel": 100,
}


class Well:
    """A service that answers, and one that does not."""

    since = SINCE

    def __init__(self, trouble: str | None = None) -> None:
        self.trouble = trouble
        self.notes: tuple[str, ...] = (trouble,) if trouble else ()

    def state(self) -> Well:
        return self

    def metadata_changed(self) -> datetime:
        return SINCE


Ask = Callable[..., httpx.Response]


def ask_of(find: Callable[[], Mapping[str, Mapping[str, str]]], trouble: str | None = None) -> Ask:
    metadata = SodaMetadata(Well(trouble), Identity(), lambda: SINCE, Addresses(BASE), find)
    app = Starlette(routes=metadata.routes(), exception_handlers={ServiceError: answer_service_error})

    def ask(path: str, **arguments: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                return await client.get(path, **arguments)  # type: ignore[arg-type]

        return anyio.run(send)

    return ask


def of_a_cube() -> Mapping[str, Mapping[str, str]]:
    return {"cube": facts_of_example(CUBE)}


def test_capabilities(validate: Validate) -> None:
    # SODA-003, SODA-004, VOSI-014: beside the endpoints
    ask = ask_of(of_a_cube)
    answer = ask("/soda/capabilities")
    root = validate(answer.content)
    sync = root.find("capability[@standardID='ivo://ivoa.net/std/SODA#sync-1.0']/interface/accessURL")
    assert sync.text == f"{BASE}/soda/sync"
    assert httpx.URL(sync.text).join("capabilities") == f"{BASE}/soda/capabilities"
    assert ask("/soda/capabilities", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("trouble", [None, "The database is away."])
def test_availability(trouble: str | None, validate: Validate) -> None:
    # SODA-005, VOSI-020
    answer = ask_of(of_a_cube, trouble)("/soda/availability")
    root = validate(answer.content)
    assert answer.status_code == 200
    assert root.findtext("{*}available") == ("true" if trouble is None else "false")
    assert root.findtext("{*}note") == trouble


def test_examples_page() -> None:
    # SODA-006
    ask = ask_of(of_a_cube)
    answer = ask("/soda/examples")
    root = etree.fromstring(answer.content)
    assert answer.headers["Content-Type"].startswith("text/html")
    ids = {one.text for one in root.iter() if one.get("property") == "value"}
    assert "ivo://x/obs?cube" in ids
    assert ask("/soda/examples", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_page_is_made_once_for_a_while() -> None:
    calls = []

    def find() -> Mapping[str, Mapping[str, str]]:
        calls.append(1)
        return {}

    ask = ask_of(find)
    for _ in range(3):
        assert ask("/soda/examples").status_code == 200
    assert len(calls) == 1


def test_without_a_database_there_is_no_page() -> None:
    def find() -> Mapping[str, Mapping[str, str]]:
        raise ServiceAway("The database of this service does not answer at present.")

    assert ask_of(find)("/soda/examples").status_code == 503


def test_facts_are_within_the_data() -> None:
    # SODA-006, SODA-078: three channels round the middle one, a circle of four pixels
    facts = facts_of_example(CUBE)
    low, high = 299792458.0 / 0.00131, 299792458.0 / 0.0013
    width = (high - low) / 100
    assert low < float(facts["low"]) < float(facts["high"]) < high
    assert float(facts["high"]) - float(facts["low"]) == pytest.approx(3 * width, rel=1e-2)
    assert float(facts["radius"]) == pytest.approx(0.4 / 3600, rel=1e-2)
    assert facts["channel"] == "50"
    one = facts_of_example({**CUBE, "em_xel": 1})
    assert low * (1 - 1e-8) < float(one["low"]) < float(one["high"]) < high * (1 + 1e-8)
