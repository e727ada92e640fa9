"""BUNIT in all its spellings, as one text in the grammar of VOUnits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product, Repair

# spelling in lower case -> symbol; what is not here keeps its case if it is a symbol of VOUnits
_SYMBOLS = {
    "jy": "Jy", "jansky": "Jy", "janskys": "Jy", "mjy": "mJy", "ujy": "uJy", "µjy": "uJy",
    "beam": "beam", "b": "beam", "bm": "beam", "pixel": "pixel", "pix": "pixel",
    "k": "K", "kelvin": "K", "mk": "mK", "m": "m", "km": "km", "cm": "cm", "pc": "pc",
    "s": "s", "sec": "s", "hz": "Hz", "khz": "kHz", "mhz": "MHz", "ghz": "GHz",
    "sr": "sr", "deg": "deg", "rad": "rad", "arcsec": "arcsec", "w": "W", "erg": "erg", "msun": "solMass",
}  # fmt: skip
_EXACT = {"MJy": "MJy", "kJy": "kJy", "nJy": "nJy"}  # where the case of the prefix tells mega from milli
_SCALE_NAME = re.compile(r"^(m?K)\s*\(\s*(T\w*\*?|T_?\w+)\s*\)$", re.IGNORECASE)
_TOKEN = re.compile(r"\s*([./*]|[A-Za-zµ]+)\s*((?:\*\*|\^)?\s*\(?[+-]?\d+(?:\.\d+)?\)?)?")
_ORDER = ("Jy", "mJy", "uJy", "K", "mK")

BRIGHTNESS = frozenset({"Jy", "mJy", "uJy", "nJy", "kJy", "MJy", "K", "mK"})
_VELOCITY = ({"km": 1, "s": -1}, {"m": 1, "s": -1}, {"cm": 1, "s": -1})


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as powers of symbols, in the order in which they are written."""

    powers: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """In VOUnits: ``Jy/beam``, ``K.km/s``, ``Jy.km.beam**-1.s**-1`` (one solidus at most)."""
        above = [(symbol, power) for symbol, power in self.powers if power > 0]
        below = [(symbol, -power) for symbol, power in self.powers if power < 0]
        if len(below) == 1 and above:
            return ".".join(_power(*each) for each in above) + "/" + _power(*below[0])
        return ".".join(
            [_power(*each) for each in above] + [_power(symbol, -power) for symbol, power in below]
        )

    @property
    def kind(self) -> str:
        """What is measured: ``brightness integrated velocity`` or ``other`` (integrated: brightness times
        velocity).
        """
        powers = dict(self.powers)
        if powers in _VELOCITY:
            return "velocity"
        bright = [symbol for symbol in powers if symbol in BRIGHTNESS and powers[symbol] == 1]
        rest = {
            symbol: power
            for symbol, power in powers.items()
            if symbol not in (*bright, "beam", "pixel", "sr", "arcsec")
        }
        if len(bright) != 1:
            return "other"
        if not rest:
            return "brightness"
        return "integrated" if rest in (*_VELOCITY, {"Hz": 1}, {"GHz": 1}, {"MHz": 1}, {"m": 1}) else "other"

    @property
    def per(self) -> str | None:
        """``beam`` or ``pixel`` where the unit is one per those, else None."""
        powers = dict(self.powers)
        return next((symbol for symbol in ("beam", "pixel") if powers.get(symbol) == -1), None)


def _power(symbol: str, power: int) -> str:
    return symbol if power == 1 else f"{symbol}**{power}"


def read_unit(text: str) -> Unit | None:
    """Understands a unit text; None where a word of it is no unit. A solidus divides by the next unit only,
    as radio packages write it (``Jy/beam.km/s`` is Jy km s-1 per beam).
    """
    powers: dict[str, int] = {}
    position, sign = 0, 1
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            return None
        position = match.end()
        word, exponent = match.group(1), match.group(2)
        if word in "./*":
            if exponent:
                return None
            sign = -1 if word == "/" else 1
            continue
        symbol = _EXACT.get(word) or _SYMBOLS.get(word.lower())
        power = int(float(exponent.strip("*^() "))) if exponent else 1
        if symbol is None or power == 0:
            return None
        powers[symbol] = powers.get(symbol, 0) + sign * power
        sign = 1
    ordered = sorted(powers.items(), key=_rank)
    return Unit(tuple((symbol, power) for symbol, power in ordered if power)) if powers else None


def _rank(item: tuple[str, int]) -> tuple[bool, bool, bool]:
    """What is measured first, then its factors, then ``per beam`` or ``per pixel``, then the rest."""
    symbol, power = item
    return symbol not in _ORDER, power < 0, symbol not in ("beam", "pixel")


def normalise_unit(product: Product, header: ImageHeader) -> Product:
    """BUNIT to VOUnits text (``o_unit``, OBS-123); None where blank or not a unit."""
    written = header.keywords.text("BUNIT")
    fault = header.keywords.text_fault("BUNIT")
    if written is None and fault is not None:
        return product.repaired(
            Repair("BUNIT", fault.written, None, "UNIT-UNKNOWN", fault.message), unit=None
        )
    if written is None:
        return product
    scale = _SCALE_NAME.match(written)
    unit = read_unit(scale.group(1) if scale else written)
    if unit is None:
        why = f"{written!r} is not a unit that can be read"
        return product.repaired(Repair("BUNIT", written, None, "UNIT-UNKNOWN", why), unit=None)
    if unit.text == written:
        return product.repaired(unit=unit.text)
    rule = "UNIT-SCALE-NAME" if scale else "UNIT-SPELLING"
    why = (
        f"the temperature scale {scale.group(2)} is no part of a unit"
        if scale
        else "written as VOUnits write it"
    )
    return product.repaired(Repair("BUNIT", written, unit.text, rule, why), unit=unit.text)
