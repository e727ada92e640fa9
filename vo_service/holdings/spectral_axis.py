"""The spectral axis as sky frequencies in its own frame, and as barycentric vacuum wavelengths (design
4.4).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import FoundFile, Product, Repair, SpectralCoverage
from vo_service.holdings.redshift_cards import HIGHEST as HIGHEST_REDSHIFT
from vo_service.holdings.redshift_cards import find_redshift
from vo_service.holdings.spectral_ctype import algorithm_fault, follows_aips, frame_of_axis, understand
from vo_service.pixels import Axis, CardFault, Keywords, SpectralAxis, SpectralAxisError
from vo_service.spectral import ALMA, C, Frame, FrameUnknown, Pointing, frame_of, to_barycentric

LOWEST_HZ, HIGHEST_HZ = 1e6, 1e13
"""What a radio telescope observes, widely taken (300 m to 30 micrometres)."""
LARGEST_BLUESHIFT = 0.01
"""3000 km/s, towards us or within a source: none comes near it."""
HIGHEST_REST_HZ = 2e13
"""A rest frequency beyond this is not one that redshift brings into a radio receiver."""
EARTH_RADIUS_M = 6.37e6
"""Any place on the ground is within 50 km of this."""

_MOMENT_LOG = b"CARTA MOMENT MAP GENERATOR"
_MOMENT_RANGE = re.compile(rb"Spectral range: \[(\d{1,9}), *(\d{1,9})\] *\(channel\)")
_UNCONVERTED = frozenset({"SOURCE", "GALACTOC", "LOCALGRP", "CMBDIPOL"})
_WITHOUT_FREQUENCIES = frozenset({"SPEC-UNREADABLE", "SPEC-LEFTOVER", "SPEC-IMPLAUSIBLE"})
_RULES = {"TOPOCENT": "SPEC-TOPO-BARY", "LSRK": "SPEC-LSRK-BARY"}


def find_rest_frequency(product: Product, header: ImageHeader) -> Product:
    """The rest frequency in Hz, apart from the sky frequency; None where missing or impossible."""
    keys = header.keywords
    key = next((key for key in ("RESTFRQ", "RESTFREQ") if keys.number(key)), None)
    rest = keys.number(key) if key else None
    if key is None or rest is None:
        fault = keys.number_fault("RESTFRQ") or keys.number_fault("RESTFREQ") or _zero(keys)
        if fault is None:
            return product
        return product.repaired(Repair(fault.keyword, fault.written, None, "REST-IMPLAUSIBLE", fault.message))
    written = keys.written(key)
    if not 0.0 < rest <= HIGHEST_REST_HZ:
        why = f"{written} Hz is not the rest frequency of a line in a radio band at any redshift"
        return product.repaired(Repair(key, written, None, "REST-IMPLAUSIBLE", why, 0.9))
    if key == "RESTFREQ":
        was, why = keys.written("RESTFRQ"), "the rest frequency stands in RESTFREQ"
        repair = Repair("RESTFRQ", was, written, "REST-SPELLING", why)
        return product.repaired(repair, rest_frequency=rest)
    return replace(product, rest_frequency=rest)


def _zero(keys: Keywords) -> CardFault | None:
    """The card by which CASA and Miriad write that there is no rest frequency, None where there is none."""
    key = next((key for key in ("RESTFRQ", "RESTFREQ") if keys.number(key) == 0.0), None)
    return CardFault(key, keys.written(key), "zero stands for no rest frequency") if key else None


def measure_spectrum(product: Product, header: ImageHeader) -> Product:
    """Channel edges, channel count and frame of the spectral axis; wavelengths at the barycentre where
    possible.

    None where the image has no spectral axis, or one that gives no frequency or lacks a readable card (a
    repair says so).
    """
    axis = header.axes.spectral
    specsys, frame_repairs = _specsys(header.keywords, axis)
    product = product.repaired(*frame_repairs, specsys=specsys)
    fault = _fault_of(header)
    if fault is not None:
        why = f"{fault.message}: the frequencies of the channels are unknown"
        return product.repaired(Repair(fault.keyword, fault.written, None, "SPEC-UNREADABLE", why))
    if axis is None:
        return product
    channels = _channels_of_log(header.remarks)
    if channels > axis.length:
        item = f"CRVAL{axis.number}"
        why = f"the map was made of {channels} channels, the axis is that of {axis.length} of them"
        repair = Repair(item, header.keywords.written(item), None, "SPEC-LEFTOVER", why, 0.9)
        return product.repaired(repair)
    try:
        understood, repairs = understand(axis, header.keywords, product.rest_frequency)
        low, high = understood.edges()
        if low < LOWEST_HZ or high > HIGHEST_HZ:
            raise SpectralAxisError(
                f"{axis.ctype} gives {low:.6g} to {high:.6g} Hz, which no radio telescope observes",
                f"CRVAL{axis.number}",
                axis.crval,
            )
    except SpectralAxisError as error:
        was = header.keywords.written(error.keyword)
        return product.repaired(Repair(error.keyword, was, None, "SPEC-IMPLAUSIBLE", error.message))
    product = _doubt_rest_frequency(product, header, (low, high))
    wavelengths, conversion = _wavelengths(product, header.keywords, low, high, specsys)
    if any(each.item == "SPECSYS" for each in conversion):
        specsys = None
        others = tuple(each for each in product.repairs if each.item != "SPECSYS")
        product = replace(product, specsys=None, repairs=others)
    coverage = SpectralCoverage(
        f_min=low,
        f_max=high,
        channels=axis.length,
        channel_width=(high - low) / axis.length,
        specsys=specsys,
        rest_frequency=product.rest_frequency,
        em_min=wavelengths[0],
        em_max=wavelengths[1],
    )
    return product.repaired(*repairs, *conversion, spectral=_resolve(coverage, understood))


def _resolve(coverage: SpectralCoverage, axis: SpectralAxis) -> SpectralCoverage:
    """With the width of a channel in the middle, and the range of resolving powers, where channels are not
    all equally wide.
    """
    if axis.channels_are_equal or coverage.channels < 2:
        return coverage
    middle = axis.pixel(np.array((coverage.f_min + coverage.f_max) / 2))
    sides = np.clip([middle - 0.5, middle + 0.5], 0.5, coverage.channels + 0.5)
    powers = axis.frequency(np.arange(1.0, coverage.channels + 1.0)) / axis.widths()
    return replace(
        coverage,
        channel_width=float(np.ptp(axis.frequency(sides))),
        power_min=float(powers.min()),
        power_max=float(powers.max()),
    )


def why_no_frequencies(product: Product) -> str | None:
    """Why ``measure_spectrum`` found that the spectral axis gives no frequencies; None where it did not."""
    return next((each.why for each in product.repairs if each.rule in _WITHOUT_FREQUENCIES), None)


def channel_frequencies(header: ImageHeader) -> NDArray[np.float64] | None:
    """Frequency (Hz, in the frame of the file) of the middle of every channel, as ``measure_spectrum``
    understands the axis; None where it gives none.
    """
    understood = understood_axis(header)
    return None if understood is None else understood.frequency(np.arange(1.0, understood.axis.length + 1.0))


def understood_axis(header: ImageHeader) -> SpectralAxis | None:
    """The spectral axis as ``measure_spectrum`` understands it; None where it gives no frequency."""
    axis = header.axes.spectral
    rest = find_rest_frequency(Product(FoundFile("", "", 0, 0)), header).rest_frequency
    if axis is None or not gives_frequency(header, rest):
        return None
    return understand(axis, header.keywords, rest)[0]


def _channels_of_log(remarks: bytes) -> int:
    """How many channels a moment map was made of by CARTA's log in HISTORY; 0 where it tells none."""
    match = _MOMENT_RANGE.search(remarks) if _MOMENT_LOG in remarks else None
    return int(match.group(2)) - int(match.group(1)) + 1 if match else 0


def _fault_of(header: ImageHeader) -> CardFault | None:
    """The card that keeps the spectral axis from being understood, or from being found at all: the name of
    an axis that nothing else can tell.
    """
    axis = header.axes.spectral
    if axis is None:
        return header.axes.nameless
    velref = header.keywords.number_fault("VELREF") if follows_aips(axis) else None
    return axis.fault or algorithm_fault(axis) or velref


def _doubt_rest_frequency(product: Product, header: ImageHeader, edges: tuple[float, float]) -> Product:
    """Drops a rest frequency that no line in the range of the axis (its ``edges`` in Hz) can have.

    Below the whole axis a line is seen only if its source came towards us faster than any does. Above it a
    redshift brings the line down: any that a radio source can have, or the one that a card states, give or
    take what motions within a source and the frame do.
    """
    rest, (low, high) = product.rest_frequency, edges
    if rest is None:
        return product
    key = "RESTFRQ" if "RESTFRQ" in header.keywords else "RESTFREQ"
    if rest < low * (1.0 - LARGEST_BLUESHIFT):
        why = f"the axis begins at {low:.9g} Hz, far above {rest:.9g} Hz"
    elif rest > high * (1.0 + HIGHEST_REDSHIFT):
        why = f"the axis ends at {high:.9g} Hz, so far below {rest:.9g} Hz that no redshift explains it"
    else:
        redshift = find_redshift(product, header).redshift
        seen = None if redshift is None else rest / (1.0 + redshift)
        if seen is None or rest <= high * (1.0 + LARGEST_BLUESHIFT) or _near(seen, edges):
            return product
        why = f"at the stated redshift of {redshift:.6g} it is seen at {seen:.9g} Hz, outside the axis"
    why = f"{why}: the rest frequency is of another line"
    return product.repaired(
        Repair(key, header.keywords.written(key), None, "REST-OTHER-LINE", why, 0.9), rest_frequency=None
    )


def _near(frequency: float, edges: tuple[float, float]) -> bool:
    low, high = edges
    return low * (1.0 - LARGEST_BLUESHIFT) <= frequency <= high * (1.0 + LARGEST_BLUESHIFT)


def gives_frequency(header: ImageHeader, rest: float | None) -> bool:
    """Whether the spectral axis gives frequencies that a radio telescope observes."""
    axis = header.axes.spectral
    if axis is None:
        return False
    try:
        low, high = understand(axis, header.keywords, rest)[0].edges()
    except SpectralAxisError:
        return False
    return low >= LOWEST_HZ and high <= HIGHEST_HZ


def _specsys(keys: Keywords, axis: Axis | None) -> tuple[str | None, list[Repair]]:
    """The spectral frame in the standard's spelling, by SPECSYS, else by the axis."""
    written = keys.text("SPECSYS")
    fault = keys.text_fault("SPECSYS")
    if written is None and fault is not None:
        return None, [Repair("SPECSYS", fault.written, None, "SPEC-FRAME-UNKNOWN", fault.message)]
    if written is not None:
        frame = frame_of(written)
        name = frame.value if frame else written.upper()
        if frame is None and name not in _UNCONVERTED:
            why = f"{written!r} is no frame of the standard"
            return None, [Repair("SPECSYS", written, None, "SPEC-FRAME-UNKNOWN", why)]
        if name == written:
            return name, []
        return name, [Repair("SPECSYS", written, name, "SPEC-FRAME-SPELLING", "the standard's spelling")]
    if axis is None:
        return None, []
    told = frame_of_axis(axis, keys)
    if told is not None:
        name, why = told
        return name, [Repair("SPECSYS", None, name, "SPEC-FRAME-SPELLING", why, 0.9)]
    why = "no SPECSYS and no other card that tells the frame"
    return None, [Repair("SPECSYS", None, None, "SPEC-FRAME-UNKNOWN", why)]


def _wavelengths(
    product: Product, keys: Keywords, low: float, high: float, specsys: str | None
) -> tuple[tuple[float, float], list[Repair]]:
    """Shortest and longest vacuum wavelength (m), at the barycentre where the frame and what it needs are
    known. Where they cannot be converted though others of this frame are, a repair of SPECSYS says that the
    frame is not published (design 4.4): it stands for the barycentre's wavelengths elsewhere.
    """
    kept = (C / high, C / low)
    frame = frame_of(specsys) if specsys else None
    if specsys is None or frame is Frame.BARY:
        return kept, []
    try:
        if frame is None:
            raise FrameUnknown(f"{specsys} moves with the source or the Galaxy by an unknown velocity")
        shifted = to_barycentric(np.array([low, high]), frame, pointing_of(product, keys))
    except FrameUnknown as error:
        if frame is None:  # nothing is ever converted from this frame: its name alone tells where they are
            was = repr(kept[0])
            return kept, [Repair("em_min", was, was, "SPEC-FRAME-KEPT", str(error), 0.5)]
        return kept, [Repair("SPECSYS", keys.text("SPECSYS"), None, "SPEC-FRAME-KEPT", str(error), 0.5)]
    became = (C / float(shifted[1]), C / float(shifted[0]))
    rule = _RULES.get(specsys or "", "SPEC-OTHER-BARY")
    why = f"vacuum wavelength in metres: from {specsys} to the barycentre"
    return became, [
        Repair("em_min", repr(kept[0]), repr(became[0]), rule, why),
        Repair("em_max", repr(kept[1]), repr(became[1]), rule, why),
    ]


def pointing_of(product: Product, keys: Keywords) -> Pointing | None:
    """Where, when and from where a file was observed, as far as that is known; None without a place."""
    sky = product.sky
    return Pointing(sky.ra, sky.dec, product.date_start, _site_of(product, keys)) if sky else None


def _site_of(product: Product, keys: Keywords) -> tuple[float, float, float] | None:
    """Geocentric x, y, z of the telescope in metres: from OBSGEO where that lies on the Earth, or ALMA's
    own.
    """
    x, y, z = (keys.number(f"OBSGEO-{letter}") or 0.0 for letter in "XYZ")
    if abs(math.hypot(x, y, z) - EARTH_RADIUS_M) < 50e3:
        return x, y, z
    return ALMA if (product.telescope or "").upper() == "ALMA" else None
