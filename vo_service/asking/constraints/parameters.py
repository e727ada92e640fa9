"""The one table of the constraints of data sets, those of SIA 2.0 (section 2.1) and one of our own: from it
come the reading of requests, the query in ADQL, and what services say of themselves.

Values of one parameter are alternatives, parameters all have to be met (SIA-007). Units are fixed (SIA-025).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from vo_service.asking.constraints import conditions, maps, positions, values
from vo_service.asking.constraints.maps import MapTerm
from vo_service.dali import shapes
from vo_service.dali.parameters import Parameter, plain
from vo_service.dali.shapes import CORNERS

T = TypeVar("T")

IMAGES: Final = "dataproduct_type IN ('image', 'cube')"
"""What SIA finds, with DPTYPE or without (SIA-056)."""

MOST_VALUES: Final = 500
"""The most values of one parameter in a request (SIA-063)."""

NUMBERS: Final = 4000
"""The most numbers of all shapes of POS in a request: as a query they have less than its most characters."""


@dataclass(frozen=True, slots=True)
class Constraint(Generic[T]):
    """A constraint: how its values are read (raising ValueError), and what has to be true of which columns of
    ``ivoa.obscore``.

    ``rule`` makes a condition in ADQL of the columns and one value or more, perhaps with a table that comes
    with the query. The rest is as in VOTable's PARAM. ``listed``: the values that there are in the column are
    few as a rule, and are told (SIA-091).
    """

    name: str
    read: Callable[[str], T]
    rule: Callable[[tuple[str, ...], Sequence[T]], str | MapTerm]
    columns: tuple[str, ...]
    description: str
    ucd: str | None = None
    unit: str | None = None
    datatype: Literal["char", "int", "double"] = "char"
    arraysize: str | None = "*"
    xtype: str | None = None
    listed: bool = False

    @property
    def parameter(self) -> Parameter[T]:
        """The parameter as forms are read by it."""
        return Parameter(self.name, self.read, self.description, many=True)


def _interval(
    name: str,
    rule: Callable[[tuple[str, ...], Sequence[tuple[float, float]]], str],
    columns: tuple[str, ...],
    description: str,
    ucd: str,
    unit: str | None = None,
) -> Constraint[tuple[float, float]]:
    told = f"{description} One number, or two for an interval with its ends; -Inf and +Inf leave it open."
    return Constraint(name, values.span, rule, columns, told, ucd, unit, "double", "2", "interval")


def _text(name: str, column: str, description: str, ucd: str | None, listed: bool = True) -> Constraint[str]:
    return Constraint(name, plain, conditions.equal, (column,), description, ucd, listed=listed)


POS: Final = Constraint(
    "POS",
    shapes.position,
    positions.meets,
    ("s_region",),
    "Shape that s_region meets, ICRS degrees: CIRCLE lon lat radius, RANGE lon1 lon2 lat1 lat2 or"
    f" POLYGON lon1 lat1 lon2 lat2 ... (at most {CORNERS} corners, the smaller side of its border),"
    " e.g. CIRCLE 204.25 -29.87 0.1 or RANGE 204 205 -30 +Inf.",
    "pos.outline;obs",
)
MOC: Final = Constraint(
    "MOC",
    values.coverage_map,
    maps.meets,
    ("s_region",),
    "Coverage map that s_region meets, as ASCII MOC (ICRS), e.g. 6/1000-1003 8/20000; one in a file comes by"
    " UPLOAD.",
    "pos.outline;obs",
    xtype="moc",
)
BAND: Final = _interval(
    "BAND",
    conditions.overlaps,
    ("em_min", "em_max"),
    "Wavelengths in metres (vacuum, barycentric) that em_min to em_max meets, e.g. 0.0012 0.0014.",
    "em.wl;stat.interval",
    "m",
)
TIME: Final = _interval(
    "TIME",
    conditions.overlaps,
    ("t_min", "t_max"),
    "Time, MJD (UTC), that t_min to t_max meets, e.g. 58000 +Inf.",
    "time.interval;obs.exposure",
    "d",
)
POL: Final = Constraint(
    "POL",
    values.polarisation,
    conditions.member,
    ("pol_states",),
    f"Polarisation state that is among pol_states: {' '.join(values.POLARISATIONS)}.",
    "meta.code;phys.polarization",
)
FOV: Final = _interval(
    "FOV",
    conditions.within,
    ("s_fov",),
    "Field of view, s_fov, in degrees.",
    "phys.angSize;instr.fov",
    "deg",
)
SPATRES: Final = _interval(
    "SPATRES",
    conditions.within,
    ("s_resolution",),
    "Spatial resolution, s_resolution, in arcsec.",
    "pos.angResolution",
    "arcsec",
)
SPECRP: Final = _interval(
    "SPECRP",
    conditions.within,
    ("em_res_power",),
    "Spectral resolving power, em_res_power.",
    "spect.resolution",
)
EXPTIME: Final = _interval(
    "EXPTIME",
    conditions.within,
    ("t_exptime",),
    "Exposure time, t_exptime, in seconds.",
    "time.duration;obs.exposure",
    "s",
)
TIMERES: Final = _interval(
    "TIMERES",
    conditions.within,
    ("t_resolution",),
    "Time resolution, t_resolution, in seconds.",
    "time.resolution",
    "s",
)
ID: Final = _text(
    "ID",
    "obs_publisher_did",
    "Publisher's identifier, obs_publisher_did, in any case.",
    "meta.ref.ivoid",
    listed=False,
)
COLLECTION: Final = _text("COLLECTION", "obs_collection", "Collection, obs_collection, exactly.", "meta.id")
FACILITY: Final = _text("FACILITY", "facility_name", "Facility, facility_name, exactly.", "meta.id;instr.tel")
INSTRUMENT: Final = _text(
    "INSTRUMENT", "instrument_name", "Instrument, instrument_name, exactly.", "meta.id;instr"
)
DPTYPE: Final = _text(
    "DPTYPE",
    "dataproduct_type",
    "Kind of data product, dataproduct_type: image or cube, which are all that is found here.",
    "meta.code.class",
)
CALIB: Final = Constraint(
    "CALIB",
    values.level,
    conditions.equal,
    ("calib_level",),
    "Level of calibration, calib_level: one whole number from 0 to 4.",
    "meta.code;obs.calib",
    datatype="int",
    arraysize=None,
    listed=True,
)
TARGET: Final = Constraint(
    "TARGET",
    plain,
    conditions.known_as,
    ("target_name",),
    "Target, target_name, exactly; or the key of the source, canonical_target of its row in"
    " holdings.observation (same member_ous_uid and target_name), exactly: by that all observations of one"
    " source are found, whatever they call it. No name is resolved.",
    "meta.id;src",
)
FORMAT: Final = Constraint(
    "FORMAT",
    values.media_type,
    conditions.equal_in_any_case,
    ("access_format",),
    "Media type of what access_url gives, access_format; of the DataLink type where that is a list of links."
    " The format of the answer itself is RESPONSEFORMAT.",
    "meta.code.mime",
    listed=True,
)

TABLE: Final[tuple[Constraint[Any], ...]] = (
    POS, MOC, BAND, TIME, POL, FOV, SPATRES, SPECRP, EXPTIME, TIMERES,
    ID, COLLECTION, FACILITY, INSTRUMENT, DPTYPE, CALIB, TARGET, FORMAT,
)  # fmt: skip
"""All constraints, in the order in which queries and answers have them."""
