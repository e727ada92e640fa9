"""What an identifier names: a data set, a file, an archive's row, or all that was observed as one member.

Identifiers of publishers are ``ivo://authority/obs?name``; names alone do as well, and so does the uid of a
member (MOUS), as the archive writes it (``uid://A001/X1/X2``) and as its files are called
(``uid___A001_X1_X2``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vo_service.dali.errors import usage
from vo_service.dali.parameters import shortened
from vo_service.holdings.finish import did_of
from vo_service.holdings.identity import read_uid

_UID: Final = re.compile(r"uid(?:://A\d+/X[0-9a-f]+/X|___A\d+_X[0-9a-f]+_X)[0-9a-f]+", re.IGNORECASE)
_LIKE_UID: Final = re.compile(r"uid(?::/|__)", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9-]+")
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Name:
    """What a text names: ``name`` is a data set, a file or an archive's row by its name here; ``uids`` are
    the spellings of the uid of a member that holdings may have. One of them is empty."""

    name: str | None = None
    uids: tuple[str, ...] = ()


def dataset_of(text: str, authority: str) -> str:
    """The data set of a publisher's identifier ``ivo://authority/obs?dataset``; any other text as it is.

    Scheme, authority and path of an IVOA identifier are compared without regard to case, what stands behind
    the question mark is the publisher's own and kept to the letter (IVOA Identifiers 2.0, sections 2.3 and
    4.1). Blanks around the text don't count.
    """
    name = text.strip()
    start = did_of(authority, "")
    return name[len(start) :] if name[: len(start)].lower() == start.lower() else name


def kept_spelling(text: str, authority: str) -> str:
    """An identifier of ours in the case in which it is kept, any other as it is (SIA-052).

    Names of data sets have small letters, so that one in capitals can mean one alone.
    """
    text = text.strip()
    name = dataset_of(text, authority)
    return text if name == text else did_of(authority, name.lower())


def name_of(text: str, authority: str) -> Name:
    """What an identifier names, whether the holdings have it or not. Raises ServiceError (400) for a text
    that can name nothing here, with what would be right."""
    name = dataset_of(text, authority)
    if len(name) <= _LONGEST:
        if _UID.fullmatch(name):
            return Name(uids=tuple(dict.fromkeys((_archive_uid(name), read_uid(name)))))
        if _NAME.fullmatch(name):
            return Name(name=name)
    raise usage(f"{shortened(text)!r} is no identifier of this service: {_wrong(name, authority)}.")


def _wrong(name: str, authority: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > _LONGEST:
        return f"it has {len(name)} characters, identifiers have at most {_LONGEST}"
    if _LIKE_UID.match(name):
        return "a uid is written uid://A001/X1/X2 or uid___A001_X1_X2, with hexadecimal numbers behind the X"
    if name.lower().startswith("ivo:"):
        return f"those begin with {did_of(authority, '')}"
    return "names have small letters, digits and hyphens"


def _archive_uid(text: str) -> str:
    """A uid in the spelling of the archive: ``uid`` and the hexadecimal digits small, ``A`` and ``X``
    large."""
    parts = read_uid(text.lower()).removeprefix("uid://").split("/")
    return "uid://" + "/".join(part[0].upper() + part[1:] for part in parts)
