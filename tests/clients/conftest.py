"""The service as clients see it: a live server behind a relay that keeps every document for the schemas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from astroquery.alma import AlmaClass
from recording_relay import RecordingRelay, invalid_documents


@pytest.fixture(scope="session")
def relay(live_server: str) -> Iterator[RecordingRelay]:
    """The relay in front of the live server of the session."""
    with RecordingRelay(live_server) as running:
        yield running


@pytest.fixture(scope="module")
def service_url(relay: RecordingRelay, request: pytest.FixtureRequest) -> Iterator[str]:
    """Base URL of the service. When the tests of a module are through, every XML document that its clients
    were sent is checked against the official schemas, where they are there; where not,
    ``test_documents_of_clients.py`` is skipped and says so."""
    relay.take()
    try:
        validate = request.getfixturevalue("validate")
    except pytest.skip.Exception:
        validate = None
    yield relay.url
    if validate is not None:
        wrong, roots = invalid_documents(relay.take(), validate)
        assert wrong == []
        assert roots, "no document went through the relay"


@pytest.fixture(scope="module")
def tap_url(service_url: str) -> str:
    """Base URL of TAP."""
    return f"{service_url}/tap"


@pytest.fixture(scope="module")
def alma(service_url: str) -> AlmaClass:
    """Astroquery's client of the archive, with this service as its archive."""
    client = AlmaClass()
    client.archive_url = client.dataarchive_url = service_url
    return client
