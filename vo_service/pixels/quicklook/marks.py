"""The numbers at a scale: where they stand, in which unit, and how they are written."""

from __future__ import annotations

import math
import re

import numpy as np

from vo_service.pixels.quicklook.stretch import Stretch

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PREFIXES = {"Jy": ((1.0, "Jy"), (1e3, "mJy"), (1e6, "µJy"), (1e9, "nJy")), "K": ((1.0, "K"), (1e3, "mK"))}
_BASE = re.compile(r"(Jy|K)(?![A-Za-z])")
_NARROWEST = 1e-300  # of which parts still are numbers of full precision
_POWER = re.compile(r"\*\*\(?(-?\d+)\)?")


def marks_of(stretch: Stretch, most: int = 8) -> tuple[float, ...]:
    """Round values for the marks of a scale, rising, no two too near to be read. Of a scale that is not
    linear zero goes first, then powers of ten, then what lies between."""
    low, high = stretch.low, stretch.high
    if not high - low > _NARROWEST:
        return (low,)
    steps = _even(low, high, (high - low) / most)
    wanted = steps if stretch.soft is None else [*_ladder(low, high), *steps]
    chosen: list[tuple[float, float]] = []
    for value in wanted:
        place = float(stretch.scaled(np.array([value]))[0])
        if all(abs(place - other) > 0.7 / most for _, other in chosen):
            chosen.append((value, place))
    return tuple(sorted(value for value, _ in chosen))


def _ladder(low: float, high: float) -> list[float]:
    """Zero, powers of ten, five and two times these, both signs, larger ones first, within the limits."""
    values = [0.0] if low <= 0.0 <= high else []
    largest = max(abs(low), abs(high))
    top = math.floor(math.log10(largest))
    for factor in (1.0, 5.0, 2.0):
        for power in range(top, top - 5, -1):
            size = float(f"{factor:g}e{power}")
            values += [value for value in (size, -size) if low <= value <= high]
    return values


def _even(low: float, high: float, about: float) -> list[float]:
    """Multiples of a round step within the limits."""
    power = 10.0 ** math.floor(math.log10(about))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= about)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def scale_unit(unit: str | None, largest: float) -> tuple[float, str]:
    """What values are multiplied by to be easily read, and the unit they have then, as it is read: janskys
    and kelvins by prefix, all else by a power of ten where the largest is far from one."""
    base = _BASE.match(unit or "")
    written = readable(unit or "")
    if not largest > 0.0:
        return 1.0, written
    if base is not None and 1e-10 < largest < 1.0:
        choices = _PREFIXES[base[1]]
        factor, name = next((pair for pair in choices if largest * pair[0] >= 1.0), choices[-1])
        return factor, name + written[base.end() :]
    power = math.floor(math.log10(largest))
    if -3 <= power < 6:
        return 1.0, written
    return 10.0 ** min(-power, 300), f"×10{str(power).translate(_SUPERSCRIPTS)} {written}".rstrip()


def readable(unit: str) -> str:
    """A unit of VOUnit with spaces and raised powers: ``Jy.km.beam**-1.s**-1`` is ``Jy km beam⁻¹ s⁻¹``."""
    raised = _POWER.sub(lambda match: match[1].translate(_SUPERSCRIPTS), unit)
    return re.sub(r"\.(?=\D)", " ", raised)


def mark_texts(values: tuple[float, ...], factor: float) -> tuple[str, ...]:
    """Numbers of a scale as they are written, with as few digits as tell them apart."""
    numbers = [value * factor for value in values]
    for digits in range(1, 10):
        texts = tuple(f"{number:.{digits}g}" for number in numbers)
        if all(
            abs(float(text) - number) <= 1e-3 * _nearest(numbers, number)
            for text, number in zip(texts, numbers)
        ):
            break
    return tuple(_plain(text) for text in texts)


def _nearest(numbers: list[float], number: float) -> float:
    """How far the nearest of the others is."""
    return min((abs(other - number) for other in numbers if other != number), default=abs(number) or 1.0)


def _plain(text: str) -> str:
    number = float(text)
    plain = np.format_float_positional(number, trim="-") if 1e-4 <= abs(number) < 1e6 else text
    return plain.replace("-", "\N{MINUS SIGN}") if number else "0"


def number_text(value: float) -> str:
    """A number with three digits."""
    return mark_texts((float(f"{value:.3g}"),), 1.0)[0]


def angle_text(arcsec: float) -> str:
    """An angle in the unit that it is best read in."""
    units = ((3600.0, 3600.0, "°"), (60.0, 60.0, "′"), (0.1, 1.0, "″"), (0.0, 1e-3, " mas"))
    factor, mark = next((factor, mark) for least, factor, mark in units if arcsec >= least)
    return f"{number_text(arcsec / factor)}{mark}"
