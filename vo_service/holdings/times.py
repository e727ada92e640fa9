"""Times of observation: DATE-OBS and its relatives as MJD (UTC). DATE, when the file was written, is none
of them.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from astropy.time import Time

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product, Repair
from vo_service.pixels import Keywords

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d*)?))?Z?$")
_OLD = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2})$")
_MJD_EPOCH = datetime(1858, 11, 17)
_SECONDS_A_DAY = 86400.0
_EARLIEST, _LATEST = 36934.0, 88069.0  # 1960 and 2100: radio interferometers observe between them
_SCALES = {
    "TAI": "tai",
    "IAT": "tai",
    "TT": "tt",
    "TDT": "tt",
    "ET": "tt",
    "UT1": "ut1",
    "TDB": "tdb",
    "TCB": "tcb",
}


def read_date(text: str) -> float | None:
    """MJD of a date as FITS writes it (with or without a time; the form DD/MM/YY too), or None."""
    text = text.strip()
    try:
        match = _ISO.match(text)
        if match:
            year, month, day, hour, minute = (int(part or 0) for part in match.groups()[:5])
            seconds = float(match.group(6) or 0.0)
            moment = datetime(year, month, day) + timedelta(hours=hour, minutes=minute, seconds=seconds)
            if hour > 24 or minute > 59 or seconds >= 61.0:
                return None
        elif match := _OLD.match(text):
            day, month, year = (int(part) for part in match.groups())
            moment = datetime(1900 + year, month, day)
        else:
            return None
    except ValueError:
        return None
    return (moment - _MJD_EPOCH) / timedelta(days=1)


def date_observation(product: Product, header: ImageHeader) -> Product:
    """Start and end of the observation as MJD (UTC), and the exposure where a card gives it."""
    keys = header.keywords
    start, repairs = _read_start(keys)
    end = _read_end(keys)
    scale = (keys.text("TIMESYS") or "UTC").upper()
    if scale in _SCALES and start is not None:
        was = start
        start = _to_utc(start, scale)
        end = None if end is None else _to_utc(end, scale)
        repairs.append(
            Repair("DATE-OBS", f"{was!r} {scale}", f"{start!r} UTC", "DATE-SCALE", f"TIMESYS is {scale}")
        )
    exposure = next(
        (value for key in ("EXPTIME", "EXPOSURE") if (value := keys.number(key)) and value > 0), None
    )
    if start is None:
        end = None
    elif end is None or end < start:
        repairs.append(_guess_end(start, end, exposure))
        end = start + (exposure or 0.0) / _SECONDS_A_DAY
    created = keys.text("ORIGIN")
    return product.repaired(
        *repairs, date_start=start, date_end=end, exposure_seconds=exposure, created=created
    )


def _guess_end(start: float, written: float | None, exposure: float | None) -> Repair:
    """Start and end are known together or not at all (OBS-089), so a missing end has a stand-in, on
    record.
    """
    was = None if written is None else f"{written!r}"
    missing = "no card gives the end" if written is None else "the end lies before the start"
    if exposure is None:
        why = f"{missing}: the start, which is the earliest it can be"
        return Repair("t_max", was, f"{start!r}", "DATE-END", why, confidence=0.3)
    end = start + exposure / _SECONDS_A_DAY
    return Repair("t_max", was, f"{end!r}", "DATE-END", f"{missing}: start and exposure", confidence=0.7)


def _to_utc(mjd: float, scale: str) -> float:
    return float(Time(mjd, format="mjd", scale=_SCALES[scale]).utc.mjd)


def _read_start(keys: Keywords) -> tuple[float | None, list[Repair]]:
    for key in ("DATE-OBS", "DATE-BEG", "DATE_OBS"):
        text = keys.text(key)
        if text is None:
            continue
        mjd = read_date(text)
        if mjd is None or not _EARLIEST <= mjd <= _LATEST:
            why = f"{text!r} is no date between 1960 and 2100 in the form of FITS"
            return None, [Repair(key, text, None, "DATE-INVALID", why)]
        repairs = []
        if key != "DATE-OBS":
            repairs.append(Repair("DATE-OBS", None, text, "DATE-SPELLING", f"the date stands in {key}"))
        if "/" in text:
            repairs.append(
                Repair(key, text, f"{mjd!r}", "DATE-OLD-FORM", "a two-digit year is of the 20th century")
            )
        return mjd, repairs
    mjd = keys.number("MJD-OBS")
    if mjd is not None and _EARLIEST <= mjd <= _LATEST:
        written = keys.written("MJD-OBS")
        return mjd, [Repair("DATE-OBS", None, written, "DATE-SPELLING", "the date stands in MJD-OBS")]
    return None, []


def _read_end(keys: Keywords) -> float | None:
    text = keys.text("DATE-END")
    mjd = read_date(text) if text else keys.number("MJD-END")
    return mjd if mjd is not None and _EARLIEST <= mjd <= _LATEST else None
