"""Permits: which are taken, which are refused and how, and what each answer says of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from doors import AWAY, HERE, House, Open, application, basic, bearer, challenges
from hypothesis import given
from hypothesis import strategies as st

from capabilities import security
from vo_service.access.tokens import Tokens, make_token
from vo_service.dali import outage
from vo_service.dali.identity import AuthPolicy, Identity
from vo_service.dali.login import Login
from vo_service.store import CatalogueError
from vo_service.store.tokens import StoredToken, TokenTable

BASIC = 'Basic realm="vo-service", charset="UTF-8"'
BEARER = 'Bearer realm="vo-service"'
PATHS = ("/who", "/nothing", "/tap/capabilities", "/healthz", "/mine")


def nothing_of_logging_in(answer: Any) -> bool:
    return not {"www-authenticate", "x-vo-authenticated", "set-cookie"} & set(answer.headers)


@pytest.mark.parametrize("path", PATHS)
def test_anonymous_only_sends_nothing_of_logging_in(opened: Open, path: str) -> None:
    # AUTH-001
    house = opened("anonymous")
    token = house.token()
    for headers in (None, bearer(token), bearer("x"), basic("ann", token)):
        assert nothing_of_logging_in(house.ask(path, headers=headers))
    assert house.ask(headers=bearer(token)).status_code == 403
    assert house.ask().json()["subject"] is None
    assert house.identity.declared() == security.Login()
    assert house.ask("/mine").status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_auto_is_anonymous_until_there_is_a_token_and_again_after_the_last(opened: Open, method: str) -> None:
    # AUTH-001, AUTH-002
    house = opened("auto")
    assert nothing_of_logging_in(house.ask("/tap/capabilities", method))
    assert house.identity.declared() == security.Login()
    assert house.ask("/mine").status_code == 403
    token = house.token(hours=1)
    assert challenges(house.ask("/tap/capabilities", method)) == [BASIC, BEARER]
    assert house.identity.declared() == security.Login(
        ("ivo://ivoa.net/sso#BasicAA", "ivo://ivoa.net/sso#OAuth"), required=False
    )
    assert house.ask("/mine").status_code == 401
    TokenTable(house.catalogue).revoke(token[3:15], house.now)
    assert nothing_of_logging_in(house.ask("/tap/capabilities", method))


@pytest.mark.parametrize("path", PATHS)
def test_optional_tells_everybody_at_every_address(opened: Open, path: str) -> None:
    # AUTH-002, AUTH-004, AUTH-005, AUTH-007, AUTH-014
    house = opened("optional")
    for method in ("GET", "HEAD"):
        answer = house.ask(path, method)
        assert challenges(answer) == [BASIC, BEARER]  # a line each
        assert "Authorization" in answer.headers["Vary"]
        assert "x-vo-authenticated" not in answer.headers  # AUTH-035
    assert house.identity.declared().required is False


def test_required_closes_all_but_what_is_for_everybody(opened: Open) -> None:
    # AUTH-003, AUTH-006
    house = opened("required")
    for path in ("/tap/capabilities", "/tap/availability", "/healthz"):
        answer = house.ask(path)
        assert answer.status_code == 200 and challenges(answer) == [BASIC, BEARER]
    for path in ("/who", "/nothing", "/mine", "/files/capabilities", "/tap/tables/capabilities"):
        answer = house.ask(path)
        assert answer.status_code == 401 and challenges(answer) == [BASIC, BEARER], path
        assert answer.headers["Content-Type"].startswith("text/plain")  # AUTH-038
        assert answer.headers["Access-Control-Allow-Origin"] == "*"  # AUTH-063
    assert house.ask(headers=bearer(house.token())).status_code == 200
    assert house.identity.declared().required is True


def test_a_required_service_is_closed_where_nobody_judged(opened: Open) -> None:
    from starlette.requests import Request

    from vo_service.dali.errors import ServiceError

    request = Request({"type": "http", "headers": [], "method": "GET", "path": "/", "query_string": b""})
    with pytest.raises(ServiceError) as refused:
        Identity(AuthPolicy("required")).viewer(request)
    assert refused.value.status == 401
    assert Identity(AuthPolicy("optional")).viewer(request).subject is None


@pytest.mark.parametrize("mode", ["auto", "optional", "required"])
def test_a_good_permit_says_who_is_there_and_drops_the_challenges(opened: Open, mode: str) -> None:
    # AUTH-004, AUTH-034, TAP-008
    house = opened(mode)
    token = house.token("ann@vo.example", scopes=("read:all",))
    for headers in (
        bearer(token),
        {"authorization": f"bearer   {token} "},  # RFC 9110: schemes have no case
        basic("ann@vo.example", token),
        basic(token[3:15], token),
    ):
        for path, status in (("/who", 200), ("/nothing", 404), ("/tap/capabilities", 200)):
            answer = house.ask(path, headers=headers)
            assert answer.status_code == status
            assert answer.headers["X-VO-Authenticated"] == "ann@vo.example"
            assert challenges(answer) == []
        told = house.ask(headers=headers).json()
        assert (told["subject"], told["scopes"]) == ("ann@vo.example", ["read:all"])


@pytest.mark.parametrize("mode", ["auto", "optional", "required"])
@pytest.mark.parametrize("path", PATHS)
def test_a_bad_permit_is_401_everywhere_and_never_anonymous(opened: Open, mode: str, path: str) -> None:
    # AUTH-031, AUTH-035, AUTH-003
    house = opened(mode)
    expired, revoked = house.token(hours=-1), house.token()
    TokenTable(house.catalogue).revoke(revoked[3:15], house.now)
    good = house.token("bob")
    unknown = make_token("ann", frozenset(), house.now, None).text
    for headers in (
        bearer("nonsense"),
        bearer(expired),
        bearer(revoked),
        bearer(unknown),
        basic("ann", unknown),
        basic("ann", good),  # somebody else's
        basic("", good),
        {"Authorization": "Digest username=ann"},
        {"Authorization": "vo"},
        {"Authorization": ""},
    ):
        answer = house.ask(path, headers=headers)
        assert answer.status_code == 401, headers
        first, second = challenges(answer)
        assert first == BASIC and second.startswith(BEARER)
        assert "x-vo-authenticated" not in answer.headers
        assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'error="invalid_token"' in challenges(house.ask(path, headers=bearer(expired)))[1]


def test_a_bad_permit_is_401_though_there_is_no_token_at_all(opened: Open) -> None:
    # AUTH-031, AUTH-003
    answer = opened("auto").ask(headers=bearer("nonsense"))
    assert answer.status_code == 401 and challenges(answer)


def test_every_refusal_has_the_same_words(opened: Open) -> None:
    # AUTH-012, AUTH-052
    house = opened("optional")
    unknown = make_token("ann", frozenset(), house.now, None).text
    texts = set()
    for headers in (bearer(unknown), basic("ann", unknown), basic("zoe", house.token("bob"))):
        text = house.ask(headers=headers).text
        assert unknown not in text and "zoe" not in text
        texts.add(text.partition("\nRequest:")[0])
    assert len(texts) == 1


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Basic",
        "Basic !!!",
        "Basic YW5u",
        "Basic /////w==",
        "Basic YW5uOmI",
    ],
)
def test_a_malformed_permit_is_400(opened: Open, value: str) -> None:
    # AUTH-031
    answer = opened("optional").ask(headers={"Authorization": value})
    assert answer.status_code == 400
    assert 'error="invalid_request"' in challenges(answer)[1]


def test_two_permits_are_400_whatever_they_say(opened: Open) -> None:
    # AUTH-031, AUTH-033
    house = opened("optional")
    both = [("Authorization", f"Bearer {house.token()}"), ("Authorization", f"Bearer {house.token('bob')}")]
    assert house.ask(headers=both).status_code == 400


def test_no_error_is_told_where_nothing_was_sent(opened: Open) -> None:
    # AUTH-031
    for line in challenges(opened("required").ask()):
        assert "error" not in line


def test_a_known_user_without_the_right_is_403(opened: Open) -> None:
    # AUTH-030, AUTH-031, DALI-096, TAP-127
    house = opened("auto")
    token = house.token()
    anonymous = house.ask("/mine")
    assert anonymous.status_code == 401 and challenges(anonymous) == [BASIC, BEARER]
    known = house.ask("/closed", headers=bearer(token))
    assert known.status_code == 403
    [line] = challenges(known)
    assert line.startswith(BEARER) and 'error="insufficient_scope"' in line and 'scope="read:all"' in line
    assert known.text.startswith("This is not public yet.\n")
    assert challenges(house.ask("/closed", headers=basic("ann", token))) == []  # no second window to log in


@pytest.mark.parametrize("path", ["/mine", "/late"])
def test_no_scope_is_asked_for_where_none_would_help(opened: Open, path: str) -> None:
    # AUTH-031: another's job, a job that has ended (UWS-004)
    house = opened("auto")
    refused = house.ask(path, headers=bearer(house.token()))
    assert refused.status_code == 403 and challenges(refused) == []


@pytest.mark.parametrize("place", ["cookie", "x-forwarded-user", "ssl-client-s-dn", "x-vo-bearer"])
def test_no_other_header_is_a_permit(opened: Open, place: str) -> None:
    # AUTH-032, AUTH-053, AUTH-054, AUTH-056, AUTH-057, AUTH-061: no cookie opens anything, so none is forged
    house = opened("optional", trust_proxy=True)
    answer = house.ask(headers={place: house.token(scopes=("read:all",)), "X-Forwarded-Proto": "https"})
    assert answer.json()["subject"] is None
    assert "set-cookie" not in answer.headers and "access-control-allow-credentials" not in answer.headers


def test_no_parameter_is_a_permit(opened: Open) -> None:
    # AUTH-051
    house = opened("optional")
    token = house.token()
    assert house.ask(f"/who?access_token={token}").json()["subject"] is None
    assert house.ask("/who", "POST", data={"access_token": token}).json()["subject"] is None


def test_answers_to_one_user_are_kept_by_no_shared_cache(opened: Open) -> None:
    # AUTH-059
    house = opened("auto")
    token = house.token()
    wanted = {
        "/who": "private",
        "/kept": "no-store",
        "/fresh": "private, no-cache",
        "/shared": "private, max-age=60",
    }
    for path, cache in wanted.items():
        answer = house.ask(path, headers=bearer(token))
        assert answer.headers["Cache-Control"] == cache
        assert "Authorization" in answer.headers["Vary"]
    assert house.ask("/shared").headers["Cache-Control"].startswith("public")
    assert house.ask("/kept").headers["Vary"] == "Accept, Authorization"


@pytest.mark.parametrize(
    "headers",
    [{"X-Requested-With": "XMLHttpRequest"}, {"Sec-Fetch-Dest": "empty"}, {"Sec-Fetch-Dest": "image"}],
)
def test_a_script_in_a_page_is_not_asked_by_basic(opened: Open, headers: dict[str, str]) -> None:
    # AUTH-016, AUTH-003
    house = opened("required")
    assert challenges(house.ask(headers=headers)) == [BEARER]
    assert challenges(house.ask(headers={"Sec-Fetch-Dest": "document"})) == [BASIC, BEARER]
    only = opened("required", challenges=("Basic",))
    assert challenges(only.ask(headers=headers)) == [BEARER]
    assert challenges(only.ask()) == [BASIC]


def test_challenges_are_those_of_the_setting(opened: Open) -> None:
    # AUTH-010, AUTH-015
    house = opened("optional", challenges=("Bearer", "ivoa_bearer"), trust_proxy=True)
    assert challenges(house.ask()) == [BEARER]  # no password over plain http
    line = (
        'ivoa_bearer standard_id="ivo://ivoa.net/sso#tls-with-password", '
        'access_url="https://vo.example/login"'
    )
    assert challenges(house.ask(headers={"X-Forwarded-Proto": "https"})) == [BEARER, line]
    assert house.identity.declared().methods == (
        "ivo://ivoa.net/sso#OAuth",
        "ivo://ivoa.net/sso#tls-with-password",
    )


@pytest.mark.parametrize(
    ("client", "base", "headers", "policy", "taken"),
    [
        (HERE, "http://t", {}, {}, True),
        (("::1", 1), "http://t", {}, {}, True),
        (("::ffff:127.0.0.1", 1), "http://t", {}, {}, True),
        (AWAY, "http://t", {}, {}, False),
        (AWAY, "https://t", {}, {}, True),
        (AWAY, "http://t", {}, {"plain_http_tokens": True}, True),
        (AWAY, "http://t", {"X-Forwarded-Proto": "https"}, {}, False),
        (AWAY, "http://t", {"X-Forwarded-Proto": "https"}, {"trust_proxy": True}, True),
        (AWAY, "http://t", {"X-Forwarded-Proto": "http"}, {"trust_proxy": True}, False),
        (AWAY, "http://t", {"X-Forwarded-Proto": "https, http"}, {"trust_proxy": True}, False),
        (HERE, "http://t", {"X-Forwarded-Proto": "http"}, {"trust_proxy": True}, False),
        (HERE, "http://t", {"X-Forwarded-For": "192.0.2.7"}, {}, False),
        (HERE, "http://t", {"Forwarded": "for=192.0.2.7"}, {}, False),
        (HERE, "http://t", {"X-Real-IP": "192.0.2.7"}, {}, False),
        (HERE, "http://t", {"Via": "1.1 proxy"}, {}, False),
        (HERE, "http://t", {"X-Forwarded-Host": "vo.example"}, {}, False),
        (HERE, "http://t", {"X-Forwarded-For": "192.0.2.7"}, {"trust_proxy": True}, False),
    ],
)
def test_permits_come_by_https_or_from_this_machine(
    opened: Open,
    client: tuple[str, int],
    base: str,
    headers: dict[str, str],
    policy: dict[str, bool],
    taken: bool,
) -> None:
    # AUTH-050
    house = opened("optional", **policy)
    sent = {**headers, **bearer(house.token())}
    answer = house.ask(headers=sent, client=client, base=base)
    assert answer.status_code == (200 if taken else 403)
    if not taken:
        assert "plain http" in answer.text and "revoked" in answer.text
        assert "x-vo-authenticated" not in answer.headers and "location" not in answer.headers
    assert house.ask(headers=headers, client=client, base=base).status_code == 200


def test_tokens_that_cannot_be_checked_are_503_and_the_anonymous_go_on(
    opened: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "_LOG_SECONDS", 600.0)
    house = opened("auto")
    token = house.token()
    assert house.ask(headers=bearer(token)).status_code == 200
    with house.catalogue.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE token RENAME TO elsewhere")
    answers = [house.ask(headers=bearer(token)) for _ in range(3)]
    assert [each.status_code for each in answers] == [503] * 3
    assert "Retry-After" in answers[0].headers and "elsewhere" not in answers[0].text
    assert house.ask().status_code == 200
    assert sum("tokens cannot be read" in line for line in caplog.messages) == 1


def test_a_catalogue_that_answers_late_is_asked_by_one_and_not_again_at_once(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a database that is gone may take seconds to say so: those who ask meanwhile do not queue for it
    monkeypatch.setattr(outage, "_PAUSE_SECONDS", 600.0)
    house = opened("auto")
    tried = []

    class Slow(TokenTable):
        def live(self, now: datetime) -> tuple[StoredToken, ...]:
            tried.append(time.sleep(0.2))
            raise CatalogueError("gone")

    slow = House(house.place, house.policy)
    slow.identity = Identity(house.policy, Tokens(Slow(house.catalogue), lambda: slow.now, kept=0.0))
    login = Login(slow.identity, TokenTable(house.catalogue), lambda: slow.now, slow.place)
    slow.app = application(slow.identity, False, login)
    assert [slow.ask().status_code for _ in range(20)] == [200] * 20
    assert slow.ask(headers=bearer(house.token())).status_code == 503
    assert len(tried) == 1
    slow.identity._trouble.until = 0.0
    assert slow.ask().status_code == 200
    assert len(tried) == 2  # and after a while somebody does
    slow.catalogue.close()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60))
def test_any_authorization_is_refused_in_words(shared: House, value: str) -> None:
    answer = shared.ask(headers=[(b"Authorization", value.encode("latin-1"))])
    assert answer.status_code in (400, 401)
    assert challenges(answer) and answer.headers["Content-Type"].startswith("text/plain")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"), AuthPolicy("optional"))
    yield house
    house.catalogue.close()
