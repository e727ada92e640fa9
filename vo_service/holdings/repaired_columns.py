"""Where a repair shows: the published columns of the cards that it may concern."""

from __future__ import annotations

_POSITION = ("s_ra", "s_dec", "s_region")
_SPECTRUM = ("em_min", "em_max")

COLUMNS: dict[str, tuple[str, ...]] = {
    "OBJECT": ("target_name",),
    "DATE-OBS": ("t_min",), "DATE-BEG": ("t_min",), "DATE_OBS": ("t_min",), "MJD-OBS": ("t_min",),
    "DATE-END": ("t_max",), "MJD-END": ("t_max",), "TIMESYS": ("t_min", "t_max"),
    "EXPTIME": ("t_exptime",), "EXPOSURE": ("t_exptime",),
    "BUNIT": ("o_unit",),
    "BMAJ": ("s_resolution",), "BPA": (),
    "RESTFRQ": ("rest_frequency",), "RESTFREQ": ("rest_frequency",),
    "SPECSYS": ("specsys",),
    "RADESYS": _POSITION, "EQUINOX": _POSITION, "EPOCH": _POSITION,
    "CTYPE": (*_POSITION, *_SPECTRUM, "pol_states"), "CRVAL": (*_SPECTRUM, "pol_states"),
    "CRPIX": (*_SPECTRUM, "pol_states"), "CDELT": (*_SPECTRUM, "pol_states"), "CUNIT": _SPECTRUM,
    "VELREF": _SPECTRUM,
    "TELESCOP": ("facility_name", "obs_collection"), "INSTRUME": ("instrument_name",),
    "HDU": (),
}  # fmt: skip
"""Columns of ``ivoa.obscore`` in which a repair of a card shows; an item that is no card is the column."""

FOLLOWING: dict[str, tuple[str, ...]] = {
    "em_min": ("frequency", "bandwidth", "band_list"),
    "em_max": ("frequency", "bandwidth", "band_list"),
    "s_resolution": ("spatial_resolution",),
}
"""Columns that are made from another one: a repair of that one stands for them too."""

READINGS = frozenset({
    "SKY-FRAME-EQUINOX", "SKY-FRAME-DEFAULT", "SKY-FRAME-SPELLING", "SKY-FRAME-UNKNOWN", "SKY-EQUINOX-VLA",
    "SKY-FK5", "SKY-GALACTIC", "SKY-PROJECTION", "SPEC-VELOCITY", "SPEC-AIPS-VELOCITY", "SPEC-AIR",
    "SKY-TWIN", "PIX-BLANK", "FILE-MORE-IMAGES",
})  # fmt: skip
"""Rules that say how a card is read: what it became is not the value of a column but leads to it."""


def columns_of(item: str) -> tuple[str, ...]:
    """Columns of ``ivoa.obscore`` that a repair of ``item``, a card or a column, bears on."""
    card = item.rstrip("0123456789")
    if item.isupper() or "-" in item:
        return COLUMNS.get(item, COLUMNS.get(card, ()))
    return (item,)
