"""The lines of a server's log, as text or as JSON; no token ever stands in one (AUTH-052).

Messages of the form ``word key=%s key=%d`` become fields in JSON by themselves: names are taken from the
message's template, values from its arguments, with their types. Each line made for a request names it.
"""

from __future__ import annotations

import json
import logging
import math
import re
from datetime import UTC, datetime
from typing import Any

from vo_service.dali.request_log import request_id
from vo_service.shown_names import shown_name

_SECRET = re.compile(r"(vo_[0-9a-f]{12}_)[A-Za-z0-9_-]{20,}")
_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_FIELD = re.compile(r"(?:(?P<name>\w+)=)?%(?:%|[-#0 +]*\d*(?:\.\d+)?[sdrfgxi])")
_TEXT = "%(asctime)s %(levelname)s pid=%(process)d %(name)s %(message)s"
_OWN = frozenset(("time", "level", "logger", "pid", "event", "request_id", "trace"))


def without_secrets(text: str) -> str:
    """The text with every token, and whatever looks like a permit, cut short."""
    return _CREDENTIALS.sub(r"\1 ***", _SECRET.sub(r"\1***", text))


class TextLines(logging.Formatter):
    """One line of plain text a record (and its traceback below)."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """As logging's, in one line whatever a value holds."""
        return shown_name(super().formatMessage(record).rstrip("\n"))

    def format(self, record: logging.LogRecord) -> str:
        """As logging's; lines that do not name their request by themselves get its number at their end."""
        line = super().format(record)
        known = request_id()
        if known is not None and known not in line:
            head, newline, rest = line.partition("\n")
            line = f"{head} id={known}{newline}{rest}"
        return without_secrets(line)


class JsonLines(logging.Formatter):
    """One JSON object a record, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time (UTC, ISO 8601), level, logger, process, request, the event, and its fields."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
        }
        event, fields = _fields(record)
        known = next((fields.pop(name) for name in ("id", "request") if name in fields), None)
        if request_id() or known:
            line["request_id"] = request_id() or known
        line["event"] = event
        line.update({f"{name}_" if name in _OWN else name: value for name, value in fields.items()})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(line, ensure_ascii=False, default=str))


def _fields(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """What happened, and its fields: of a message that has ``key=`` before every argument. Any other message
    is the event as it stands."""
    template, arguments = record.msg, record.args
    if not isinstance(template, str) or not isinstance(arguments, tuple) or not arguments:
        return record.getMessage(), {}
    places = [place for place in _FIELD.finditer(template) if place[0] != "%%"]
    if len(places) != len(arguments) or any(place["name"] is None for place in places):
        return record.getMessage(), {}
    named = {place["name"]: _value(value) for place, value in zip(places, arguments)}
    return _FIELD.sub("", template).strip(" ,;:"), named


def _value(value: object) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return str(value)
