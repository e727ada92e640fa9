"""Rows of ``holdings.qa2``: noise and beam of an image against what was asked for.

The measured noise is brought to the bandwidth of the request as noise that is independent from channel to
channel, and only where the product can tell of that bandwidth: a cube of any from one channel to all of
them, an image of those within a factor of two of its own. After correction for the primary beam the typical
noise is above that of the centre, which the request means: it can then show that a limit is kept, not that
it is missed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vo_service.holdings.measurement import Measurement
from vo_service.holdings.records import Product
from vo_service.holdings.requested import Request, Requests
from vo_service.spectral import C
from vo_service.spectral.criteria import (
    PASS,
    RELAXED,
    Criteria,
    astrometric_accuracy,
    beam_area,
    beam_area_within,
    flux_accuracy,
    rms_within,
    verdict,
)

Row = dict[str, Any]

ROLES = frozenset({"image", "cube"})
"""Products that have a row."""

_JANSKY = {"Jy/beam": 1.0, "mJy/beam": 1e-3, "uJy/beam": 1e-6, "nJy/beam": 1e-9, "kJy/beam": 1e3}
_CORRECTED = "pbcor"
_ROUNDING = 1.02  # channels that a bandwidth is made of need not fill it to the last
_IMAGE_REACH = 2.0
_LINE_WIDTH = 10e3  # m/s


@dataclass(frozen=True, slots=True)
class _Noise:
    """``rms`` in Jy/beam over ``bandwidth`` in Hz; ``comparable`` where that is the bandwidth of the request;
    ``bound`` where the true one may be lower; ``remark`` says what is in the way."""

    rms: float | None
    bandwidth: float | None
    comparable: bool
    bound: bool
    remark: str | None


def qa2_row(
    product: Product,
    product_id: str,
    dataset_row: Mapping[str, Any],
    measurement: Measurement | None,
    requests: Requests,
) -> Row | None:
    """The row without ``origin`` and ``obs_release_date``; None for products that are no image or cube.

    ``dataset_row`` is the published row of ``ivoa.obscore`` that the product belongs to.
    """
    if product.role not in ROLES:
        return None
    band = _band(dataset_row.get("band_list"))
    windows = product.identity.windows
    request = requests.of(
        dataset_row.get("member_ous_uid") or product.identity.member_ous_uid,
        dataset_row.get("proposal_id") or product.identity.project_code,
        dataset_row.get("target_name") or product.identity.target_name,
        windows[0] if len(windows) == 1 else None,
    )
    noise = _noise(product, dataset_row, measurement, request)
    wanted = None if request is None else request.rms
    compared = noise.rms if noise.comparable else None
    area = None if product.beam is None else beam_area(product.beam.major, product.beam.minor)
    wanted_area = None if request is None else beam_area(request.beam_major, request.beam_minor)
    rms = {each.name: _rms_answer(band, compared, wanted, noise.bound, each) for each in (PASS, RELAXED)}
    beam = {each.name: beam_area_within(area, wanted_area, each) for each in (PASS, RELAXED)}
    accuracy = flux_accuracy(band)
    reached = verdict((rms[PASS.name], beam[PASS.name]), (rms[RELAXED.name], beam[RELAXED.name]))
    return {
        "product_id": product_id,
        "dataset_id": dataset_row.get("dataset_id"),
        "band": band,
        "rms_achieved": noise.rms,
        "rms_bandwidth": noise.bandwidth,
        "rms_requested": wanted,
        "requested_bandwidth": None if request is None else request.bandwidth,
        "rms_ratio": None if compared is None or wanted is None else compared / wanted,
        "rms_pass": _flag(rms[PASS.name]),
        "rms_relaxed": _flag(rms[RELAXED.name]),
        **_sensitivities(product, measurement),
        "beam_area_ratio": None if area is None or wanted_area is None else area / wanted_area,
        "beam_pass": _flag(beam[PASS.name]),
        "beam_relaxed": _flag(beam[RELAXED.name]),
        "flux_accuracy": None if accuracy is None else 100.0 * accuracy,
        "astrometric_accuracy": None
        if product.beam is None
        else astrometric_accuracy(product.beam.major, product.beam.minor),
        "verdict": None if reached is None else reached.value,
        "remark": noise.remark,
    }


def _noise(
    product: Product, row: Mapping[str, Any], measurement: Measurement | None, request: Request | None
) -> _Noise:
    """The measured noise, over the bandwidth of the request where the product can tell of it."""
    bound = _CORRECTED in product.identity.processing
    remark = "corrected for the primary beam: the noise is an upper limit of the centre's" if bound else None
    rms = _rms_in_jansky(product, measurement)
    if rms is None:
        unmeasured = measurement is None or measurement.rms is None
        why = "no noise was measured" if unmeasured else f"the unit is {product.unit}, not Jy/beam"
        return _Noise(None, None, False, bound, why)
    step, total = _widths(product, row)
    wanted = None if request is None else request.bandwidth
    if step is None or total is None or wanted is None:
        return _Noise(rms, step, False, bound, remark)
    low, high = (step / _ROUNDING, total * _ROUNDING)
    if step == total:
        low, high = total / _IMAGE_REACH, total * _IMAGE_REACH
    if not low <= wanted <= high:
        why = f"asked for over {wanted / 1e6:.6g} MHz, seen over {step / 1e6:.6g} to {total / 1e6:.6g} MHz"
        return _Noise(rms, step, False, bound, why)
    return _Noise(rms * math.sqrt(step / wanted), wanted, True, bound, remark)


def _rms_in_jansky(product: Product, measurement: Measurement | None) -> float | None:
    """The measured noise in Jy/beam, None in other kinds of unit."""
    factor = _JANSKY.get(product.unit or "")
    if measurement is None or measurement.rms is None or factor is None:
        return None
    return measurement.rms * factor


def _sensitivities(product: Product, measurement: Measurement | None) -> Row:
    """The measured counterparts of the archive's estimates, in mJy/beam: of a cube in 10 km/s, of an image
    over its bandwidth."""
    rms, coverage = _rms_in_jansky(product, measurement), product.spectral
    line = continuum = None
    if rms is not None and coverage is not None and coverage.channels > 1:
        step = C * coverage.channel_width / ((coverage.f_min + coverage.f_max) / 2)
        if step / _ROUNDING <= _LINE_WIDTH <= step * coverage.channels * _ROUNDING:
            line = rms * 1e3 * math.sqrt(step / _LINE_WIDTH)
    elif rms is not None:
        continuum = rms * 1e3
    return {"sensitivity_10kms": line, "cont_sensitivity_bandwidth": continuum}


def _widths(product: Product, row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Bandwidth in Hz of one channel, and of all of them together: of an image of several windows that of
    the windows, without the gaps between them."""
    if product.spectral is None:
        return None, None
    if product.spectral.channels > 1:
        return product.spectral.channel_width, product.spectral.f_max - product.spectral.f_min
    support = row.get("em_support")
    if support is None or len(support) <= 2:
        return product.spectral.channel_width, product.spectral.channel_width
    total = float(sum(C / low - C / high for low, high in zip(support[::2], support[1::2])))
    return total, total


def _rms_answer(
    band: int | None, achieved: float | None, requested: float | None, bound: bool, criteria: Criteria
) -> bool | None:
    """Whether the noise is within the limit; an upper limit of it can only say that it is."""
    answer = rms_within(band, achieved, requested, criteria)
    return None if bound and answer is False else answer


def _band(bands: str | None) -> int | None:
    """The band where there is one alone."""
    words = (bands or "").split()
    return int(words[0]) if len(words) == 1 and words[0].isdigit() else None


def _flag(answer: bool | None) -> int | None:
    return None if answer is None else int(answer)
