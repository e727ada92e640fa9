"""What ID names: a data set by its publisher's identifier, or anything by the name that it has here."""

from __future__ import annotations

from vo_service.holdings.finish import did_of


def dataset_of(text: str, authority: str) -> str:
    """The data set of a publisher's identifier ``ivo://authority/obs?dataset``; any other text as it is.

    Scheme, authority and path of an IVOA identifier are compared without regard to case, what stands behind
    the question mark is the publisher's own and kept to the letter (IVOA Identifiers 2.0, sections 2.3 and
    4.1). Blanks around the text don't count.
    """
    name = text.strip()
    start = did_of(authority, "")
    return name[len(start) :] if name[: len(start)].lower() == start.lower() else name
