"""Which media type an answer has: RESPONSEFORMAT, as far as its kind leaves a choice (DALI 1.1, 3.4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.parameters import shortened
from vo_service.formats import UnknownFormat, find_format

FITS: Final = "application/fits"
VOTABLE: Final = "application/x-votable+xml"
TEXT: Final = "text/plain"

_IMAGES: Final[Mapping[str, str]] = {"application/fits": FITS, "image/fits": "image/fits", "fits": FITS}
_TEXTS: Final[Mapping[str, str]] = {"text/plain": TEXT}
# the serialisation of a spectrum is the writer's choice: names that ask for one are not offered
_TABLES: Final = (VOTABLE, "text/xml")


def image_type(asked: str | None) -> str:
    """The media type of a cut-out or a map. Raises ServiceError (400) for one that it does not have."""
    return _chosen(asked, _IMAGES, "Images come")


def header_type(asked: str | None) -> str:
    """The media type of a header. Raises ServiceError (400)."""
    return _chosen(asked, _TEXTS, "Headers come")


def spectrum_type(asked: str | None) -> str:
    """The media type of a spectrum: a FITS one, or VOTable by the names that tables have. Raises ServiceError
    (400)."""
    if asked is None:
        return VOTABLE
    fits = _IMAGES.get(asked.strip().lower())
    if fits is not None:
        return fits
    try:
        found = find_format(asked).media_type
    except UnknownFormat:
        found = None
    if found not in _TABLES:
        raise _refused(asked, "Spectra come", ("votable", *_TABLES, *_IMAGES))
    return found


def _chosen(asked: str | None, known: Mapping[str, str], what: str) -> str:
    """The first one where nothing is asked for."""
    if asked is None:
        return next(iter(known.values()))
    found = known.get(asked.strip().lower())
    if found is None:
        raise _refused(asked, what, tuple(known))
    return found


def _refused(asked: str, what: str, known: tuple[str, ...]) -> ServiceError:
    return usage(
        f"RESPONSEFORMAT={shortened(asked)!r} is not offered here.", f"{what} as {', '.join(known)}."
    )
