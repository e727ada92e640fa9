"""The redshift that a header states, if any does.

Only cards are read that state a redshift: ZSOURCE of FITS paper III with its frame SSYSSRC, REDSHIFT, and Z
where the comment says that it is one. Velocities are not: VELO-LSR of GILDAS and Miriad is that of the
reference channel, VELREF a code, VELOSYS the observatory's, and of VSYS, VLSR and their like no header says
by which definition and in which frame they are meant.
"""

from __future__ import annotations

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Card, Product, Repair
from vo_service.pixels import Keywords
from vo_service.spectral import Frame, FrameUnknown, Pointing, barycentric_factor, frame_of

LOWEST, HIGHEST = -0.01, 30.0
"""Redshifts that a radio source can have: blueshifts reach 3000 km/s at most."""

_CARDS = ("ZSOURCE", "REDSHIFT", "Z")


def find_redshift(product: Product, header: ImageHeader) -> Product:
    """The redshift that a header card states, brought to the barycentre where its frame is given; None
    where no card states one.

    Zero counts as not stated: writers put it where they know none.
    """
    keys = header.keywords
    key = next((each for each in _CARDS if _states(each, keys, product.cards)), None)
    if key is None:
        return product
    number, written = keys.number(key), keys.written(key)
    if number is None or number == 0.0 or not LOWEST <= number <= HIGHEST:
        fault = keys.number_fault(key)
        why = fault.message if fault else f"{written} is no redshift that a radio source can have"
        if number == 0.0:
            why = "zero is what writers put where they know none"
        return product.repaired(Repair(key, written, None, "REDSHIFT-UNKNOWN", why))
    if key != "ZSOURCE":
        return product.repaired(redshift=number, redshift_source=f"header {key}")
    barycentric, repairs = _at_barycentre(product, keys, number)
    return product.repaired(*repairs, redshift=barycentric, redshift_source="header ZSOURCE")


def _states(key: str, keys: Keywords, cards: tuple[Card, ...]) -> bool:
    """Whether a card of this name states a redshift: Z alone may be anything, so its comment has to say."""
    if not (keys.written(key) or "").strip():
        return False
    return key != "Z" or any(card.keyword == "Z" and "redshift" in card.comment.lower() for card in cards)


def _at_barycentre(product: Product, keys: Keywords, number: float) -> tuple[float, list[Repair]]:
    """ZSOURCE as seen from the barycentre; as it is where its frame is unknown (1e-4 at most) or has it
    there already."""
    frame, sky = frame_of(keys.text("SSYSSRC")), product.sky
    if frame is None or frame is Frame.BARY:
        return number, []
    try:
        pointing = None if sky is None else Pointing(sky.ra, sky.dec, product.date_start, None)
        factor = barycentric_factor(frame, pointing)
    except FrameUnknown:
        return number, []
    barycentric = (1.0 + number) / factor - 1.0
    why = f"SSYSSRC is {frame.value}: redshift as seen from the barycentre"
    return barycentric, [Repair("ZSOURCE", keys.written("ZSOURCE"), repr(barycentric), "REDSHIFT-FRAME", why)]
