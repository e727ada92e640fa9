"""The parameters of packages, and the request that they make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from vo_service.adql import VERSIONS  # the newest last
from vo_service.dali.errors import usage
from vo_service.dali.parameters import MAXREC, RUNID, Form, Parameter, plain, shortened
from vo_service.holdings.classify import COMPANIONS, DERIVED
from vo_service.packages.limits import PackageLimits

ROLES: Final = frozenset({"image", "cube", "table", "document", "unknown", *COMPANIONS, *DERIVED})
"""Of files (design, section 7)."""
ScriptForm = Literal["sh", "py"]
_LANGUAGE: Final = re.compile(r"\s*ADQL(?:-(\d+\.\d+))?\s*", re.IGNORECASE)


def _roles(text: str) -> frozenset[str]:
    """Roles, with commas or blanks between them."""
    words = frozenset(re.split(r"[\s,]+", text.strip().lower()))
    if not words <= ROLES:
        raise ValueError(f"roles of files are {', '.join(sorted(ROLES))}")
    return words


def _version(text: str) -> str:
    if text.strip() not in VERSIONS:
        raise ValueError(f"known are {', '.join(VERSIONS)}")
    return text.strip()


def _language(text: str) -> str | None:
    """The version that LANG names, None where it names none."""
    found = _LANGUAGE.fullmatch(text)
    if found is None:
        raise ValueError(f"known are ADQL, {', '.join(f'ADQL-{version}' for version in VERSIONS)}")
    return None if found[1] is None else _version(found[1])


def _form(text: str) -> ScriptForm:
    word = text.strip().lower()
    if word not in ("sh", "py"):
        raise ValueError("sh (for a shell, with curl) and py (for Python alone) are offered")
    return cast("ScriptForm", word)


ID: Final = Parameter(
    "ID",
    plain,
    "a data set (obs_publisher_did, dataset_id) with all of its files, a file (product_id), or all of a"
    " member (uid://A001/X1/X2 or uid___A001_X1_X2)",
    many=True,
)
QUERY: Final = Parameter(
    "QUERY",
    plain,
    "a query in ADQL, for the identifiers in the first of its columns that is obs_publisher_did, dataset_id,"
    " product_id or member_ous_uid of a published table",
)
LANG: Final = Parameter("LANG", _language, "language of QUERY: ADQL, ADQL-2.0 or ADQL-2.1")
VERSION: Final = Parameter("VERSION", _version, "version of ADQL, where LANG does not say it")
ROLE: Final = Parameter("ROLE", _roles, "roles of files that are wanted, such as cube or pb", many=True)
WITH: Final = Parameter(
    "WITH",
    _roles,
    "roles of companions that are wanted beside the file that each data set is, such as pb, and no others",
    many=True,
)
FORM: Final = Parameter("FORM", _form, "kind of script: sh or py")
TAG: Final = Parameter(
    "TAG",
    plain,
    "ETag of the tar as it was before, with or without its quotes: another state of it is answered with 409",
)

PARAMETERS: Final[tuple[Parameter[Any], ...]] = (
    ID,
    QUERY,
    LANG,
    VERSION,
    ROLE,
    WITH,
    MAXREC,
    FORM,
    TAG,
    RUNID,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a package is to be made of: ``ids`` as they were sent, or the query that gives them (the other is
    empty). ``roles`` and ``companions`` None: files of every role. ``tag``: the entity tag (without quotes)
    that a tar has to have, None where any will do."""

    ids: tuple[str, ...]
    adql: str
    version: str
    roles: frozenset[str] | None = None
    companions: frozenset[str] | None = None
    runid: str | None = None
    tag: str | None = None

    def wants(self, role: str, is_primary: bool) -> bool:
        """Whether a file of that role is to be in the package."""
        if self.roles is None and self.companions is None:
            return True
        is_accompanied = self.companions is not None and (is_primary or role in self.companions)
        return is_accompanied or (self.roles is not None and role in self.roles)


def read_request(form: Form, limits: PackageLimits) -> Request:
    """The request of a form. Raises ServiceError (400)."""
    ids = tuple(dict.fromkeys(text.strip() for text in form.every(ID)))
    adql = (form.one(QUERY) or "").strip()
    language, version, tag = form.one(LANG), form.one(VERSION), form.one(TAG)
    if bool(ids) == bool(adql):
        told = "There is neither ID nor QUERY" if not ids else "There are both ID and QUERY"
        raise usage(f"{told}.", "Send ID=..., as often as you like, or one QUERY in ADQL.")
    if len(ids) > limits.identifiers:
        raise usage(f"There are {len(ids)} identifiers; a request may have {limits.identifiers}.")
    if len(adql) > limits.query_characters:
        raise usage(
            f"The query is {len(adql)} characters long; this service reads at most {limits.query_characters}."
        )
    if language is not None and version is not None and language != version:
        raise usage(f"LANG asks for ADQL-{language}, VERSION for {shortened(version)}.", "Send one of them.")
    return Request(
        ids,
        adql,
        language or version or VERSIONS[-1],
        _joined(form.every(ROLE)),
        _joined(form.every(WITH)),
        form.one(RUNID),
        None if tag is None else tag.strip().removeprefix("W/").strip('"'),
    )


def _joined(sent: tuple[frozenset[str], ...]) -> frozenset[str] | None:
    return frozenset().union(*sent) if sent else None
