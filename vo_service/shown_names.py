"""Names that come from outside, made fit to be shown: no character of theirs may steer a terminal."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_UNSEEN_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def holds_controls(name: str) -> bool:
    """Whether a name has control characters, or marks that turn the direction of text."""
    return _UNSEEN.search(name) is not None


def shown_name(name: str) -> str:
    """The name in one line that can be printed and encoded: control characters as ``\\u001b``, bytes that are
    no UTF-8 (surrogates) as ``\\xff``.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _UNSEEN.sub(_escape, text)


def shown_text(text: str) -> str:
    """Text of several lines that can be printed: as :func:`shown_name`, but line breaks and tabs stay."""
    return _UNSEEN_BUT_BREAKS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
