"""Real clients with tokens, against live servers: pyvo, STILTS, curl's way; and two workers that forget."""

from __future__ import annotations

import json
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pyvo
import requests
from live_logins import Live, add_token, session_with_bearer, session_with_password, tokens_of
from live_service import until

COUNT = "SELECT COUNT(*) AS n FROM ivoa.obscore"
NOTED_SECONDS = 5.0


def ask(live: Live, token: str | None = None, user: str | None = None, path: str = "") -> requests.Response:
    query = f"/tap/sync?LANG=ADQL&RESPONSEFORMAT=csv&QUERY={COUNT}"
    headers = {"Connection": "close"}
    if token is not None and user is None:
        headers["Authorization"] = f"Bearer {token}"
    auth = None if user is None or token is None else (user, token)
    return requests.get(f"{live.url}{path or query}", headers=headers, auth=auth, timeout=30)


def closed_file(live: Live) -> str:
    service = pyvo.dal.TAPService(live.tap)
    found = service.search("SELECT TOP 1 product_id FROM holdings.product WHERE data_rights = 'Proprietary'")
    return f"/files/{found['product_id'][0]}"


def test_the_same_addresses_serve_everybody(optional: Live) -> None:
    # TAP-008, AUTH-007
    assert ask(optional).status_code == 200
    for token, user in ((optional.ann, None), (optional.ann, "ann"), (optional.bob, None)):
        answer = ask(optional, token, user)
        assert answer.status_code == 200
        assert answer.headers["X-VO-Authenticated"] == ("ann" if token == optional.ann else "bob")
    assert ask(optional, optional.ann[:-1]).status_code == 401


def test_a_closed_file_is_for_who_may_read_it(optional: Live) -> None:
    # AUTH-030, TAP-127
    path = closed_file(optional)
    assert ask(optional, path=path).status_code == 401
    assert ask(optional, optional.bob, path=path).status_code == 403
    assert ask(optional, optional.ann, path=path).status_code == 200
    assert ask(optional, optional.ann, "ann", path=path).status_code == 200


def test_a_revoked_token_is_refused_by_all_workers_within_five_seconds(optional: Live) -> None:
    # AUTH-055
    token = add_token(optional.home, "eve")
    assert {ask(optional, token).status_code for _ in range(8)} == {200}  # a new one is known at once
    with tokens_of(optional.home) as table:
        assert table.revoke(token[3:15], datetime.now(UTC))
    time.sleep(NOTED_SECONDS)
    assert {ask(optional, token).status_code for _ in range(12)} == {401}


@pytest.mark.parametrize("way", ["password", "bearer"])
@pytest.mark.parametrize("mode", ["optional", "required"])
def test_pyvo_logs_in(request: pytest.FixtureRequest, mode: str, way: str) -> None:
    # AUTH-007, AUTH-024, AUTH-025, AUTH-026, UWS-074, UWS-090: the list is that of the owner
    live: Live = request.getfixturevalue(mode)
    if way == "password":
        session = session_with_password("ann", live.ann)
    else:
        session = session_with_bearer(live.ann, live.tap)
    service = pyvo.dal.TAPService(live.tap, session=session)
    assert int(service.search(COUNT)["n"][0]) > 0
    assert "ivoa.obscore" in service.tables.keys()  # noqa: SIM118  (no plain mapping)
    job = service.submit_job(COUNT)
    try:
        assert job.owner == "ann"
        job.run().wait(timeout=30)
        job.raise_if_error()
        assert int(job.fetch_result()["n"][0]) > 0
        assert [each.jobid for each in service.get_job_list()] == [job.job_id]
        session = session_with_password("bob", live.bob)
        assert pyvo.dal.TAPService(live.tap, session=session).get_job_list() == []
    finally:
        job.delete()


def test_pyvo_sees_with_a_token_what_is_closed(optional: Live) -> None:
    # AUTH-031
    session = session_with_bearer(optional.ann, optional.tap)
    mine, anonymous = pyvo.dal.TAPService(optional.tap, session=session), pyvo.dal.TAPService(optional.tap)
    closed = "SELECT COUNT(*) AS n FROM holdings.measurement WHERE peak IS NOT NULL"
    assert mine.search(closed)["n"][0] > anonymous.search(closed)["n"][0]


JOB_PATHS = (
    "", "/phase", "/executionduration", "/destruction", "/quote", "/error", "/parameters", "/results",
    "/results/result", "/owner", "/parameters/QUERY",
)  # fmt: skip


def test_a_job_is_its_owners_alone_at_every_address(optional: Live) -> None:
    # AUTH-030, AUTH-037, AUTH-039, AUTH-058, AUTH-059
    as_ann, as_bob = {"Authorization": f"Bearer {optional.ann}"}, {"Authorization": f"Bearer {optional.bob}"}
    sent = {"LANG": "ADQL", "QUERY": COUNT, "PHASE": "RUN"}
    made = requests.post(
        f"{optional.tap}/async", data=sent, headers=as_ann, timeout=30, allow_redirects=False
    )
    job = made.headers["Location"]
    assert made.status_code == 303 and job.startswith(f"{optional.tap}/async/")
    assert made.headers["X-VO-Authenticated"] == "ann"
    assert until(lambda: "COMPLETED" in requests.get(f"{job}?WAIT=30", headers=as_ann, timeout=60).text)
    for path in JOB_PATHS:
        mine = requests.get(f"{job}{path}", headers=as_ann, timeout=30)
        assert mine.status_code == (404 if path == "/error" else 200), path
        assert mine.headers["Cache-Control"].startswith(("private", "no-store"))
        assert "Authorization" in mine.headers["Vary"]
        assert requests.get(f"{job}{path}", timeout=30).status_code == 401, path
        assert requests.get(f"{job}{path}", headers=as_bob, timeout=30).status_code == 403, path
    for method, path, body in (
        ("POST", "/phase", {"PHASE": "ABORT"}),
        ("POST", "", {"ACTION": "DELETE"}),
        ("DELETE", "", {}),
        ("POST", "/destruction", {"DESTRUCTION": "2099-01-01T00:00:00Z"}),
    ):
        assert requests.request(method, f"{job}{path}", data=body, timeout=30).status_code == 401
        refused = requests.request(method, f"{job}{path}", data=body, headers=as_bob, timeout=30)
        assert refused.status_code == 403
    name = job.rpartition("/")[2]
    assert "<uws:ownerId>ann</uws:ownerId>" in requests.get(job, headers=as_ann, timeout=30).text
    assert name in requests.get(f"{optional.tap}/async", headers=as_ann, timeout=30).text
    for headers in (as_bob, None):
        assert name not in requests.get(f"{optional.tap}/async", headers=headers, timeout=30).text
    gone = requests.delete(job, headers=as_ann, timeout=30, allow_redirects=False)
    assert gone.status_code == 303 and gone.headers["Location"].startswith(optional.tap)


def test_a_job_tells_nothing_to_a_lesser_token_of_its_owner(optional: Live) -> None:
    # AUTH-031, AUTH-037: what a revoked token has opened stays closed to those that are left
    first = add_token(optional.home, "eve", "read:all")
    as_first, as_second = (
        {"Authorization": f"Bearer {token}"} for token in (first, add_token(optional.home, "eve"))
    )
    peaks = "SELECT peak, data_rights FROM holdings.measurement WHERE data_rights = 'Proprietary'"
    sent = {"LANG": "ADQL", "QUERY": peaks, "PHASE": "RUN", "RESPONSEFORMAT": "csv"}
    made = requests.post(
        f"{optional.tap}/async", data=sent, headers=as_first, timeout=30, allow_redirects=False
    )
    job = made.headers["Location"]
    assert until(lambda: "COMPLETED" in requests.get(f"{job}?WAIT=30", headers=as_first, timeout=60).text)
    result = requests.get(f"{job}/results/result", headers=as_first, timeout=30).text
    assert re.search(r"^[\d.e-]+,Proprietary", result, re.MULTILINE)
    for path in JOB_PATHS:
        refused = requests.get(f"{job}{path}", headers=as_second, timeout=30)
        assert refused.status_code == 403, path
        assert 'scope="read:all"' in refused.headers["WWW-Authenticate"]
    assert job.rpartition("/")[2] in requests.get(f"{optional.tap}/async", headers=as_second, timeout=30).text
    with tokens_of(optional.home) as table:
        assert table.revoke(first[3:15], datetime.now(UTC))
    assert until(lambda: requests.get(job, headers=as_first, timeout=30).status_code == 401)
    assert requests.get(f"{job}/results/result", headers=as_second, timeout=30).status_code == 403


def test_pyvo_without_a_session_is_anonymous(optional: Live, required: Live) -> None:
    # AUTH-006
    assert int(pyvo.dal.TAPService(optional.tap).search(COUNT)["n"][0]) > 0
    with pytest.raises(pyvo.dal.DALServiceError, match="token only"):
        pyvo.dal.TAPService(required.tap).search(COUNT)


def stilts_query(
    stilts: str, live: Live, *system: str, sync: str = "true"
) -> subprocess.CompletedProcess[str]:
    command = [stilts, *system, "tapquery", f"tapurl={live.tap}", f"adql={COUNT}", f"sync={sync}", "ofmt=csv"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.judge
@pytest.mark.parametrize("sync", ["true", "false"])
def test_stilts_answers_a_challenge_with_basic(stilts: str, required: Live, sync: str) -> None:
    # AUTH-007, AUTH-015
    known = ("-Dstar.basicauth.user=ann", f"-Dstar.basicauth.password={required.ann}")
    done = stilts_query(stilts, required, *known, sync=sync)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"n\s+\d+\s*", done.stdout)
    wrong = stilts_query(stilts, required, known[0], "-Dstar.basicauth.password=nothing", sync=sync)
    assert wrong.returncode != 0


@pytest.mark.judge
def test_stilts_stays_anonymous_where_it_may(stilts: str, optional: Live) -> None:
    # AUTH-004
    done = stilts_query(stilts, optional)
    assert done.returncode == 0, done.stderr


def test_no_permit_is_in_the_log(optional: Live, required: Live) -> None:
    # AUTH-052
    for live in (optional, required):
        answers = [
            ask(live, live.ann),
            ask(live, live.ann, "ann"),
            ask(live, live.bob, path=f"/tap/sync?access_token={live.ann}"),
            ask(live, live.ann[:-1]),
        ]
        wanted = {answer.headers["X-Request-Id"]: answer.status_code for answer in answers}
        assert list(wanted.values()) == [200, 200, 400, 401]

        def logged(log: Path = live.log, wanted: dict[str, int] = wanted) -> dict[str, int]:
            """The statuses of these requests, as far as their lines are there."""
            lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
            requested = {line["request_id"]: line["status"] for line in lines if line["event"] == "request"}
            return {name: requested[name] for name in wanted.keys() & requested.keys()}

        assert until(lambda logged=logged, wanted=wanted: logged() == wanted)
        text = live.log.read_text()
        assert all(token[16:-1] not in text for token in (live.ann, live.bob))
