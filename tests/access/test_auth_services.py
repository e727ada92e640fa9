"""One session of pyvo at every service: with it what is not public comes, without it the same is refused."""

from __future__ import annotations

import io
from typing import Any

import astropy.units as u
import numpy as np
import pytest
import pyvo
from astropy.io import fits
from live_logins import Live, session_with_bearer, session_with_password
from pyvo.auth import AuthSession, securitymethods
from pyvo.dal.adhoc import DatalinkRecord, DatalinkResults, DatalinkService
from pyvo.utils import vocabularies

CLOSED = (
    "SELECT TOP 1 obs_publisher_did, s_ra, s_dec, em_min, em_max, access_url, access_format FROM ivoa.obscore"
    " WHERE dataproduct_type = 'cube' AND dataset_id IS NOT NULL AND data_rights = 'Proprietary'"
    " AND em_xel > 3 ORDER BY access_estsize, obs_publisher_did"
)
REFUSED = r"401|token|not public"

# pyvo knows neither two types of queries nor parameters of an interface (DL-068)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*ParamHTTP element contains more than one"),
    pytest.mark.filterwarnings("ignore:.*Unknown element "),
]


@pytest.fixture(params=["password", "bearer"])
def session(request: pytest.FixtureRequest, optional: Live) -> AuthSession:
    """A session of ann, who may read all: by the capabilities that there are, by addresses for the others."""
    if request.param == "bearer":
        return session_with_bearer(optional.ann, optional.url)
    made = session_with_password("ann", optional.ann)
    for path in ("tap", "datalink", "soda"):
        made.update_from_capabilities(pyvo.dal.TAPService(f"{optional.url}/{path}").capabilities)
    for path in ("cone", "files"):
        made.add_security_method_for_url(f"{optional.url}/{path}", securitymethods.BASIC)
    return made


@pytest.fixture
def closed(optional: Live) -> Any:
    """The row of a cube that is not public, as everybody sees it."""
    return pyvo.dal.TAPService(optional.tap).search(CLOSED)[0]


@pytest.fixture(autouse=True)
def _without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    # pyvo fetches narrower terms from ivoa.net
    monkeypatch.setattr(vocabularies, "get_vocabulary", lambda name: {"terms": {}})


def cut_of(row: Any, where: Any, **more: Any) -> int:
    """How many pixels the cut-out of a row has round a place."""
    circle = (where["s_ra"], where["s_dec"], 0.0005) * u.deg
    with fits.open(io.BytesIO(row.processed(circle=circle, **more).read())) as opened:
        return int(np.isfinite(opened[0].data).sum())


def this_of(links: DatalinkResults) -> DatalinkRecord:
    (row,) = links.bysemantics("#this", include_narrower=False)
    return row


def is_open(row: DatalinkRecord) -> bool:
    return bool(row["link_authorized"])


def test_images(optional: Live, closed: Any, session: AuthSession) -> None:
    # AUTH-025, AUTH-030
    did = closed["obs_publisher_did"]
    mine, anonymous = (
        pyvo.dal.SIA2Service(f"{optional.url}/sia2", session=each).search(publisher_did=did)[0]
        for each in (session, None)
    )
    assert mine.getdataset().read(6) == b"SIMPLE"
    with pytest.raises(pyvo.dal.DALServiceError, match=REFUSED):
        anonymous.getdataset()
    assert cut_of(mine, closed, session=session) > 0
    with pytest.raises(pyvo.dal.DALServiceError, match=REFUSED):
        cut_of(mine, closed)  # processed() forgets whose row it is


def test_cones(optional: Live, session: AuthSession) -> None:
    # AUTH-031: what was measured is no more public than its pixels
    address = f"{optional.url}/cone/holdings.measurement"
    mine, anonymous = (
        pyvo.dal.SCSService(address, session=each).search((0.0, 0.0), 180.0) for each in (session, None)
    )
    seen = set(mine["product_id"])
    assert set(anonymous["product_id"]) < seen
    hidden = [row for row in mine if row["product_id"] not in set(anonymous["product_id"])]
    assert "Public" not in {row["data_rights"] for row in hidden}


@pytest.mark.parametrize("preserve_order", [False, True])
def test_links_of_rows(optional: Live, closed: Any, session: AuthSession, preserve_order: bool) -> None:
    # AUTH-030, DL-031
    place = (float(closed["s_ra"]), float(closed["s_dec"]))
    for each, expected in ((session, True), (None, False)):
        searches = (
            pyvo.dal.TAPService(optional.tap, session=each).search(CLOSED),
            pyvo.dal.SIA2Service(f"{optional.url}/sia2", session=each).search(
                publisher_did=closed["obs_publisher_did"]
            ),
            pyvo.dal.SCSService(f"{optional.url}/cone/ivoa.obscore", session=each).search(place, 1e-6),
        )
        for rows in searches:
            found = {
                links.original_row["obs_publisher_did"]: this_of(links)
                for links in rows.iter_datalinks(preserve_order=preserve_order)
            }
            assert set(found) == set(rows["obs_publisher_did"])
            assert is_open(found[closed["obs_publisher_did"]]) is expected


def test_links_of_an_identifier(optional: Live, closed: Any, session: AuthSession) -> None:
    # AUTH-030, DL-031, DL-086
    did = closed["obs_publisher_did"]
    mine, anonymous = (
        DatalinkService(f"{optional.url}/datalink/sync", session=each).run_sync(did)
        for each in (session, None)
    )
    assert is_open(this_of(mine)) and not is_open(this_of(anonymous))
    content = this_of(mine).getdataset().read()
    assert len(content) == this_of(mine)["content_length"]
    with pytest.raises(pyvo.dal.DALServiceError, match=REFUSED):
        this_of(anonymous).getdataset()
    for links in (mine, anonymous):
        assert cut_of(links[0], closed, session=session) > 0
        with pytest.raises(pyvo.dal.DALServiceError, match=REFUSED):
            cut_of(links[0], closed)
    proc = next(row for row in mine.iter_procs() if row["local_semantics"] == "moment")
    assert proc.process(MOMENT="0", session=session).read(6) == b"SIMPLE"
    assert proc.process(MOMENT="0").read() == b""  # process() keeps errors to itself


def test_nothing_without_a_session_where_it_is_required(required: Live) -> None:
    # AUTH-006
    session = session_with_bearer(required.ann, required.url)
    rows = pyvo.dal.TAPService(required.tap, session=session).search(CLOSED)
    did, place = rows["obs_publisher_did"][0], (float(rows["s_ra"][0]), float(rows["s_dec"][0]))

    def ask(each: AuthSession | None) -> list[Any]:
        return [
            lambda: pyvo.dal.SIA2Service(f"{required.url}/sia2", session=each).search(publisher_did=did),
            lambda: pyvo.dal.SCSService(f"{required.url}/cone/ivoa.obscore", session=each).search(place, 0.1),
            lambda: DatalinkService(f"{required.url}/datalink/sync", session=each).run_sync(did),
        ]

    for mine, anonymous in zip(ask(session), ask(None), strict=True):
        assert len(mine()) > 0
        with pytest.raises((pyvo.dal.DALServiceError, pyvo.dal.DALQueryError), match=REFUSED):
            anonymous()
