"""The parameters of a TAP query, and the request they make (TAP 1.1, section 2.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from vo_service.adql import VERSIONS  # the newest last: LANG=ADQL means it
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
UPLOAD = Parameter("UPLOAD", plain, "tables to upload", many=True)

PARAMETERS: tuple[Parameter[Any], ...] = (QUERY, LANG, MAXREC, RESPONSEFORMAT, FORMAT, UPLOAD, RUNID)


@dataclass(frozen=True, slots=True)
class TapRequest:
    """A query as the client asks it. ``maxrec`` None: as many rows as the service gives by default."""

    adql: str
    language: str
    version: str
    maxrec: int | None
    format: Format
    runid: str | None


def read_request(form: Form, format: Format) -> TapRequest:
    """The request of a form, its format being known. Raises ServiceError (400) as TAP-020 to TAP-035 ask."""
    runid = form.one(RUNID)
    language, version = _language(form.one(LANG))
    adql = form.one(QUERY)
    if adql is None or not adql.strip():
        raise usage("QUERY is missing.", "Send the query as the parameter QUERY, with LANG=ADQL.")
    if form.every(UPLOAD):
        # TAP-097: where no upload method is declared an upload is an error, rather than ignored
        raise usage("UPLOAD is not offered by this service.")
    return TapRequest(adql, language, version, form.one(MAXREC), format, runid)


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
