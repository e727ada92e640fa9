"""A page for people who come to an address that is no resource itself: where to go on (TAP-007)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

_STYLE = (
    "body{font-family:sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
    "td{padding:.2em 1.5em .2em 0;vertical-align:top}code{background:#f4f4f4}"
)

Place = tuple[str, str]
"""A path below the address of the service, and a few words on what is there."""


def signpost_page(address: str, software: str, tap: str, places: Sequence[Place]) -> bytes:
    """The page of the service at ``address``, in well-formed HTML without scripts; ``tap`` is the address
    that clients want."""
    rows = "\n".join(
        f"<tr><td><a href={quoteattr(address + path)}>{escape(path)}</a></td><td>{escape(words)}</td></tr>"
        for path, words in places
    )
    return (
        "<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" lang="en">\n'
        f'<head><meta charset="utf-8"/><title>{escape(software)}</title><style>{_STYLE}</style></head>\n'
        f"<body>\n<h1>{escape(software)}</h1>\n"
        "<p>A Virtual Observatory service. It answers the Table Access Protocol (TAP) at"
        f" <code>{escape(tap)}</code>, which is the address to give to TOPCAT, Aladin, pyvo and other"
        " clients.</p>\n"
        f"<table>\n{rows}\n</table>\n</body>\n</html>\n"
    ).encode()
