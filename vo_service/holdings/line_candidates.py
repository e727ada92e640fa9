"""Rows of ``holdings.line_candidate``: what stands above the noise in the peak spectrum of a cube, and which
lines of the list it may be at the redshift that is stated for the target. Hints, marked as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_service.holdings.measurement import Doubles, Measurement, PeakSpectrum
from vo_service.holdings.records import Product, SpectralCoverage
from vo_service.holdings.redshifts import Redshift, Redshifts, redshift_of
from vo_service.spectral import C, Frame
from vo_service.spectral.candidates import Candidate, find_candidates, identify

Row = dict[str, Any]

HINT = "candidate"
_AT_REST = Redshift(0.0, "header SPECSYS: the frequencies are the source's own")
_UNMOVED = 1e-10  # relative: no conversion between frames that was made leaves frequencies this close


def candidate_rows(
    product: Product,
    product_id: str,
    dataset_row: Mapping[str, Any],
    measurement: Measurement,
    redshifts: Redshifts,
) -> list[Row]:
    """Rows without ``origin`` and ``obs_release_date``, by channel; none for anything but a cube.

    ``dataset_row`` is the published row of ``ivoa.obscore`` that the product belongs to. A cube whose
    channels have no known frequencies has no candidates: neither widths nor lines could be told.
    """
    coverage, spectrum = product.spectral, measurement.spectrum
    if product.role != "cube" or coverage is None or spectrum is None:
        return []
    frequency, peak, rms, channel = _usable(spectrum)
    factor, frame = _to_barycentre(coverage)
    redshift = redshift_of(product, dataset_row.get("target_name"), redshifts)
    if frame == "SOURCE":
        redshift = _AT_REST
    found = find_candidates(frequency * factor, peak, rms) if len(frequency) > 1 else ()
    return [
        {
            "candidate_id": f"{product_id}-line{number}",
            "product_id": product_id,
            "dataset_id": dataset_row.get("dataset_id"),
            "obs_publisher_did": dataset_row.get("obs_publisher_did"),
            "channel_first": int(channel[candidate.first]),
            "channel_last": int(channel[candidate.last]),
            "frequency": candidate.centre_hz,
            "f_low": candidate.low_hz,
            "f_high": candidate.high_hz,
            "specsys": frame,
            "snr": candidate.snr,
            "width": candidate.width_kms,
            "false_alarm": candidate.false_alarm,
            "lines": _names(candidate, redshift),
            "redshift": None if redshift is None else redshift.number,
            "redshift_source": None if redshift is None else redshift.source,
            "hint": HINT,
        }
        for number, candidate in enumerate(found, start=1)
    ]


def _usable(spectrum: PeakSpectrum) -> tuple[Doubles, Doubles, Doubles, NDArray[np.int32]]:
    """Frequency, peak, rms and channel number of the channels whose frequency is known."""
    known = np.isfinite(spectrum.frequency) & (spectrum.frequency > 0.0)
    return spectrum.frequency[known], spectrum.peak[known], spectrum.rms[known], spectrum.channel[known]


def _to_barycentre(coverage: SpectralCoverage) -> tuple[float, str | None]:
    """What frequencies of the file are multiplied by to be barycentric, as the header pass found it, and
    the frame that they are in then."""
    factor = C / (coverage.em_max * coverage.f_min)
    if abs(factor - 1.0) < _UNMOVED:
        return 1.0, coverage.specsys
    return factor, Frame.BARY.value


def _names(candidate: Candidate, redshift: Redshift | None) -> str | None:
    """The lines it may be, nearest first; None where there is none, or no redshift to tell by."""
    if redshift is None:
        return None
    return "; ".join(each.line.name for each in identify(candidate, redshift.number)) or None
