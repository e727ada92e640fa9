"""In which form a coverage map is sent: by the end of its address, RESPONSEFORMAT, or Accept (MOC-080)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hips.mocs.writing import Form as MapForm
from vo_service.dali.errors import usage
from vo_service.dali.parameters import RESPONSEFORMAT, Form, shortened

ENDINGS: Final[Mapping[str, MapForm]] = {
    "fits": MapForm.FITS,
    "json": MapForm.JSON,
    "txt": MapForm.ASCII,
}
"""How addresses end, in the order in which forms are preferred."""
MEDIA_TYPES: Final[Mapping[MapForm, str]] = {
    MapForm.FITS: "application/fits",
    MapForm.JSON: "application/json",
    MapForm.ASCII: "text/plain; charset=utf-8",
}
_TYPES: Final[Mapping[MapForm, tuple[str, ...]]] = {
    MapForm.FITS: ("application/fits", "image/fits"),
    MapForm.JSON: ("application/json",),
    MapForm.ASCII: ("text/plain",),
}
_WORDS: Final[Mapping[str, MapForm]] = {
    **ENDINGS,
    "ascii": MapForm.ASCII,
    "text": MapForm.ASCII,
    **{name: form for form, names in _TYPES.items() for name in names},
}
OFFERED: Final = (
    "There are fits (application/fits), json (application/json) and ascii (text/plain), as RESPONSEFORMAT or"
    " by Accept; addresses end with .fits, .json or .txt."
)


def wanted_form(form: Form, ending: MapForm | None, accept: str) -> MapForm:
    """The form that a request wants: of those that its parameters and its address name, else the best that
    the header Accept takes. Raises ServiceError (400) for one that is not offered, and for two that
    differ."""
    asked = form.one(RESPONSEFORMAT)
    named = None if asked is None else _WORDS.get(asked.partition(";")[0].strip().lower())
    if asked is not None and named is None:
        raise usage(f"The format {shortened(asked)!r} is not offered.", OFFERED)
    if named is not None and ending is not None and named is not ending:
        raise usage("The address and RESPONSEFORMAT ask for different formats.", "Send one of them.")
    return named or ending or _accepted(accept)


def _accepted(header: str) -> MapForm:
    """The form of the highest quality (RFC 9110, 12.5.1), the first of equals; FITS where nothing is said."""
    wanted = _qualities(header)
    if not wanted:
        return MapForm.FITS
    found = {form: max(_quality(wanted, name) for name in names) for form, names in _TYPES.items()}
    best = max(found, key=lambda form: found[form])
    if found[best] <= 0.0:
        raise usage("The header Accept names no format that is offered.", OFFERED)
    return best


def _qualities(header: str) -> dict[str, float]:
    """Types and ranges of types, each with its quality; what cannot be read counts as not sent."""
    found = {}
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        if name:
            found["*/*" if name == "*" else name] = quality
    return found


def _quality(wanted: Mapping[str, float], name: str) -> float:
    """What a type is worth: the narrowest range that it is in decides."""
    for each in (name, f"{name.partition('/')[0]}/*", "*/*"):
        if each in wanted:
            return wanted[each]
    return 0.0
