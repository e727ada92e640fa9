"""The row of ``ivoa.obscore`` that a data set's own files make, before any archive row is looked at.

Value rules are those of ObsCore 1.1 (OBS-060 to OBS-089) and of the archive's columns (ALMA-030 to ALMA-072);
what a file does not tell is None.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

import numpy as np

from vo_service.holdings.archive_obscore import bands_of
from vo_service.holdings.finish import did_of
from vo_service.holdings.group import DERIVED, DataSet
from vo_service.holdings.origin_names import origin_names
from vo_service.holdings.planes import channel_count
from vo_service.holdings.records import Product, SpectralCoverage
from vo_service.spectral import C

Row = dict[str, Any]

# Order of labels in pol_states (OBS-085).
POLARISATIONS = "I Q U V RR LL RL LR XX YY XY YX POLI POLA".split()

_SUBTYPES = {"moment0": "mom0", "moment1": "mom1", "moment2": "mom2"}
_INTENTS = {"sci": "TARGET", "bp": "BANDPASS", "ph": "PHASE", "chk": "CHECK"}


def dataset_row(dataset: DataSet, product_id: str, authority: str, changed: datetime) -> Row:
    """One row, complete but for what the finishing step derives.

    ``product_id`` is that of the primary file, ``changed`` the time of this ingest.
    """
    primary = dataset.primary
    identity = primary.identity
    uid = identity.member_ous_uid
    return {
        "dataset_id": dataset.dataset_id,
        "obs_publisher_did": did_of(authority, dataset.dataset_id),
        "publisher_id": f"ivo://{authority}",
        "obs_id": uid if uid is not None else dataset.dataset_id,
        "member_ous_uid": uid,
        "group_ous_uid": identity.group_ous_uid,
        "proposal_id": identity.project_code,
        "target_name": identity.target_name,
        "dataproduct_type": product_type(primary),
        "dataproduct_subtype": product_subtype(dataset),
        "calib_level": calibration_level(dataset),
        "access_format": primary.media_type,
        "access_estsize": math.ceil(primary.file.size_bytes / 1000),
        "_access_path": f"files/{product_id}",
        "obs_creation_date": _timestamp(primary.created),
        "lastModified": changed,
        "science_observation": "T" if identity.intent in {None, "sci"} else "F",
        "scan_intent": _INTENTS.get(identity.intent or ""),
        "o_ucd": observable_ucd(dataset.role, primary),
        "o_unit": primary.unit,
        "origin": "file",
        "t_xel": 1,
        "rest_frequency": primary.rest_frequency,
        "specsys": primary.specsys,
        **_names(primary),
        **_sky_values(primary),
        "em_xel": channel_count(primary),
        **_spectral_values(primary.spectral),
        **_times(primary),
        **_polarisation(primary.polarisations),
    }


def product_type(primary: Product) -> str:
    """``cube`` where there is a third axis with more than one plane, of channels or of Stokes (OBS-061)."""
    if primary.spectral is not None and primary.spectral.channels > 1:
        return "cube"
    planes = () if primary.layout is None else primary.layout.axes[2:]
    return "cube" if any(length > 1 for length in planes) else "image"


def product_subtype(dataset: DataSet) -> str | None:
    """Our own vocabulary (OBS-100): spw.cube, spw.mfs, cont.mfs, mom0, alpha and so on."""
    identity = dataset.primary.identity
    if dataset.role in DERIVED:
        return _SUBTYPES.get(dataset.role, dataset.role)
    if len(identity.windows) > 1 or "cont" in identity.processing:
        return "cont.mfs" if dataset.role == "image" else "cont.cube"
    if len(identity.windows) == 1:
        return "spw.cube" if dataset.role == "cube" else "spw.mfs"
    return None


def calibration_level(dataset: DataSet) -> int:
    """4 for maps that come of an analysis, 2 for images of one member set, 3 for what was combined or
    delivered from outside (OBS-062)."""
    if dataset.role in DERIVED:
        return 4
    return 2 if dataset.primary.identity.member_ous_uid is not None else 3


def observable_ucd(role: str, primary: Product) -> str | None:
    """UCD of the pixel value by role and unit (OBS-084)."""
    by_role = {
        "moment0": "spect.line.intensity",
        "moment1": "spect.dopplerVeloc.radio",
        "moment2": "spect.line.width",
        "width": "spect.line.width",
        "alpha": "spect.index",
    }
    if role in by_role:
        return by_role[role]
    unit = primary.unit
    if unit is None:
        return None
    ucd = _ucd_of_unit(unit)
    if ucd == "phot.flux.density" and set(primary.polarisations) - {"I"}:
        return f"{ucd};phys.polarization"
    if role == "error":
        return "stat.error" if ucd is None else f"stat.error;{ucd}"
    return ucd


def _ucd_of_unit(unit: str) -> str | None:
    symbols = set(re.findall(r"[A-Za-z]+", unit))
    velocity = symbols & {"km", "m"} and "s" in symbols
    if symbols & {"Jy", "mJy", "uJy", "nJy"}:
        return "spect.line.intensity" if velocity or "Hz" in symbols else "phot.flux.density"
    if symbols & {"K", "mK"}:
        return "spect.line.intensity" if velocity else "phys.temperature"
    return "spect.dopplerVeloc.radio" if velocity else None


def _names(primary: Product) -> Row:
    """Collection, facility, instrument, creator (ALMA-003, OBS-063, OBS-088)."""
    names = origin_names(primary)
    delivered = names.of_alma and primary.identity.member_ous_uid is not None
    return {
        "obs_collection": names.collection,
        "facility_name": names.facility,
        "instrument_name": names.instrument,
        "obs_creator_name": "ALMA" if delivered else None,
    }


def _sky_values(primary: Product) -> Row:
    coverage, beam = primary.sky, primary.beam
    size = None if beam is None else math.sqrt(beam.major * beam.minor)
    values: Row = {
        "s_resolution": size,
        "spatial_resolution": size,
        "s_ra": None,
        "s_dec": None,
        "s_region": None,
    }
    axes = () if primary.layout is None else primary.layout.axes
    if coverage is None:
        if len(axes) >= 2:
            values |= {"s_xel1": axes[0], "s_xel2": axes[1]}
        return values
    return values | {
        "s_ra": coverage.ra,
        "s_dec": coverage.dec,
        "s_fov": coverage.field_of_view,
        "s_region": coverage.footprint.to_stcs(),
        "s_xel1": coverage.pixels[0],
        "s_xel2": coverage.pixels[1],
        "s_pixel_scale": coverage.pixel_scale,
        "s_ucd": "pos",
        "s_unit": "deg",
    }


def _spectral_values(coverage: SpectralCoverage | None) -> Row:
    """Wavelengths as published; the frequency columns belong to them, so that ALMA-120 and ALMA-121 hold."""
    if coverage is None:
        return {"em_min": None, "em_max": None, "frequency": None}
    f_min, f_max = C / coverage.em_max, C / coverage.em_min
    middle = (f_min + f_max) / 2
    width = f_max - f_min
    step = width / coverage.channels
    if coverage.power_min is not None:  # no frame changes the share that the channel in the middle has
        step = width * coverage.channel_width / (coverage.f_max - coverage.f_min)
    return {
        "em_min": coverage.em_min,
        "em_max": coverage.em_max,
        "em_res_power": middle / step if step > 0 else None,
        **_resolving_powers(coverage, f_min, step),
        "em_support": [coverage.em_min, coverage.em_max],
        "em_ucd": "em.freq",
        "em_unit": "Hz",
        "frequency": middle / 1e9,
        "bandwidth": width,
        "spectral_resolution": coverage.channel_width / 1e3,
        "velocity_resolution": C * step / middle,
        "band_list": bands_of(np.array([middle]))[0].as_py(),
        "specsys": coverage.specsys,
    }


def _resolving_powers(coverage: SpectralCoverage, f_min: float, step: float) -> Row:
    """Lowest and highest resolving power of the channels of a cube (OBS-120)."""
    if coverage.channels < 2:
        return {}
    if coverage.power_min is not None:
        return {"em_res_power_min": coverage.power_min, "em_res_power_max": coverage.power_max}
    lowest = f_min / step + 0.5
    return {"em_res_power_min": lowest, "em_res_power_max": lowest + coverage.channels - 1}


def _times(primary: Product) -> Row:
    """MJD (UTC) of start and end; a start whose end no card tells stands alone (OBS-077)."""
    exposure = primary.exposure_seconds
    return {
        "t_min": primary.date_start,
        "t_max": primary.date_end,
        "t_exptime": exposure,
        "t_resolution": exposure,
    }


def _polarisation(labels: tuple[str, ...]) -> Row:
    known = [label for label in POLARISATIONS if label in labels]
    if not known:
        return {"pol_states": None, "pol_xel": None}
    return {"pol_states": f"/{'/'.join(known)}/", "pol_xel": len(known)}


def _timestamp(text: str | None) -> datetime | None:
    """A date and time of a header as published; None where it is none."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
