"""`vo-service token`: what an operator sees of it; the text of a token is shown once and kept nowhere."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vo_service.access.tokens import TOKEN, Tokens
from vo_service.cli import main
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VO_SERVICE_HOME", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def call(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["--home", str(home), "token", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def listed(home: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    code, out, _ = call(home, capsys, "list", "--json")
    assert code == 0
    rows: list[dict[str, Any]] = json.loads(out)
    return rows


def find(home: Path, text: str, now: datetime) -> Any:
    catalogue = Catalogue.open_in(home)
    try:
        tokens = Tokens(TokenTable(catalogue), lambda: now)
        tokens.refresh()
        return tokens.find(text)
    finally:
        catalogue.close()


def test_create_prints_the_token_alone_on_standard_output(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # AUTH-055
    code, out, err = call(home, capsys, "create", "ann", "--scope", "read:all")
    assert code == 0
    assert TOKEN.fullmatch(out.strip())
    assert "only time" in err and out.strip() not in err
    now = datetime.now(UTC)
    found = find(home, out.strip(), now)
    assert (found.subject, found.scopes) == ("ann", frozenset(("read:all",)))
    assert timedelta(days=364) < found.expires - now <= timedelta(days=365)  # a year unless told otherwise
    assert find(home, out.strip(), found.expires) is None
    [row] = listed(home, capsys)
    assert row["state"] == "live" and row["subject"] == "ann"
    assert not any(out.strip()[16:] in str(value) for value in row.values())


def test_quiet_create_says_nothing_else(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quiet", "--home", str(home), "token", "create", "ann"]) == 0
    told = capsys.readouterr()
    assert TOKEN.fullmatch(told.out.strip()) and told.err == ""


def test_create_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(home, capsys, "create", "ann", "--json", "--expires", "never")
    made = json.loads(out)
    assert TOKEN.fullmatch(made["text"]) and made["expires"] is None and made["scopes"] == ""


@pytest.mark.parametrize(
    ("text", "span"), [("12h", timedelta(hours=12)), ("30d", timedelta(days=30)), ("8w", timedelta(weeks=8))]
)
def test_expiry_after_a_while(
    home: Path, capsys: pytest.CaptureFixture[str], text: str, span: timedelta
) -> None:
    call(home, capsys, "create", "ann", "--expires", text)
    [row] = listed(home, capsys)
    begin, end = (datetime.fromisoformat(row[name]) for name in ("created", "expires"))
    assert end - begin == span


def test_expiry_at_a_moment(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(home, capsys, "create", "ann", "--expires", "2999-03-31")
    call(home, capsys, "create", "bob", "--expires", "2999-03-31T12:00:00+02:00")
    ends = {row["subject"]: row["expires"] for row in listed(home, capsys)}
    assert ends == {"ann": "2999-03-31T00:00:00Z", "bob": "2999-03-31T10:00:00Z"}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("create", "a b"), "no subject"),
        (("create", "ann", "--scope", "read:everything"), "no scope"),
        (("create", "ann", "--expires", "soon"), "30d"),
        (("create", "ann", "--expires", "2001-01-01"), "has passed"),
        (("create", "ann", "--expires", "0d"), "has passed"),
        (("create", "ann", "--expires", "999999w"), "never"),
        (("create", "ann", "--expires", "9999-12-31T23:59:59-14:00"), "never"),
        (("revoke", "0123456789ab"), "token list"),
    ],
)
def test_mistakes_are_told_in_a_line_and_change_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    code, out, err = call(home, capsys, *words)
    assert (code, out) == (2, "")
    assert complaint in err and len(err.splitlines()) == 1
    assert listed(home, capsys) == []


@pytest.mark.parametrize("by_text", [False, True])
def test_revoke_ends_a_token(home: Path, capsys: pytest.CaptureFixture[str], by_text: bool) -> None:
    # AUTH-055
    text = call(home, capsys, "create", "ann")[1].strip()
    other = call(home, capsys, "create", "ann")[1].strip()
    code, out, _ = call(home, capsys, "revoke", text if by_text else text[3:15])
    assert code == 0 and f"{text[3:15]} of ann: revoked" in out
    assert text[16:] not in out
    now = datetime.now(UTC)
    assert find(home, text, now) is None and find(home, other, now) is not None
    states = {row["token"]: row["state"] for row in listed(home, capsys)}
    assert states == {text[3:15]: "revoked", other[3:15]: "live"}
    code, out, _ = call(home, capsys, "revoke", text[3:15])
    assert code == 0 and "was revoked before" in out


def test_one_unknown_among_several_revokes_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = call(home, capsys, "create", "ann")[1].strip()
    assert call(home, capsys, "revoke", text[3:15], "0123456789ab")[0] == 2
    assert listed(home, capsys)[0]["state"] == "live"


def test_the_list_for_eyes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(home, capsys, "create", "ann", "--scope", "read:all")
    _, out, _ = call(home, capsys, "list")
    head, row = out.splitlines()
    assert head.split() == ["token", "subject", "scopes", "created", "expires", "state"]
    assert re.match(r"[0-9a-f]{12}  ann      read:all  20", row) and row.endswith("live")


def test_without_a_home_the_call_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(tmp_path / "none", capsys, "list")
    assert code == 2 and "no home directory" in err


def test_an_action_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token"])
    assert ended.value.code == 2
