"""The format of an answer: VOTable with its rows as text, unless another is asked for (DataLink 1.1, 3.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vo_service.dali.formats import response_format
from vo_service.dali.parameters import RESPONSEFORMAT, Form
from vo_service.datalink.links import LINKS
from vo_service.formats import Format, UnknownFormat, find_format

_VOTABLE: Final = "application/x-votable+xml"
_TABLEDATA: Final = find_format("votable/td")
_AS_LINKS: Final = replace(_TABLEDATA, media_type=LINKS)


def links_format(form: Form) -> Format:
    """The format that RESPONSEFORMAT wants; without it, or with a name of VOTable alone, TABLEDATA as links
    (DL-008). A media type is answered with that media type; parameters of VOTable's that are not known here
    are passed over. Raises ServiceError (400) for a format that is not offered."""
    asked = form.one(RESPONSEFORMAT)
    if asked is None or asked.strip().lower() == "votable":
        return _AS_LINKS
    main, *parameters = (
        each.strip().lower() for each in asked.replace("votable xml", "votable+xml").split(";")
    )
    if main != _VOTABLE:
        return response_format(form)
    others = [each for each in parameters if not each.startswith("content=")]
    try:
        found = find_format(";".join((main, *others)))
    except UnknownFormat:
        return _AS_LINKS
    if any(each.startswith("serialization=") for each in others):
        return found
    if others and found.media_type != find_format(_VOTABLE).media_type:  # another version
        return find_format(f"{found.media_type};serialization=TABLEDATA")
    return _AS_LINKS if "content=datalink" in parameters else replace(_TABLEDATA, media_type=_VOTABLE)
