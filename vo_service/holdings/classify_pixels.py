"""The role of a file once its pixels have been read: what header and name left open, or got wrong.

Pixels tell some roles with certainty: a mask holds nothing but 0 and 1, a point spread function is exactly 1
at the centre with side lobes below zero, a primary beam falls smoothly from 1 and stays above zero. They also
tell what a file can't be: half of the pixels off a source are below zero in every image that an
interferometer makes. A role that a card or a word tells is never overruled; where pixels deny it the role is
``unknown`` with the reason. What several kinds of file have in common tells none of them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from vo_service.holdings.file_names import read_name
from vo_service.holdings.measurement import PixelStatistics
from vo_service.holdings.planes import channel_count
from vo_service.holdings.records import Product
from vo_service.holdings.units import read_unit
from vo_service.holdings.words import is_doubtful, is_of_source, match_words

SMOOTH = 0.15
"""Roughness of a primary beam is below this; what an interferometer images is sampled too coarsely for it."""
SOLAR_KELVIN = 1000.0
"""No map but one of the Sun is everywhere hotter than this."""
FEWEST_PIXELS = 10_000
"""Below this the largest and the smallest pixel of noise say little."""
SLOWEST_SOURCE = 400e3
"""m/s: widths and errors of lines come down to zero somewhere, they are never all larger than this."""
SIGNED = 0.25
"""At least so many pixels of an observed image are below zero: half of those off its sources."""
_EXACT = 1e-4
_NEARLY = 1e-3
_HIGHER_TERMS = frozenset({"tt1", "tt2"})
_SCIENCE = frozenset({"image", "cube"})
_NEVER_NEGATIVE = frozenset({"peak", "error", "weight", "mask", "pb", "width"})


def revise_role(product: Product, statistics: PixelStatistics) -> Product:
    """The product with the role that header, name and pixels tell together, and the evidence extended.

    A role that is told by header or name stays, or becomes ``unknown`` where the pixels contradict it. One
    that rests on unit and axes alone, or is ``unknown``, becomes what the pixels tell; so does one whose
    word in the name may be the source's.
    """
    if product.told_by in ("header", "name"):
        denial = _denial(product, statistics)
        return product if denial is None else _revised(product, "unknown", f"contradiction: {denial}")
    if product.told_by not in ("content", "doubt"):
        return product
    shown = _signature(statistics)
    if shown is not None:
        return _revised(product, *shown)
    if product.told_by == "doubt":
        shown = _judge_word(product, statistics)
        return product if shown is None else _revised(product, *shown)
    if product.role in _SCIENCE:
        doubt = _doubt(product, statistics)
        return product if doubt is None else _revised(product, "unknown", doubt)
    if product.role == "unknown":
        shown = _map_along_axis(product, statistics)
        return product if shown is None else _revised(product, *shown)
    return product


def _revised(product: Product, role: str, why: str) -> Product:
    evidence = f"{product.evidence}; pixels: {why}" if product.evidence else f"pixels: {why}"
    return replace(product, role=role, evidence=evidence, told_by="pixels")


def _signature(pixels: PixelStatistics) -> tuple[str, str] | None:
    """The role that only one kind of file can show, with what shows it; None where none does."""
    if _is_binary(pixels):
        return "mask", f"nothing but 0 and 1, {pixels.one_fraction:.3g} of them 1"
    if _is_point_response(pixels):
        return "psf", f"exactly 1 at the centre, side lobes down to {pixels.minimum:.3g}"
    if _is_primary_beam(pixels):
        return "pb", f"1 near the centre, smooth, from {pixels.minimum:.3g} to {pixels.maximum:.6g}"
    return None


def _is_binary(pixels: PixelStatistics) -> bool:
    """Nothing but 0 and 1, few of them 1: where most are, it may be the coverage as well."""
    few = 0.0 < pixels.one_fraction < 0.5
    return few and pixels.distinct == 2 and math.isclose(pixels.zero_fraction + pixels.one_fraction, 1.0)


def _is_point_response(pixels: PixelStatistics) -> bool:
    return (
        pixels.centre is not None
        and pixels.peak_offset is not None
        and abs(pixels.centre - 1.0) <= _EXACT
        and pixels.maximum - 1.0 <= _EXACT
        and pixels.peak_offset <= 1.5
        and -1.0 < pixels.minimum < 0.0
        and abs(pixels.mean) < 0.1
    )


def _is_primary_beam(pixels: PixelStatistics) -> bool:
    return (
        pixels.minimum > 0.0
        and abs(pixels.maximum - 1.0) <= _NEARLY
        and pixels.centre is not None
        and pixels.centre >= 0.9
        and not pixels.integral
        and pixels.roughness is not None
        and pixels.roughness < SMOOTH
    )


def _judge_word(product: Product, pixels: PixelStatistics) -> tuple[str, str] | None:
    """The role of a file in whose name a role word may be the source's, with what its pixels say of that
    word; None where they leave it open.
    """
    name = read_name(product.file.path)
    words = [(at, word) for at, word in match_words(name.words) if is_doubtful(name, at, word)]
    if not words or pixels.distinct == 1:
        return None
    index, word = next((each for each in words if each[1].role == "error"), words[-1])
    text, joined = name.words[index], is_of_source(name, index)
    signed = pixels.negative_fraction is not None and pixels.negative_fraction >= SIGNED
    if not signed and pixels.minimum >= 0.0 and word.role in _NEVER_NEGATIVE | {"model"}:
        return word.role, f"none below zero, which the word {text!r} is right about"
    if not signed or not _is_observed(product):
        return None
    if word.role == "residual" and _is_noise(product, pixels):
        agrees = f"noise and nothing else, which the word {text!r} is right about"
        return None if joined else ("residual", agrees)
    if joined or word.role in _NEVER_NEGATIVE | {"psf"}:
        share = f"{pixels.negative_fraction:.0%} below zero, and a beam"
        why = f"{share}, as of an image: the word {text!r} is part of the source's name"
        return "cube" if channel_count(product) > 1 else "image", why
    return None


def _is_observed(product: Product) -> bool:
    """Whether unit and beam are those of an image that was observed."""
    unit = read_unit(product.unit) if product.unit else None
    return product.beam is not None and unit is not None and (unit.per == "beam" or unit.text in ("K", "mK"))


def _denial(product: Product, pixels: PixelStatistics) -> str | None:
    """How the pixels contradict a role that card or word tell; None where they may well have it. Higher
    Taylor terms are coefficients of any size and sign, whatever they are the terms of."""
    if not _HIGHER_TERMS.isdisjoint(product.identity.processing):
        return None
    shown = _signature(pixels)
    low, high = f"{pixels.minimum:.3g}", f"{pixels.maximum:.3g}"
    if product.role in _SCIENCE and shown is not None:
        return f"{shown[1]}, as of a {shown[0]}"
    if product.role == "pb" and (pixels.minimum < -_NEARLY or pixels.maximum > 2.0):
        return f"from {low} to {high}, a primary beam lies between 0 and 1"
    if product.role == "mask" and not pixels.integral:
        return f"values between {low} and {high} that are no whole numbers, as no mask has them"
    if product.role == "psf" and not (pixels.maximum <= 1.5 and pixels.minimum >= -1.5):
        return f"from {low} to {high}, a point spread function has its peak at 1"
    if product.role == "weight" and pixels.minimum < -_NEARLY * abs(pixels.maximum):
        return f"down to {low}, no weight is below zero"
    return None


def _doubt(product: Product, pixels: PixelStatistics) -> str | None:
    """Why an image of brightness, as unit and axes have it, may be something else; None without a doubt."""
    if pixels.distinct == 1:
        # An empty image says nothing for the header, and nothing against it.
        return None if pixels.maximum == 0.0 else f"all are {pixels.minimum:.6g}, and the sky is not flat"
    unit = read_unit(product.unit) if product.unit else None
    kelvin = unit is not None and unit.text == "K"
    if pixels.minimum >= 0.0 and not (kelvin and pixels.minimum >= SOLAR_KELVIN):
        return "none below zero, as in maps of peaks, of noise or of a model, and not in an image with noise"
    if _is_noise(product, pixels):
        return "noise about zero and nothing else: a residual, or an image without a detection"
    return None


def _is_noise(product: Product, pixels: PixelStatistics) -> bool:
    """Whether the pixels are as symmetric about zero, and as small, as those of noise alone."""
    count = math.prod(product.layout.axes) if product.layout else 0
    if count < FEWEST_PIXELS or pixels.deviation <= 0.0 or pixels.minimum >= 0.0:
        return False
    expected = math.sqrt(2.0 * math.log(count))
    return (
        abs(pixels.mean) < 0.03 * pixels.deviation
        and pixels.maximum < 1.1 * expected * pixels.deviation
        and 0.8 < -pixels.maximum / pixels.minimum < 1.25
    )


def _map_along_axis(product: Product, pixels: PixelStatistics) -> tuple[str, str] | None:
    """Moment 0 or 1 of a map whose unit tells that it was made along the spectral axis, where its pixels
    leave nothing else; None where errors or widths would look the same."""
    unit = read_unit(product.unit) if product.unit else None
    if unit is None:
        return None
    if unit.kind == "integrated" and unit.per != "pixel" and pixels.minimum < 0.0 < pixels.maximum:
        return "moment0", "integrated over a line, some below zero as no error is"
    if unit.kind == "velocity":
        scale = 1e3 if unit.text == "km/s" else 1.0
        low, high = pixels.minimum * scale, pixels.maximum * scale
        if low > SLOWEST_SOURCE and high - low < 0.5 * low:
            return "moment1", "velocities near one another and far from zero, as no widths or errors are"
    return None
