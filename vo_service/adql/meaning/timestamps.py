"""Times written as strings, in the form of DALI 1.1 section 3.3.3 (ADQL-125)."""

from __future__ import annotations

from datetime import datetime

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.nodes.kinds import TIMESTAMP_FORM

_FORM = "write YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.fraction]"


def check_timestamp(text: str, place: Place) -> str:
    """The time as ``YYYY-MM-DD hh:mm:ss.ffffff``, UTC, fractions cut to microseconds. Raises AdqlError."""
    found = TIMESTAMP_FORM.fullmatch(text)
    if not found:
        hint = "a T stands between day and time" if " " in text else _FORM
        raise AdqlError.at(place, f"'{text}' is no time", hint)
    year, month, day, hour, minute, second, fraction = found.groups(default="0")
    if second == "60":
        raise AdqlError.at(place, f"'{text}' is a leap second, which the archive's times do not have")
    microsecond = (
        int(fraction.lstrip("0.").ljust(1, "0") and f"{fraction[1:]:0<6}"[:6]) if len(fraction) > 1 else 0
    )
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond)
    except ValueError as error:
        raise AdqlError.at(place, f"'{text}' is no time: {error}", _FORM) from error
    return f"{moment:%H:%M:%S.%f}".join((f"{moment.year:04d}-{moment:%m-%d} ", ""))
