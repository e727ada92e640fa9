"""The lines of the log: text for eyes, JSON for machines, secrets for nobody."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.access.tokens import make_token
from vo_service.commands.log_lines import JsonLines, TextLines
from vo_service.dali.request_log import as_request

TOKEN = make_token("ann", frozenset(), datetime(2027, 1, 1), None).text


def record(message: object, *arguments: object, trace: bool = False) -> logging.LogRecord:
    return logging.LogRecord(
        "vo_service.x", logging.INFO, __file__, 1, message, arguments, sys.exc_info() if trace else None
    )


def told(message: object, *arguments: object) -> dict[str, Any]:
    line = JsonLines().format(record(message, *arguments))
    assert "\n" not in line
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_keys_of_a_message_become_fields_with_their_types() -> None:
    line = told("query state=%s seconds=%.4f rows=%d runid=%s", "done", 0.12345678, 12, None)
    assert line["event"] == "query"
    assert (line["state"], line["seconds"], line["rows"], line["runid"]) == ("done", 0.123457, 12, None)
    assert (line["level"], line["logger"]) == ("info", "vo_service.x")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert isinstance(line["pid"], int) and "request_id" not in line


def test_any_other_message_is_the_event_as_it_stands() -> None:
    assert told("Started server process [%d]", 7)["event"] == "Started server process [7]"
    assert told("tokens cannot be read: %s", OSError("x"))["event"] == "tokens cannot be read: x"
    assert told("half=%s and %s", 1, 2)["event"] == "half=1 and 2"
    assert told("100% sure")["event"] == "100% sure"
    assert told("done=%d%%", 50)["done"] == 50
    assert told("level=%s", "high")["level"] == "info"  # no field takes the place of ours
    assert told("level=%s", "high")["level_"] == "high"


def test_every_line_names_the_request_that_it_was_written_for() -> None:
    with as_request("0123456789abcdef"):
        assert told("query state=%s", "done")["request_id"] == "0123456789abcdef"
        text = TextLines().format(record("query state=%s", "done"))
        assert text.endswith("query state=done id=0123456789abcdef")
        named = TextLines().format(record("request id=%s", "0123456789abcdef"))
        assert named.count("0123456789abcdef") == 1
    assert told("request status=%d id=%s", 200, "xyz")["request_id"] == "xyz"
    assert told("job state=%s request=%s", "done", "xyz")["request_id"] == "xyz"
    assert "request_id" not in told("job request=%s", None)


def test_a_value_cannot_forge_a_line() -> None:
    line = TextLines().format(record("query runid=%s", "a\n2027-01-01 ERROR forged\x1b[2J"))
    assert len(line.splitlines()) == 1 and "\x1b" not in line
    assert TextLines().format(record("uvicorn's own\n")).endswith("uvicorn's own")


def test_a_traceback_is_one_field_or_follows_below() -> None:
    try:
        raise KeyError(TOKEN)
    except KeyError:
        failure = record("request failed path=%r", "/x", trace=True)
    line = json.loads(JsonLines().format(failure))
    assert "KeyError" in line["trace"] and line["path"] == "/x"
    with as_request("abc12345"):
        text = TextLines().format(failure)
    assert text.splitlines()[0].endswith("id=abc12345") and "KeyError" in text
    assert TOKEN not in text and TOKEN not in json.dumps(line)


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_no_token_stands_in_any_line(lines: logging.Formatter) -> None:
    # AUTH-052
    for text in (
        f"header {TOKEN}",
        f"?access_token={TOKEN}&x=1",
        "Authorization: Basic YW5uOmFubmFubmFubg==",
        f"Bearer {TOKEN}",
    ):
        for line in (lines.format(record(text)), lines.format(record("said=%s", text))):
            assert TOKEN[16:] not in line and "YW5uOmFubmFubmFubg" not in line
            assert "***" in line
    assert TOKEN[:16] in lines.format(record(TOKEN))  # which one it was may be told


@given(st.text(), st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_any_value_makes_one_line_of_json(text: str, value: object) -> None:
    line = told("event text=%s value=%s", text, value)
    assert line["event"] == "event"
