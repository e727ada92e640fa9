"""The one table of the parameters of ``/soda``, by which they are declared, told and read.

Name, UCD and unit of a standard parameter are those of SODA 1.0, section 3.5, to the letter (SODA-070); the
others have names and UCDs of their own (SODA-092) and a default that leaves the answer as it would be without
them (SODA-093). Limits belong to a data set and stand in its descriptors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic, Literal, TypeVar

from vo_service.dali import shapes
from vo_service.dali.parameters import MAXREC, RESPONSEFORMAT, RUNID, Parameter, plain
from vo_service.dali.values import interval
from vo_service.holdings.obscore_rows import POLARISATIONS
from vo_service.products.selection import VelocityDefinition
from vo_service.soda import values
from vo_service.spectral import Frame

T = TypeVar("T")

Mode = Literal["sync", "async"]
Order = Literal[0, 1, 2, 8]
Kind = Literal["mean", "sum", "flux"]


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a parameter that has few, and what people call it."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class SodaParameter(Generic[T]):
    """A parameter as descriptors tell it, and how its text becomes a value (raising ValueError).

    ``arraysize`` is that of VOTable (``1*`` for a lone real, which may be empty: DL-096). ``standing``: a
    parameter of the standard; one of our own beside them, under the same standardID; or one that asks for a
    product of another kind, whose descriptor has no standardID (SODA-097). ``many``: where it may be
    repeated.
    """

    name: str
    parse: Callable[[str], T]
    description: str
    ucd: str
    unit: str | None = None
    datatype: Literal["char", "int", "double"] = "char"
    arraysize: str = "*"
    xtype: str | None = None
    standing: Literal["standard", "custom", "product"] = "custom"
    many: Literal["nowhere", "async", "everywhere"] = "nowhere"
    options: tuple[Option, ...] = ()

    def repeats(self, mode: Mode) -> bool:
        """Whether it may come several times (SODA-011, SODA-012)."""
        return self.many == "everywhere" or self.many == mode

    def at(self, mode: Mode) -> Parameter[T]:
        """The parameter as forms are read by it."""
        return _read_by(self, mode)


@cache
def _read_by(one: SodaParameter[T], mode: Mode) -> Parameter[T]:
    return Parameter(one.name, one.parse, one.description, many=one.repeats(mode))


def _options(**names: str) -> tuple[Option, ...]:
    return tuple(Option(value.removeprefix("_"), name) for value, name in names.items())


_ORDERS: Mapping[str, Order] = {"0": 0, "1": 1, "2": 2, "8": 8}
_KINDS: Mapping[str, Kind] = {"mean": "mean", "sum": "sum", "flux": "flux"}
_DEFINITIONS: Mapping[str, VelocityDefinition] = {
    "radio": "radio",
    "optical": "optical",
    "relativistic": "relativistic",
}
_EITHER = "Of BAND, FREQ, LINE and CHANNELS one may be given."

ID: Final = SodaParameter(
    "ID",
    plain,
    "The data set: its publisher's identifier as in obs_publisher_did, or its dataset_id or product_id here.",
    "meta.ref.url;meta.curation",
    standing="standard",
    many="async",
)
POS: Final = SodaParameter(
    "POS",
    shapes.position,
    "Shape that should be covered by the cut-out, ICRS degrees: CIRCLE lon lat radius,"
    " RANGE lon1 lon2 lat1 lat2 or POLYGON lon1 lat1 lon2 lat2 ...,"
    " e.g. CIRCLE 204.25 -29.87 0.01 or RANGE 204 205 -30 +Inf. Leave empty for all of the image.",
    "pos.outline;obs",
    standing="standard",
    many="async",
)
CIRCLE: Final = SodaParameter(
    "CIRCLE",
    shapes.circle,
    "Circle that should be covered by the cut-out: longitude, latitude, radius in degrees (ICRS),"
    " e.g. 204.25 -29.87 0.01. Leave empty for all of the image.",
    "pos.outline;obs",
    unit="deg",
    datatype="double",
    arraysize="3",
    xtype="circle",
    standing="standard",
    many="async",
)
POLYGON: Final = SodaParameter(
    "POLYGON",
    shapes.polygon,
    "Polygon that should be covered by the cut-out: longitude and latitude of three corners or more in"
    f" degrees (ICRS), at most {shapes.CORNERS}, joined by great circles,"
    " e.g. 204.2 -29.9 204.3 -29.9 204.25 -29.8. Leave empty for all of the image.",
    "pos.outline;obs",
    unit="deg",
    datatype="double",
    arraysize="*",
    xtype="polygon",
    standing="standard",
    many="async",
)
BAND: Final = SodaParameter(
    "BAND",
    values.wavelengths,
    "Wavelengths in metres (vacuum, barycentric unless SPECSYS says otherwise) that should be covered by the"
    " cut-out; they are converted to the frame and the quantity of the file's own axis. E.g. 0.0013 0.0014 or"
    f" -Inf 0.0013; one number is the channel that holds it. Leave empty for all channels. {_EITHER}",
    "em.wl;stat.interval",
    unit="m",
    datatype="double",
    arraysize="2",
    xtype="interval",
    standing="standard",
    many="async",
)
TIME: Final = SodaParameter(
    "TIME",
    interval,
    "Interval of time, MJD (UTC), e.g. 58000.0 58000.5 or 58000 +Inf; a data set that was observed at another"
    " time gives nothing. Leave empty for any time.",
    "time.interval;obs.exposure",
    unit="d",
    datatype="double",
    arraysize="2",
    xtype="interval",
    standing="standard",
    many="async",
)
POL: Final = SodaParameter(
    "POL",
    values.one_of({label: label for label in POLARISATIONS}),
    "Polarisation state, e.g. I; may be repeated, and the cut-out goes from the first to the last of those"
    " that are there. Leave empty for all.",
    "meta.code;phys.polarization",
    standing="standard",
    many="everywhere",
)
PIXELS: Final = SodaParameter(
    "PIXELS",
    values.pixel_box,
    "First and last pixel along the first and along the second axis of the sky, counted from 1, both"
    " kept: x1 x2 y1 y2, e.g. 101 200 51 150; not together with POS, CIRCLE or POLYGON."
    " Leave empty for all of them.",
    "meta.number;instr.pixel",
    datatype="int",
    arraysize="4",
)
FREQ: Final = SodaParameter(
    "FREQ",
    values.frequencies,
    "Frequencies in hertz (barycentric unless SPECSYS says otherwise) that should be covered by the cut-out,"
    " e.g. 230.5e9 230.6e9 or -Inf 231e9; one number is the channel that holds it."
    f" Leave empty for all channels. {_EITHER}",
    "em.freq;stat.interval",
    unit="Hz",
    datatype="double",
    arraysize="2",
    xtype="interval",
    many="async",
)
SPECSYS: Final = SodaParameter(
    "SPECSYS",
    values.frame,
    "Frame in which BAND or FREQ is told, e.g. LSRK. Leave empty for the barycentric one.",
    "meta.code;spect",
    options=tuple(
        Option(frame.value, name)
        for frame, name in (
            (Frame.BARY, "Barycentric"),
            (Frame.LSRK, "Kinematic local standard of rest"),
            (Frame.TOPO, "Topocentric"),
            (Frame.LSRD, "Dynamical local standard of rest"),
            (Frame.HELIO, "Heliocentric"),
            (Frame.GEO, "Geocentric"),
        )
    ),
)
LINE: Final = SodaParameter(
    "LINE",
    values.line_of,
    "Spectral line that the cut-out is to hold, by a name of the line list, e.g. CO(2-1): a band of WIDTH"
    f" round it at the redshift Z, barycentric. Leave empty for all channels. {_EITHER}",
    "meta.id;em.line",
)
Z: Final = SodaParameter(
    "Z",
    values.redshift,
    "Redshift of LINE, barycentric, above -1, e.g. 0.0017. Leave empty for the one that its header states.",
    "src.redshift",
    datatype="double",
    arraysize="1*",
)
WIDTH: Final = SodaParameter(
    "WIDTH",
    values.width,
    "Full width of the band round LINE in km/s, above 0 and at most"
    f" {values.WIDEST:.0f}, e.g. 600. Leave empty for {values.WIDTH:.0f}.",
    "phys.veloc;em.line",
    unit="km/s",
    datatype="double",
    arraysize="1*",
)
VELDEF: Final = SodaParameter(
    "VELDEF",
    values.one_of(_DEFINITIONS),
    "How velocities follow from frequencies: of WIDTH, of moments 0, 1 and 2, of spectra, e.g. optical."
    " Leave empty for radio.",
    "spect.dopplerParam",
    options=_options(
        radio="Radio: in proportion to frequency",
        optical="Optical: in proportion to wavelength",
        relativistic="Relativistic",
    ),
)
CHANNELS: Final = SodaParameter(
    "CHANNELS",
    values.span,
    f"First and last channel, counted from 1, both kept, e.g. 10 20. Leave empty for all channels. {_EITHER}",
    "spect;instr.pixel",
    datatype="int",
    arraysize="2",
    xtype="interval",
)
WITH: Final = SodaParameter(
    "WITH",
    values.role,
    "Companion of the image that is cut the same way into an extension, by its role, e.g. pb or mask; may be"
    " repeated. Leave empty for the image alone.",
    "meta.code",
    many="everywhere",
)
OUTSIDE: Final = SodaParameter(
    "OUTSIDE",
    values.one_of({"blank": True}),
    "blank: pixels of the box that the shape does not touch become NaN or BLANK;"
    " needs POS, CIRCLE or POLYGON. Leave empty to keep them as they are.",
    "meta.code;pos.outline",
    options=_options(blank="No values outside the shape"),
)
REBIN: Final = SodaParameter(
    "REBIN",
    values.factors,
    "How many pixels of the cut-out become one, by averaging, along x, y and the spectral axis, e.g. 2 2 4."
    " Leave empty for 1 1 1.",
    "arith.factor;instr.pixel",
    datatype="int",
    arraysize="3",
)
MOMENT: Final = SodaParameter(
    "MOMENT",
    values.one_of(_ORDERS),
    "Map that the spectral axis is made into after the cut, e.g. 0. Leave empty for a cube.",
    "meta.code;stat",
    standing="product",
    options=_options(
        _0="Integrated intensity", _1="Mean velocity", _2="Velocity dispersion", _8="Peak intensity"
    ),
)
SPECTRUM: Final = SodaParameter(
    "SPECTRUM",
    values.one_of(_KINDS),
    "Spectrum of the region: of the pixels with their centres in it the mean, the sum, or the flux by the"
    " beam of each channel, e.g. flux; as VOTable, or as FITS with RESPONSEFORMAT=fits."
    " Leave empty for an image.",
    "meta.code;phot.flux.density",
    standing="product",
    options=_options(mean="Mean", sum="Sum", flux="Flux density"),
)
HEADER: Final = SodaParameter(
    "HEADER",
    values.one_of({"1": True}),
    "1: the header that the cut-out would have, as text. Leave empty for the cut-out itself.",
    "meta.code;meta.file",
    standing="product",
    options=_options(_1="The header alone"),
)

TABLE: Final[tuple[SodaParameter[Any], ...]] = (
    ID, POS, CIRCLE, POLYGON, PIXELS, BAND, FREQ, SPECSYS, LINE, Z, WIDTH, VELDEF, CHANNELS, TIME, POL,
    WITH, OUTSIDE, REBIN, MOMENT, SPECTRUM, HEADER,
)  # fmt: skip
"""All parameters, in the order in which descriptors and canonical texts have them."""

UPLOAD: Final = SodaParameter(
    "UPLOAD",
    plain,
    "Table of which each row asks for a cut-out, as name,param:part or name,address: one job makes them all."
    " The other parameters hold for all rows that do not say otherwise.",
    "meta.ref;meta.table",
    many="async",
)
RADIUS: Final = SodaParameter(
    "RADIUS",
    values.radius,
    "Radius of the circle round positions of the table without one, e.g. 0.002. Only with UPLOAD.",
    "pos.outline;phys.angSize",
    unit="deg",
    datatype="double",
    arraysize="1*",
)
DPTYPE: Final = SodaParameter(
    "DPTYPE",
    values.one_of({"cube": "cube", "image": "image"}),
    "Kind of the data sets that shapes of the table are looked for in; may be repeated."
    " Leave empty for all. Only with UPLOAD.",
    "meta.code.class",
    many="async",
    options=_options(cube="Cubes", image="Images"),
)
MOST: Final = SodaParameter(
    "MOST",
    values.most,
    "How many data sets one row of the table may be cut from, e.g. 5."
    " Leave empty for what this service is set to, 100 as a rule. Only with UPLOAD.",
    "meta.number",
    datatype="int",
    arraysize="1",
)
PARTSIZE: Final = SodaParameter(
    "PARTSIZE",
    values.part_size,
    "Bytes after which the next tar begins, e.g. 100000000; a cut-out is never divided."
    " Leave empty for what this service is set to, 1073741824 as a rule. Only with UPLOAD.",
    "phys.size;meta.file",
    unit="byte",
    datatype="int",
    arraysize="1",
)

BULK: Final[tuple[SodaParameter[Any], ...]] = (UPLOAD, RADIUS, DPTYPE, MOST, PARTSIZE)
"""Those that make one job of the rows of a table: no descriptor has them."""

CONTROLS: Final[tuple[Parameter[Any], ...]] = (RESPONSEFORMAT, MAXREC, RUNID)
"""Parameters of every service that this one takes, too (SODA-033)."""

PARAMETERS: Final[tuple[Parameter[Any], ...]] = (*(one.at("async") for one in (*TABLE, *BULK)), *CONTROLS)
"""All of them as jobs take them (SODA-065)."""
