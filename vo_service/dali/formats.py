"""Which format the client asked for (DALI 4.3.3)."""

from __future__ import annotations

from vo_service.dali.errors import usage
from vo_service.dali.parameters import FORMAT, RESPONSEFORMAT, Form, shortened
from vo_service.formats import FORMATS, Format, UnknownFormat, find_format


def response_format(form: Form) -> Format:
    """The format of RESPONSEFORMAT alone, for services where FORMAT is something else (SIA-059); the first
    of FORMATS where it is not sent. Raises ServiceError (400) for one that is not offered."""
    asked = form.one(RESPONSEFORMAT)
    return FORMATS[0] if asked is None else _found(asked)


def wanted_format(form: Form) -> Format:
    """The format of RESPONSEFORMAT, or of FORMAT, its older name; the first of FORMATS where neither is sent.

    Raises ServiceError (400) for one that is not offered (never a silent VOTable, DALI-051), and for two that
    differ (TAP-050).
    """
    asked = [text for text in (form.one(RESPONSEFORMAT), form.one(FORMAT)) if text is not None]
    found = [_found(text) for text in asked]
    if len(found) == 2 and found[0] != found[1]:
        raise usage("RESPONSEFORMAT and FORMAT ask for different formats.", "Send one of them.")
    return found[0] if found else FORMATS[0]


def _found(text: str) -> Format:
    try:
        return find_format(text)
    except UnknownFormat as error:
        told = f"The format {shortened(text)!r} is not offered."
        raise usage(told, f"Offered are {error.offered}.") from error
