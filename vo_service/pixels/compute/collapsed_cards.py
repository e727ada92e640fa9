"""The header of a map made along the spectral axis, which stays with one pixel, and the file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from astropy import units

from vo_service.pixels.compute.channel_beams import ChannelBeams
from vo_service.pixels.compute.channels import ChannelScale
from vo_service.pixels.compute.collapsed_axis import collapsed_axis, written
from vo_service.pixels.compute.moments import Order
from vo_service.pixels.compute.reader import Values
from vo_service.pixels.compute.writing import ByteSink
from vo_service.pixels.cutout.cards import (
    OF_THE_WHOLE,
    header_of,
    history_cards,
    number_card,
    text_cards,
    with_value,
)
from vo_service.pixels.cutout.plan import padding_behind
from vo_service.pixels.fits_header import parse_header

_OF_THE_STORED: Final = frozenset({"BSCALE", "BZERO", "BLANK", "CASAMBM"}) | {
    name.decode("ascii").strip() for name in OF_THE_WHOLE
}
"""What these say is true of the pixels of the cube, or of the table of beams behind them."""
_BEAM: Final = ("BMAJ", "BMIN", "BPA")
_TYPES: Final = {1: "Velocity", 2: "Velocity Dispersion"}
"""How casacore calls them in BTYPE."""
_SAID: Final = {
    0: "integral over {}",
    1: "mean velocity",
    2: "dispersion of velocity",
    8: "highest value",
}


@dataclass(frozen=True, slots=True)
class MomentFacts:
    """What a map is: its order, the number of the axis along which it was made and what its channels were,
    the unit of the cube (None where it is not known), and the beams of its planes from the table BEAMS (None
    where the beam stands in the header, or nowhere). ``length`` of the axis in pixels, where that is not the
    number of its channels: the last one may be narrower.
    """

    order: Order
    spectral: int
    scale: ChannelScale
    unit: str | None
    beams: ChannelBeams | None = None
    length: float | None = None

    @property
    def map_unit(self) -> str | None:
        """Unit of the map as FITS writes it, None where it is not known."""
        if self.order in (1, 2):
            return "km/s"
        if self.order == 8 or self.unit is None:
            return self.unit
        step: Any = units.Hz if self.scale.reference is None else units.km / units.s
        try:  # as powers: what a second solidus divides by, readers do not agree on
            return str((units.Unit(self.unit) * step).to_string("fits"))
        except ValueError:
            return f"({self.unit}) {step.to_string('fits')}"


def collapsed_cards(cards: Sequence[bytes], facts: MomentFacts, bitpix: int) -> list[bytes]:
    """The cards of a map with ``bitpix``, of those that the cut of its box has (NAXISn of the box, CRPIXn
    counted in it).

    What was true of the stored pixels is left out. BMAJ, BMIN and BPA stay where they are those of all
    channels: of ``beams`` that differ none is right for a map of all of them, and HISTORY says so. Raises
    FitsError ``bad_header`` as :func:`collapsed_axis` does.
    """
    keys = parse_header(b"".join(cards)).keywords
    length = len(facts.scale) if facts.length is None else facts.length
    numbers = collapsed_axis(keys, facts.spectral, length)
    numbers |= {"BITPIX": str(bitpix), f"NAXIS{facts.spectral}": "1", **_beam_numbers(facts)}
    texts = _texts(facts)
    if keys.written("BTYPE") is None:
        texts.pop("BTYPE", None)
    dropped = _OF_THE_STORED | set(texts) | (set() if facts.beams is None else set(_BEAM) - set(numbers))
    result: list[bytes] = []
    gone = False
    for card in cards:
        name = card[:9].partition(b"=")[0].decode("ascii", "replace").strip().upper()
        gone = name in dropped or (gone and name == "CONTINUE")
        if not gone:
            result.append(with_value(card, numbers[name]) if name in numbers else card)
    result += [number_card(name, value) for name, value in numbers.items() if keys.written(name) is None]
    for name, text in texts.items():
        result += [] if text is None else text_cards(name, text)
    return [*result, *_words(facts)]


def write_map(
    out: ByteSink, before: bytes, cards: Iterable[bytes], parts: Iterable[Values], bitpix: int
) -> None:
    """A FITS file: ``before`` are the blocks of a primary header where the map is an extension (else none),
    ``parts`` the values of the map in stored order."""
    out.write(before)
    out.write(header_of(cards))
    dtype = np.dtype(f">f{abs(bitpix) // 8}")
    size = 0
    for part in parts:
        with np.errstate(over="ignore"):
            stored = part.astype(dtype)
        out.write(stored.tobytes())
        size += stored.nbytes
    out.write(padding_behind(size).content)


def _beam_numbers(facts: MomentFacts) -> dict[str, str]:
    common = None if facts.beams is None else facts.beams.common
    if common is None:
        return {}
    return {name: written(value) for name, value in zip(_BEAM, common, strict=True) if math.isfinite(value)}


def _texts(facts: MomentFacts) -> dict[str, str | None]:
    """Keyword -> what it becomes, None where it goes."""
    made: dict[str, str | None] = {} if facts.order == 8 else {"BUNIT": facts.map_unit}
    if facts.order in _TYPES:
        made["BTYPE"] = _TYPES[facts.order]
    return made


def _words(facts: MomentFacts) -> Iterator[bytes]:
    """What was done, for programs and for people."""
    scale, over, relative = facts.scale, "frequency", ""
    yield with_value(b"VOMOMENT= 0 / order of the moment along the spectral axis", str(facts.order))
    if scale.reference is not None and facts.order != 8:
        over, relative = "velocity", f", {scale.definition} velocity relative to {scale.reference!r} Hz"
        yield from text_cards("VOVELDEF", scale.definition)
        yield with_value(b"VOVELREF= 0 / [Hz] that velocities are relative to", written(scale.reference))
    channels = "1 channel" if len(scale) == 1 else f"{len(scale)} channels"
    yield from history_cards(
        f"Moment {facts.order} ({_SAID[facts.order].format(over)}) of {channels}{relative}"
    )
    if facts.beams is not None and facts.beams.common is None:
        yield from history_cards("The channels differ in their beams: the map has none")
