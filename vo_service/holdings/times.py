"""Times of observation: DATE-OBS and its relatives as MJD (UTC). DATE, when the file was written, is none
of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from astropy.time import Time

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import FoundFile, Product, Repair
from vo_service.pixels import Keywords

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d*)?))?Z?$")
_OLD = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2})$")
_MJD_EPOCH = datetime(1858, 11, 17)
_SECONDS_A_DAY = 86400.0
_STARTS = ("DATE-OBS", "DATE-BEG", "DATE_OBS", "MJD-OBS")
_EARLIEST, _LATEST = 36934.0, 88069.0  # 1960 and 2100: radio interferometers observe between them
_UNIX_EPOCH = 40587.0
_FIRST_FILES = 51544.0  # 2000
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


@dataclass(frozen=True, slots=True)
class _End:
    """An end of observation: its MJD in the scale of the file, None where it can be none; its card as
    written; and the repair where that card is not DATE-END."""

    mjd: float | None
    written: str | None
    repairs: list[Repair]


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
    """Start and end of the observation as MJD (UTC), and the exposure where a card gives it. Nothing that is
    later than the file itself is a time of observation.

    Most headers give a start and no end: the end is then unknown, unless the exposure tells it. A start
    alone is published alone, since an observation of no length never was.
    """
    keys = header.keywords
    latest = latest_time(product.file)
    start, repairs = _read_start(keys, latest)
    stated = next((keys.text(key) for key in _STARTS if keys.text(key) is not None), None)
    end = _read_end(keys, latest)
    mjd_end = end.mjd
    if start is not None:
        scale, scale_repairs = _scale_of(keys, start, stated, end)
        repairs += scale_repairs
        if scale is not None:
            start = _to_utc(start, scale)
            mjd_end = None if mjd_end is None else _to_utc(mjd_end, scale)
    exposure, exposure_repairs = _read_exposure(keys, latest - (_EARLIEST if start is None else start))
    repairs += exposure_repairs
    mjd_end, end_repairs = _judge_end(start, mjd_end, end, exposure)
    repairs += end_repairs
    created = _read_created(keys, latest)
    return product.repaired(
        *repairs, date_start=start, date_end=mjd_end, exposure_seconds=exposure, created=created
    )


def latest_time(file: FoundFile) -> float:
    """MJD after which the file cannot have been observed: a day after it was written, whatever the zone of
    its times. A file that claims to be older than any in use has no time of its own (archives unpack to
    1970 or 1980), and then any date before 2100 may be.
    """
    written = file.modified_ns / 1e9 / _SECONDS_A_DAY + _UNIX_EPOCH
    return written + 1.0 if written >= _FIRST_FILES else _LATEST


def _read_created(keys: Keywords, latest: float) -> str | None:
    """When the file was written (DATE) in ISO form, None where no card tells it or it cannot be."""
    mjd = read_date(keys.text("DATE") or "")
    if mjd is None or not _EARLIEST <= mjd <= latest:
        return None
    return (_MJD_EPOCH + timedelta(days=mjd)).isoformat(timespec="milliseconds")


def _judge_end(
    start: float | None, mjd: float | None, end: _End, exposure: float | None
) -> tuple[float | None, list[Repair]]:
    """The end to publish, with the record of one that was refused, inferred or found in another card.
    ``mjd`` is the ``end`` in UTC.
    """
    if start is not None and mjd is not None and mjd >= start:
        return mjd, end.repairs
    if start is None:
        why = "an end without a start is no time of observation"
    elif mjd is not None:
        why = "the end is no time after the start"
    else:
        why = "the end is no date, or none at which it can have been observed"
    if start is None or exposure is None:
        refused = [Repair("t_max", end.written, None, "DATE-END", why)] if end.written else []
        return None, refused
    inferred = start + exposure / _SECONDS_A_DAY
    why = f"{why if end.written else 'no card gives the end'}: start and exposure"
    return inferred, [Repair("t_max", end.written, f"{inferred!r}", "DATE-END", why, confidence=0.7)]


def _scale_of(keys: Keywords, start: float, stated: str | None, end: _End) -> tuple[str | None, list[Repair]]:
    """The scale that times have to be converted from, None for UTC; with the repairs that this makes.
    ``stated`` is the card with the ``start``."""
    scale = (keys.text("TIMESYS") or keys.written("TIMESYS") or "").strip().upper()
    if scale in _SCALES:
        why = f"TIMESYS is {scale}"
        repairs = [Repair("DATE-OBS", stated, f"{_to_utc(start, scale)!r}", "DATE-SCALE", why)]
        if end.mjd is not None and end.mjd >= start:
            converted = f"{_to_utc(end.mjd, scale)!r}"
            repairs.append(Repair("t_max", end.written, converted, "DATE-SCALE", why))
        return scale, repairs
    if scale in ("", "UTC", "UT", "GMT"):
        return None, []
    why = f"{scale!r} is no scale of FITS: times are taken as UTC"
    return None, [Repair("TIMESYS", keys.written("TIMESYS"), "UTC", "DATE-SCALE", why, 0.5)]


def _to_utc(mjd: float, scale: str) -> float:
    return float(Time(mjd, format="mjd", scale=_SCALES[scale]).utc.mjd)


def _read_start(keys: Keywords, latest: float) -> tuple[float | None, list[Repair]]:
    for key in _STARTS[:-1]:
        text = keys.text(key)
        fault = keys.text_fault(key)
        if text is None and fault is not None:
            return None, [Repair(key, fault.written, None, "DATE-INVALID", fault.message)]
        if text is None:
            continue
        mjd = read_date(text)
        if mjd is None or not _EARLIEST <= mjd <= latest:
            return None, [Repair(key, text, None, "DATE-INVALID", _why_no_date(text, mjd, latest))]
        repairs = []
        if key != "DATE-OBS":
            repairs.append(Repair("DATE-OBS", None, text, "DATE-SPELLING", f"the date stands in {key}"))
        if "/" in text:
            repairs.append(
                Repair(key, text, f"{mjd!r}", "DATE-OLD-FORM", "a two-digit year is of the 20th century")
            )
        return mjd, repairs
    return _read_number(keys, "MJD-OBS", latest)


def _read_number(keys: Keywords, key: str, latest: float) -> tuple[float | None, list[Repair]]:
    """A start that stands in a card as MJD."""
    mjd, written = keys.number(key), keys.written(key)
    if mjd is not None and _EARLIEST <= mjd <= latest:
        return mjd, [Repair("DATE-OBS", None, written, "DATE-SPELLING", f"the date stands in {key}")]
    fault = keys.number_fault(key)
    if fault is None and mjd is None:
        return None, []
    why = (
        "zero stands for no date"
        if mjd == 0.0
        else fault.message
        if fault
        else _why_no_date(written or "", mjd, latest)
    )
    return None, [Repair(key, written, None, "DATE-INVALID", why)]


def _why_no_date(text: str, mjd: float | None, latest: float) -> str:
    if mjd is not None and mjd >= _EARLIEST and latest < _LATEST:
        written = (_MJD_EPOCH + timedelta(days=latest - 1.0)).strftime("%Y-%m-%d")
        return f"{text!r} is later than the file, which was written on {written}"
    return f"{text!r} is no date between 1960 and 2100 in the form of FITS"


def _read_end(keys: Keywords, latest: float) -> _End:
    """The end as a card gives it, in the scale of the file."""
    written = keys.text("DATE-END") or keys.written("DATE-END") or None
    repairs: list[Repair] = []
    if written:
        mjd = read_date(written)
    else:
        mjd, written = keys.number("MJD-END"), keys.written("MJD-END") or None
        if written:
            repairs = [Repair("DATE-END", None, written, "DATE-SPELLING", "the end stands in MJD-END")]
    if mjd is None or not _EARLIEST <= mjd <= latest:
        return _End(None, written, [])
    return _End(mjd, written, repairs)


def _read_exposure(keys: Keywords, days: float) -> tuple[float | None, list[Repair]]:
    """Seconds of exposure, at most as many as ``days`` hold; None where no card gives any (zero is how
    writers say that they do not know).
    """
    repairs: list[Repair] = []
    for key in ("EXPTIME", "EXPOSURE"):
        value, fault = keys.number(key), keys.number_fault(key)
        if value is not None and 0.0 < value <= max(days, 0.0) * _SECONDS_A_DAY:
            return value, repairs
        if fault is not None:
            repairs.append(Repair(key, fault.written, None, "EXP-INVALID", fault.message))
        elif value == 0.0:
            repairs.append(Repair(key, keys.written(key), None, "EXP-INVALID", "zero stands for no exposure"))
        elif value:
            why = f"{value:g} s is no time that could have passed before the file was written"
            repairs.append(Repair(key, keys.written(key), None, "EXP-INVALID", why))
    return None, repairs
