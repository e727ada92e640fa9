"""The service as clients see it: a live server behind a relay that keeps every document for the schemas."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import made_trees
import pytest
from astroquery.alma import AlmaClass
from fetch_aladin_lite import SHA256, sum_of, where
from judges import aladin_judge, judge, judge_file
from live_sky import make_home, sky_at
from made_trees import Sky
from recording_relay import RecordingRelay, invalid_documents
from service_processes import running_server

from hips.hipsgen.tool import Tool


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


@pytest.fixture(scope="session")
def java() -> str:
    """The Java command."""
    return judge("java")


@pytest.fixture(scope="session")
def aladin_jar() -> Path:
    """Aladin Desktop."""
    return aladin_judge()


@pytest.fixture(scope="session")
def xvfb() -> str:
    """The virtual screen that Aladin Desktop wants, even where nobody looks."""
    return judge("Xvfb")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser."""
    return judge("chromium")


@pytest.fixture(scope="session")
def aladin_lite() -> Path:
    """The script of Aladin Lite."""
    script = judge_file(where(), "Aladin Lite (python tests/fetch_aladin_lite.py fetches it)")
    assert sum_of(script) == SHA256, "not as it was published: python tests/fetch_aladin_lite.py fetches it"
    return script


@pytest.fixture(scope="session")
def live_sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    """What the service itself serves of a home of its own, which is made once for all test processes."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own
    place = shared / "live-sky"
    with (shared / "live-sky.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "done").exists():
            make_home(place)
            (place / "done").touch()
    with running_server(place / "home", workers=1) as url:
        yield sky_at(url)


@pytest.fixture(scope="session")
def others_sky(hipsgen: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    """A tree that is not ours, in a folder behind an address."""
    with made_trees.sky_by_hipsgen(hipsgen, tmp_path_factory.mktemp("trees")) as sky:
        yield sky
