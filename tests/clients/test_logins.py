"""pyvo and STILTS with a token: who they are is known, their jobs are theirs."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import pyvo
from live_service import SMALL, LiveService, copy_home
from service_processes import run_command
from test_clients_page import blocks


@pytest.fixture(scope="module")
def service(holdings, tmp_path_factory):
    """A service with tokens: anonymous use and use with them go side by side."""
    live = LiveService(copy_home(holdings.home, tmp_path_factory.mktemp("logins") / "home"), workers=1)
    run_command(live.home, "token", "create", "somebody", "--json")
    live.start()
    yield live
    live.stop()


@pytest.fixture(scope="module")
def tokens(service: LiveService) -> dict[str, str]:
    """A token for each of two users."""
    made = {}
    for subject in ("alice", "bob"):
        told = run_command(service.home, "token", "create", subject, "--scope", "read:all", "--json").stdout
        made[subject] = next(value for value in json.loads(told).values() if str(value).startswith("vo_"))
    return made


def tap_of(service: LiveService, subject: str, token: str) -> pyvo.dal.TAPService:
    """The service as pyvo has it with user and password."""
    session = pyvo.auth.AuthSession()
    session.credentials.set_password(subject, token)
    tap = pyvo.dal.TAPService(f"{service.url}/tap", session=session)
    session.update_from_capabilities(tap.capabilities)
    return tap


@pytest.mark.judge
def test_stilts_logs_in_where_it_is_asked_to(stilts: str, service: LiveService, tokens) -> None:
    # AUTH-007: it sends a password after a 401 with Basic, and so fetches alice's result
    job = tap_of(service, "alice", tokens["alice"]).submit_job(SMALL).run()
    job.wait()
    login = ["-Dstar.basicauth.user=alice", f"-Dstar.basicauth.password={tokens['alice']}"]
    command = [stilts, *login, "tapresume", f"joburl={job.url}", "delete=never", "ofmt=csv"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "TAP_SCHEMA" in done.stdout.upper() or len(done.stdout.splitlines()) >= 4
    job.delete()


def test_the_login_of_the_page_works(service: LiveService, tokens) -> None:
    (text,) = blocks("python", with_token=True)
    text = text.replace("SUBJECT", "bob").replace("TOKEN", tokens["bob"])
    text = text.replace("http://127.0.0.1:8000", service.url)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120)
    assert re.fullmatch(r"\d+ jobs of mine\n", done.stdout), done.stderr


def test_a_wrong_password_is_told(service: LiveService, tokens) -> None:
    # AUTH-031: never a quiet fall back to anonymous
    tap = tap_of(service, "alice", tokens["alice"][:-1] + "x")
    with pytest.raises(Exception, match=r"401|unknown"):
        tap.search(SMALL)
