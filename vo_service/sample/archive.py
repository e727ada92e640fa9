"""The archive's own table of the same observations, made from the plans and not from the files.

One row per target and spectral window as the ALMA archive has them (``obs_id`` = member uid +
``.source.NAME.spw.N``; Cycle 0: one row with the plain member uid). Wavelengths are topocentric tunings, up
to 6e-5 away from the barycentric ones; the resolution is an estimate within 15 % of the beam. Both stay
inside the tolerances within which a value agrees with the file's (1e-4 and 20 %), so that only planted
disagreements are disagreements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from vo_service.sample.lines import SPEED_OF_LIGHT
from vo_service.sample.observations import DISHES, Observation, Window
from vo_service.sample.votable import Cell

ArchiveRow = dict[str, Cell]

HARVESTED = "2024-02-12T16:29:51.502"
_INTENTS = {"sci": "TARGET", "bp": "BANDPASS FLUX WVR", "ph": "PHASE WVR", "chk": "CHECK WVR"}


def _amount(millijansky: float) -> str:
    if millijansky < 1.0:
        return f"{round(millijansky * 1000.0, 1):g}uJy"
    return f"{round(millijansky, 1):g}mJy"


def sensitivity(observation: Observation, window: Window) -> float:
    """Estimated rms in mJy/beam in 10 km/s."""
    ten = 10_000.0 / SPEED_OF_LIGHT * window.centre
    return observation.noise * 1000.0 * math.sqrt(window.step / ten)


def frequency_support(observation: Observation, shift: float) -> str:
    """All windows in the archive's notation: edges, channel width, noise in 10 km/s and natively,
    correlations.
    """
    parts = []
    for window in observation.windows:
        line = _amount(sensitivity(observation, window))
        native = _amount(observation.noise * 1000.0)
        parts.append(
            f"[{window.f_min * shift / 1e9:.2f}..{window.f_max * shift / 1e9:.2f}GHz,"
            f"{window.step / 1e3:.2f}kHz,"
            f"{line}/beam@10km/s,{native}/beam@native, XX YY]"
        )
    return " U ".join(parts)


def _ellipse(ra: float, dec: float, east: float, north: float, points: int = 16) -> str:
    """Vertices counter-clockwise seen from inside: from north through east."""
    turns = np.linspace(0.0, 2.0 * math.pi, points, endpoint=False)
    stretch = east / math.cos(math.radians(dec))
    return " ".join(
        f"{(ra + stretch * math.sin(turn)) % 360.0:.6f} {dec + north * math.cos(turn):.6f}" for turn in turns
    )


def _region(observation: Observation, field_of_view: float) -> str:
    ra, dec, radius = observation.source.ra, observation.source.dec, field_of_view / 2.0
    if not observation.mosaic:
        return f"Circle ICRS {ra:.6f} {dec:.6f} {radius:.6f}"
    if int(observation.member_uid.rpartition("X")[2], 16) % 3 == 0:
        # Two patches with a gap between them, the western one with a hole.
        shift = 0.55 * radius / math.cos(math.radians(dec))
        east = _ellipse(ra + shift, dec, 0.5 * radius, 0.8 * radius)
        west = _ellipse(ra - shift, dec, 0.5 * radius, 0.8 * radius)
        hole = _ellipse(ra - shift, dec, 0.1 * radius, 0.1 * radius, 8)
        return f"Union ICRS ( Polygon {east} Polygon {west} Not (Polygon {hole}))"
    return "Polygon ICRS " + _ellipse(ra, dec, radius, 0.9 * radius)


def _observation_cells(rng: np.random.Generator, observation: Observation, shift: float) -> ArchiveRow:
    """What is the same on all rows of one member OUS and target, in the archive's order of columns."""
    resolution = math.sqrt(observation.beam[0] * observation.beam[1]) * float(rng.uniform(0.87, 1.14))
    return {
        **_description_cells(observation, resolution),
        **_setup_cells(observation, shift),
        **_project_cells(observation, passed=rng.random() >= 0.12),
    }


def _description_cells(observation: Observation, resolution: float) -> ArchiveRow:
    """ObsCore's columns."""
    project = observation.project
    source = observation.source
    galactic = SkyCoord(source.ra * u.deg, source.dec * u.deg, frame="icrs").galactic
    low = min(window.f_min for window in observation.windows)
    high = max(window.f_max for window in observation.windows)
    pointing = math.degrees(1.13 * SPEED_OF_LIGHT / (0.5 * (low + high)) / DISHES[observation.array])
    field_of_view = pointing * (2.1 if observation.mosaic else 1.0)
    return {
        "obs_publisher_did": f"ADS/JAO.ALMA#{project.code}",
        "obs_collection": "ALMA",
        "facility_name": "JAO",
        "instrument_name": "ALMA",
        "calib_level": 2,
        "collections": "",
        "target_name": observation.archive_name,
        "s_ra": source.ra,
        "s_dec": source.dec,
        "s_fov": field_of_view,
        "s_region": _region(observation, field_of_view),
        "t_xel": 1,
        "pol_xel": 2,
        "pol_states": "/XX/YY/",
        "s_resolution": resolution,
        "spatial_resolution": resolution,
        "spatial_scale_max": resolution * 11.0,
        "t_min": observation.start,
        "t_max": observation.end,
        "t_exptime": observation.exposure,
        "t_resolution": observation.exposure,
        "o_ucd": "phot.flux.density;phys.polarization",
        "access_url": f"https://almascience.org/datalink/sync?ID={observation.member_uid}",
        "access_format": "applicati",
        "proposal_id": project.code,
        "data_rights": "Public" if project.is_released else "Proprietary",
        "gal_longitude": float(galactic.l.deg),
        "gal_latitude": float(galactic.b.deg),
    }


def _setup_cells(observation: Observation, shift: float) -> ArchiveRow:
    """What the archive adds of the set-up: band, antennas, windows."""
    project = observation.project
    finest = min(window.step for window in observation.windows)
    return {
        "band_list": str(observation.band),
        "em_resolution": finest / 1e3 * 299792.458,
        "antenna_arrays": " ".join(observation.antennas),
        "is_mosaic": "T" if observation.mosaic else "F",
        "obs_release_date": project.release,
        "frequency_support": frequency_support(observation, shift),
        "velocity_resolution": finest / observation.windows[0].centre * SPEED_OF_LIGHT,
    }


def _project_cells(observation: Observation, *, passed: bool) -> ArchiveRow:
    """What the archive adds of the project, and of how the observation went."""
    project = observation.project
    source = observation.source
    return {
        "obs_creator_name": "ALMA",
        "pub_title": project.pub_title,
        "first_author": project.first_author,
        "authors": project.first_author and f"{project.first_author}; {project.authors}",
        "pub_abstract": "",
        "publication_year": project.publication_year,
        "proposal_abstract": project.abstract,
        "schedblock_name": f"{source.name.replace(' ', '_')}_a_{observation.band:02d}_"
        + ("7M" if observation.array == "7m" else "TM1"),
        "proposal_authors": project.authors,
        "cont_sensitivity_bandwidth": observation.noise * 1000.0 / 12.0,
        "pwv": observation.pwv,
        "group_ous_uid": observation.group_uid or "",
        "member_ous_uid": observation.member_uid,
        "asdm_uid": observation.asdm_uid,
        "obs_title": project.title,
        "type": project.kind,
        "scan_intent": _INTENTS[observation.intent],
        "science_observation": "T" if observation.intent == "sci" else "F",
        "qa2_passed": "T" if passed else "F",
        "bib_reference": project.bibcodes,
        "science_keyword": project.keyword,
        "scientific_category": project.category,
        "lastModified": HARVESTED,
        "pi_name": project.pi_name,
        "pi_userid": project.pi_name.split(",")[0].lower(),
    }


def window_cells(window: Window, shift: float) -> ArchiveRow:
    """What tells the row of one window from the next."""
    low, high = window.f_min * shift, window.f_max * shift
    return {
        "dataproduct_type": "cube" if window.channels > 1 else "image",
        "em_min": SPEED_OF_LIGHT / high,
        "em_max": SPEED_OF_LIGHT / low,
        "em_xel": window.channels,
        "frequency": 0.5 * (low + high) / 1e9,
        "bandwidth": high - low,
        "em_res_power": 0.5 * (low + high) / window.step,
    }


def archive_rows(rng: np.random.Generator, observation: Observation) -> list[tuple[str | None, ArchiveRow]]:
    """The rows of one target of a member OUS, each with the label of its window (None in Cycle 0)."""
    shift = 1.0 + float(rng.uniform(-6e-5, 6e-5))
    common = _observation_cells(rng, observation, shift)
    windows: Sequence[Window] = observation.windows
    if observation.group_uid is None or observation.intent != "sci":
        windows = windows[:1]
    rows: list[tuple[str | None, ArchiveRow]] = []
    for window in windows:
        row = {**common, **window_cells(window, shift), "sensitivity_10kms": sensitivity(observation, window)}
        label = None if observation.group_uid is None else window.label
        place = observation.archive_name.replace(" ", "_")
        row["obs_id"] = (
            observation.member_uid
            if label is None
            else f"{observation.member_uid}.source.{place}.spw.{label}"
        )
        rows.append((label, row))
    return rows


def unusable_rows(row: ArchiveRow) -> list[tuple[str, ArchiveRow]]:
    """Rows made of ``row`` that nobody can map, each with the reason."""
    nameless = {**row, "obs_id": "", "member_ous_uid": "", "access_url": ""}
    unplaced = {**row, "obs_id": f"{row['member_ous_uid']}.source.elsewhere.spw.99", "s_dec": 123.4}
    return [
        ("neither obs_id nor member_ous_uid", nameless),
        ("s_dec is no declination: 123.4", unplaced),
    ]
