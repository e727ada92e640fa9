"""``vo-service token create/list/revoke``: who has rights beyond everybody's, and for how long."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime, timedelta

from vo_service.access.scopes import KNOWN, read_scopes
from vo_service.access.tokens import TOKEN, make_token
from vo_service.commands.command import DONE, Action, CallMistake
from vo_service.commands.console import Console
from vo_service.commands.home import Home, open_existing_home
from vo_service.settings import Settings
from vo_service.store.tokens import StoredToken, TokenTable

_DAYS = 365
_DURATION = re.compile(r"(\d{1,6})\s*([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_HEADS = ("token", "subject", "scopes", "created", "expires", "state")


def _arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a token and print it, this once")
    create.add_argument(
        "subject", metavar="SUBJECT", help="who it is for: a name without blanks, or an address"
    )
    create.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="SCOPE",
        help="what it opens (may be repeated); without any it has jobs of its own: "
        + "; ".join(f"{scope}: {opens}" for scope, opens in KNOWN.items()),
    )
    create.add_argument(
        "--expires",
        default=f"{_DAYS}d",
        metavar="WHEN",
        help=f"after how long (12h, 30d, 8w), on which day (2027-03-31), or never (default {_DAYS}d)",
    )
    create.add_argument("--json", action="store_true", help="the same as JSON")
    listed = actions.add_parser("list", help="list tokens; their secrets are stored nowhere")
    listed.add_argument("--json", action="store_true", help="the same as JSON")
    revoke = actions.add_parser("revoke", help="end a token; all servers know within 5 seconds")
    revoke.add_argument("token", metavar="TOKEN", nargs="+", help="the identifier that `token list` shows")


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    now = datetime.now(UTC).replace(microsecond=0)
    with open_existing_home(settings) as home:
        match arguments.action:
            case "create":
                _create(arguments, home, now, console)
            case "list":
                _list(home, now, arguments.json, console)
            case _:
                _revoke(arguments.token, home, now, console)
    return DONE


def _create(arguments: Namespace, home: Home, now: datetime, console: Console) -> None:
    try:
        scopes = read_scopes(tuple(arguments.scope))
        new = make_token(arguments.subject, scopes, now, _expiry(arguments.expires, now))
    except ValueError as error:
        raise CallMistake(str(error)) from error
    TokenTable(home.catalogue).add(new.stored)
    if arguments.json:
        console.say(json.dumps({"text": new.text, **_plain(new.stored, now)}, indent=1))
        return
    console.say(new.text)
    console.note(
        f"this is the only time that it is shown; it is {_until(new.stored)}. Send it as "
        f"`Authorization: Bearer TOKEN`, or as the password of user {new.stored.subject}"
    )


def _list(home: Home, now: datetime, as_json: bool, console: Console) -> None:
    listed = [each for each in TokenTable(home.catalogue).listed() if each.parent is None]
    if as_json:
        console.say(json.dumps([_plain(each, now) for each in listed], indent=1))
        return
    console.table(
        _HEADS, [tuple(str(value or "") for value in _plain(each, now).values()) for each in listed]
    )


def _revoke(names: list[str], home: Home, now: datetime, console: Console) -> None:
    table = TokenTable(home.catalogue)
    known = {each.token_id: each for each in table.listed()}
    # the whole text of a token will do: one that was given to a shell is to be revoked all the more
    wanted = [found[1] if (found := TOKEN.match(name)) else name for name in names]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise CallMistake(f"there is no token {', '.join(unknown)}; `vo-service token list` lists them")
    for name in wanted:
        state = "revoked" if table.revoke(name, now) else "was revoked before"
        console.say(f"{name} of {known[name].subject}: {state}")


def _expiry(text: str, now: datetime) -> datetime | None:
    """When a token expires. Raises ValueError."""
    word = text.strip().lower()
    if word == "never":
        return None
    if after := _DURATION.fullmatch(word):
        try:
            moment = now + timedelta(hours=int(after[1]) * _HOURS[after[2]])
        except OverflowError:
            raise ValueError(f"{text} lies beyond all calendars; for ever is written never") from None
    else:
        try:
            moment = datetime.fromisoformat(word.upper())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"a time such as 30d, 2027-03-31 or never is wanted, got {text!r}") from None
    if moment <= now:
        raise ValueError(f"{text} has passed")
    return moment


def _plain(token: StoredToken, now: datetime) -> dict[str, str | None]:
    return {
        "token": token.token_id,
        "subject": token.subject,
        "scopes": " ".join(sorted(token.scopes)),
        "created": f"{token.created:%Y-%m-%dT%H:%M:%SZ}",
        "expires": None if token.expires is None else f"{token.expires:%Y-%m-%dT%H:%M:%SZ}",
        "state": _state(token, now),
    }


def _state(token: StoredToken, now: datetime) -> str:
    if token.revoked is not None:
        return "revoked"
    return "live" if token.is_live(now) else "expired"


def _until(token: StoredToken) -> str:
    return "good for ever" if token.expires is None else f"good until {token.expires:%Y-%m-%dT%H:%M:%SZ}"


ACTION = Action(_arguments, _run)
