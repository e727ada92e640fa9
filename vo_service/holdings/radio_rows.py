"""Rows of ``ivoa.obscore_radio``: one for every row of ``ivoa.obscore`` (RAD-007), by RAD-040 to RAD-051.

What only visibilities tell stays null: distances between antennas as the source sees them, and what follows
from these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.holdings.antennas import Arrays, read_arrays
from vo_service.holdings.finish import complete, nullable, numbers
from vo_service.holdings.names import canonical
from vo_service.spectral import C

# Bodies whose position moves against the stars; others are known by the form of their names.
SOLAR_SYSTEM = frozenset(
    "sun moon mercury venus mars jupiter saturn uranus neptune pluto ceres pallas vesta juno hygiea titan io "
    "europa ganymede callisto triton charon enceladus rhea dione tethys iapetus lutetia".split()
)
_SCALE_FACTOR = 0.983
"""The archive's largest scale over wavelength by baseline; baselines on the ground are longer than the source
sees them, and give 1 to 1.7 times less."""
_NUMBERED = frozenset(
    "1ceres 2pallas 3juno 4vesta 5astraea 6hebe 7iris 8flora 9metis 10hygiea 15eunomia 16psyche 21lutetia "
    "31euphrosyne 52europa 65cybele 87sylvia 107camilla 243ida 253mathilde 324bamberga 433eros 511davida "
    "624hektor 704interamnia 951gaspra 1566icarus 2060chiron 3200phaethon 4179toutatis 10199chariklo "
    "25143itokawa 50000quaoar 65803didymos 90377sedna 90482orcus 99942apophis 101955bennu 134340pluto "
    "136108haumea 136199eris 136472makemake 162173ryugu 486958arrokoth".split()
)
"""Known by number and name together: a number before any other name is that of a star or a field."""
_YEAR = r"(?:1[89]|20)[0-9]{2}"
_MOVING = re.compile(
    rf"""
      [CPX][ ]?/[ ]?[0-9]{{4}}                        # C/2012 S1
    | [AD][ ]?/[ ]?{_YEAR}[ ]?[A-HJ-Y][0-9]           # A/2017 U1
    | [CP][ ]?{_YEAR}[ ]?[A-HJ-Y][A-HJ-Z]?[0-9]{{1,3}}(?![0-9A-Z])  # C2012_S1
    | [0-9]{{1,3}}[ ]?P(?:[ ]?/|$)                    # 67P, 67P/C-G
    | [0-9]{{1,3}}(?-i:P[ -][A-Z])                    # 46P Wirtanen, 73P-B
    | [0-9]{{1,2}}I[ ]?/[ ]?(?:['’]?[A-Z]{{3}}|20[0-9]{{2}})  # 3I/ATLAS
    | [1-3]I[ -]?['’]?(?:Oumuamua|Borisov|ATLAS)
    | (?:\([0-9]+\)[ ]?)?{_YEAR}[ ]?(?-i:[A-HJ-Y][A-HJ-Z])[0-9]{{1,3}}$  # 2003 UB313; SN 2011fe has no number
    | \([0-9]{{4,}}\)[ ]?[A-Z]{{3}}                   # (4179) Toutatis
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""Comets, bodies from between the stars, and minor planets, by the forms of their designations; ``_`` may
stand for a blank, and file names leave both and the slash out."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Ranges that typical values are carried over to: lowest, highest and nominal frequency in Hz, and the
    beam sizes in arcsec where they were measured per channel (NaN elsewhere)."""

    f_low: NDArray[np.float64]
    f_high: NDArray[np.float64]
    f_nominal: NDArray[np.float64]
    beam_min: NDArray[np.float64]
    beam_max: NDArray[np.float64]
    f_resolution_khz: NDArray[np.float64]
    fields_scale: NDArray[np.bool_]
    """True where the field of view goes with the wavelength: single pointings known only to the archive."""


def radio_rows(obscore: pa.Table, reach: Reach, table: Table) -> pa.Table:
    """One radio row for each row of ``obscore``.

    Resolution, largest scale and field are proportional to the wavelength, from their value at the nominal
    frequency to both ends of the range; measured beams are taken as they are.
    """
    count = obscore.num_rows
    at_high, at_low = reach.f_nominal / reach.f_high, reach.f_nominal / reach.f_low
    beam = numbers(obscore["s_resolution"])
    measured = np.isfinite(reach.beam_min)
    field = numbers(obscore["s_fov"])
    arrays = read_arrays(obscore["antenna_arrays"].combine_chunks())
    largest = _largest_scale(numbers(obscore["spatial_scale_max"]), arrays, reach.f_nominal)
    alma = pc.fill_null(pc.equal(obscore["instrument_name"].combine_chunks(), "ALMA"), False)
    columns = {
        "obs_publisher_did": obscore["obs_publisher_did"],
        "s_resolution_min": nullable(np.where(measured, reach.beam_min, beam * at_high)),
        "s_resolution_max": nullable(np.where(measured, reach.beam_max, beam * at_low)),
        "s_fov_min": nullable(np.where(reach.fields_scale, field * at_high, field)),
        "s_fov_max": nullable(np.where(reach.fields_scale, field * at_low, field)),
        "f_resolution": nullable(reach.f_resolution_khz),
        "s_largest_angular_scale": nullable(largest),
        "s_largest_angular_scale_min": nullable(largest * at_high),
        "s_largest_angular_scale_max": nullable(largest * at_low),
        "instr_tel_number": arrays.number,
        "instr_tel_min_dist": arrays.shortest,
        "instr_tel_max_dist": arrays.longest,
        "instr_tel_diameter": arrays.diameter,
        "instr_feed": pc.if_else(alma, pa.scalar(1, pa.int32()), pa.scalar(None, pa.int32())),
        "scan_mode": _scan_modes(obscore["is_mosaic"].combine_chunks(), arrays.kind),
        "tracking_type": _tracking(obscore["target_name"].combine_chunks()),
    }
    return complete(columns, table, count)


def _largest_scale(
    archive: NDArray[np.float64], arrays: Arrays, frequency: NDArray[np.float64]
) -> NDArray[np.float64]:
    """RAD-043: the archive's largest scale in arcsec; where it has none, by the archive's own rule from the
    distance (m) than which a twentieth is shorter. None for total power, which keeps every scale.
    """
    estimated = np.degrees(_SCALE_FACTOR * C / frequency / numbers(arrays.short)) * 3600.0
    total_power = pc.fill_null(pc.equal(arrays.kind, "TP"), False).to_numpy(zero_copy_only=False)
    return np.where(total_power, np.nan, np.where(np.isfinite(archive), archive, estimated))


def _scan_modes(mosaic: pa.Array, kind: pa.Array) -> pa.Array:
    """RAD-050: total power scans on the fly, a mosaic is a raster of pointings."""
    return pc.case_when(
        pc.make_struct(
            pc.fill_null(pc.equal(kind, "TP"), False),
            pc.fill_null(pc.equal(mosaic, "T"), False),
            pc.fill_null(pc.equal(mosaic, "F"), False),
        ),
        pa.scalar("on-the-fly-map"),
        pa.scalar("raster-map"),
        pa.scalar("on-source"),
    )


def _tracking(names: pa.Array) -> pa.Array:
    """RAD-051: whether the target moves against the stars, told by its name."""
    coded = pc.dictionary_encode(names)
    modes = [
        "Solar-system-object-tracking" if is_of_solar_system(name) else "sidereal"
        for name in coded.dictionary.to_pylist()
    ]
    return pc.fill_null(pa.array(modes, pa.string()).take(coded.indices), "sidereal")


def is_of_solar_system(name: str) -> bool:
    """Whether a target's name is that of a body of the solar system, and of nothing else."""
    key = re.sub(r"[()]", "", canonical(name) or "")
    return (
        key in SOLAR_SYSTEM
        or key in _NUMBERED
        or _MOVING.match(re.sub(r"[\s_]+", " ", name).strip()) is not None
    )
