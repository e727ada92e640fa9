"""The parameters of a TAP query, and the request they make (TAP 1.1, section 2.7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vo_service.adql import VERSIONS  # the newest last: LANG=ADQL means it
from vo_service.asking.uploads import UPLOAD
from vo_service.dali.errors import usage
from vo_service.dali.parameters import (
    FORMAT,
    MAXREC,
    RESPONSEFORMAT,
    RUNID,
    Form,
    Parameter,
    plain,
    shortened,
)
from vo_service.formats import Format

LANGUAGE = "ADQL"

QUERY = Parameter("QUERY", plain, "the query, in ADQL", keep_empty=True)
LANG = Parameter("LANG", plain, "language of the query: ADQL, ADQL-2.0 or ADQL-2.1")

PARAMETERS: tuple[Parameter[Any], ...] = (QUERY, LANG, MAXREC, RESPONSEFORMAT, FORMAT, UPLOAD, RUNID)


@dataclass(frozen=True, slots=True)
class TapRequest:
    """A query as the client asks it, and the form that it was read from. ``maxrec`` None: as many rows as the
    service gives by default."""

    adql: str
    language: str
    version: str
    maxrec: int | None
    format: Format
    runid: str | None
    form: Form


ReadRequest = Callable[[Form, Format], TapRequest]


def request_reader(characters: int) -> ReadRequest:
    """Reads requests whose query has at most so many ``characters``."""

    def read_request(form: Form, format: Format) -> TapRequest:
        """The request of a form, its format being known. Raises ServiceError (400) as TAP-020 to TAP-035
        ask."""
        runid = form.one(RUNID)
        language, version = _language(form.one(LANG))
        adql = form.one(QUERY)
        if adql is None or not adql.strip():
            raise usage("QUERY is missing.", "Send the query as the parameter QUERY, with LANG=ADQL.")
        if len(adql) > characters:
            raise usage(
                f"The query is {len(adql)} characters long; this service reads at most {characters}.",
                "Long lists of values are better uploaded as a table, and joined.",
            )
        return TapRequest(adql, language, version, form.one(MAXREC), format, runid, form)

    return read_request


def _language(asked: str | None) -> tuple[str, str]:
    """Language and version of LANG. Raises ServiceError with the text that checkers look for (TAP-032)."""
    if asked is None:
        raise usage("LANG is missing.", f"Send LANG={LANGUAGE}.")
    found = re.fullmatch(r"\s*ADQL(?:-(\d+\.\d+))?\s*", asked, re.IGNORECASE)
    version = (found[1] or VERSIONS[-1]) if found else None
    if version not in VERSIONS:
        known = ", ".join((LANGUAGE, *(f"{LANGUAGE}-{one}" for one in VERSIONS)))
        raise usage(f"unknown query language {shortened(asked)!r}.", f"Known are {known}.")
    return LANGUAGE, version
