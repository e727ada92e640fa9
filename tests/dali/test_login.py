"""A password for a token: only where the setting offers it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from doors import AWAY, House, basic, bearer, challenges

from vo_service.access.tokens import make_token
from vo_service.dali.identity import AuthPolicy
from vo_service.dali.login import LIFETIME
from vo_service.store.tokens import TokenTable

OFFERED = ("Basic", "Bearer", "ivoa_bearer")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, AuthPolicy("auto", OFFERED))
    yield made
    made.catalogue.close()


def log_in(house: House, name: str, password: str, **more: object) -> httpx.Response:
    return house.ask("/login", "POST", data={"username": name, "password": password}, **more)


def test_a_right_password_brings_a_token_of_its_own_at_each_login(house: House) -> None:
    # AUTH-011, AUTH-012, AUTH-034, AUTH-059
    token = house.token("ann", scopes=("read:all",))
    answers = [log_in(house, "ann", token), log_in(house, token[3:15], token)]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["X-VO-Authenticated"] == "ann"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert "X-VO-Bearer" in answer.headers["Access-Control-Expose-Headers"]
        assert challenges(answer) == [] and "set-cookie" not in answer.headers
        permit = answer.headers["X-VO-Bearer"]
        assert permit not in answer.text
        told = house.ask(headers=bearer(permit)).json()
        assert (told["subject"], told["scopes"]) == ("ann", ["read:all"])
    assert len({token, *(each.headers["X-VO-Bearer"] for each in answers)}) == 3


def test_a_wrong_password_is_401_with_a_challenge_though_there_is_no_token_at_all(house: House) -> None:
    # AUTH-003: every 401 has one, also where nothing of logging in is told elsewhere
    answer = log_in(house, "ann", "x")
    assert answer.status_code == 401 and challenges(answer)
    assert challenges(house.ask()) == []


def test_a_wrong_password_is_401_in_the_same_words_whoever_it_is(house: House) -> None:
    # AUTH-012, AUTH-003
    token = house.token("ann")
    wrong = make_token("ann", frozenset(), house.now, None).text
    texts = set()
    for name, password in (("ann", wrong), ("bob", token), ("bob", wrong), ("ann", ""), ("", "x")):
        answer = log_in(house, name, password)
        assert answer.status_code == 401 and challenges(answer)
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert "x-vo-authenticated" not in answer.headers and "x-vo-bearer" not in answer.headers
        texts.add(answer.text.partition("\n")[0])
    assert texts == {"Wrong user or password."}


def test_only_post_is_taken_and_nothing_from_the_address(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    # AUTH-013, AUTH-052
    caplog.set_level(logging.INFO, "vo_service")
    token = house.token("ann")
    assert house.ask("/login").status_code == 405
    assert house.ask("/login").headers["Allow"] == "POST"
    for query in (f"username=ann&password={token}", f"PassWord={token}"):
        refused = house.ask(f"/login?{query}", "POST")
        assert refused.status_code == 400 and "x-vo-bearer" not in refused.headers
    log_in(house, "ann", token)
    own = "\n".join(each.getMessage() for each in caplog.records if each.name.startswith("vo_service"))
    assert "path=/login" in own and token not in own and token[16:] not in own


def test_many_wrong_passwords_are_429_for_that_client_alone(house: House) -> None:
    # AUTH-013
    token = house.token("ann")
    codes = [log_in(house, "ann", "x").status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert int(log_in(house, "ann", token).headers["Retry-After"]) > 0
    assert log_in(house, "ann", token, client=AWAY, base="https://t").status_code == 200


def test_a_login_ends_after_some_hours_and_with_the_token_that_it_came_from(house: House) -> None:
    # AUTH-055
    token = house.token("ann")
    first = log_in(house, "ann", token).headers["X-VO-Bearer"]
    again = log_in(house, "ann", first).headers["X-VO-Bearer"]
    house.now += LIFETIME - timedelta(seconds=1)
    late = log_in(house, "ann", token).headers["X-VO-Bearer"]
    assert house.ask(headers=bearer(first)).status_code == 200
    house.now += timedelta(seconds=1)
    assert house.ask(headers=bearer(first)).status_code == 401
    assert house.ask(headers=bearer(again)).status_code == 401
    assert house.ask(headers=bearer(late)).status_code == 200
    TokenTable(house.catalogue).revoke(token[3:15], house.now)
    assert house.ask(headers=bearer(late)).status_code == 401


def test_a_login_does_not_outlive_its_token(house: House) -> None:
    permit = log_in(house, "ann", house.token("ann", hours=1)).headers["X-VO-Bearer"]
    house.now += timedelta(hours=1)
    assert house.ask(headers=basic("ann", permit)).status_code == 401


def test_passwords_are_not_taken_over_plain_http(house: House) -> None:
    # AUTH-050
    answer = log_in(house, "ann", house.token("ann"), client=AWAY)
    assert answer.status_code == 403 and "plain http" in answer.text


def test_a_login_is_at_once_good_though_the_list_of_tokens_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path, AuthPolicy("auto", OFFERED), kept=60.0)
    assert house.ask().status_code == 200  # the list is read, and empty
    token = house.token("ann")
    permit = log_in(house, "ann", token).headers["X-VO-Bearer"]
    assert house.ask(headers=bearer(permit)).status_code == 200
    TokenTable(house.catalogue).revoke(token[3:15], house.now)
    assert house.ask(headers=bearer(permit)).status_code == 200  # for as long as the list is kept
    house.catalogue.close()


def test_nobody_logs_in_with_a_token_that_was_revoked_since_the_list_was_read(tmp_path: Path) -> None:
    # AUTH-055: the new token would outlive the old one by hours
    house = House(tmp_path, AuthPolicy("auto", OFFERED), kept=60.0)
    token = house.token("ann")
    assert house.ask(headers=bearer(token)).status_code == 200
    TokenTable(house.catalogue).revoke(token[3:15], house.now)
    answer = log_in(house, "ann", token)
    assert answer.status_code == 401 and "x-vo-bearer" not in answer.headers
    assert [each.parent for each in TokenTable(house.catalogue).listed()] == [None]
    house.catalogue.close()


@pytest.mark.parametrize("policy", [AuthPolicy("auto"), AuthPolicy("anonymous", OFFERED)])
def test_there_is_no_login_where_none_is_offered(tmp_path: Path, policy: AuthPolicy) -> None:
    house = House(tmp_path, policy)
    assert log_in(house, "ann", house.token("ann")).status_code == 404
    house.catalogue.close()
