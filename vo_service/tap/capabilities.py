"""What the TAP service says that it offers, read off the lists that it runs on (TAP-280 to 299).

Only the groups of optional ADQL features stand here: they are grammar, and no list of the compiler's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from capabilities import OutputFormat, TapLimits, TapService, UserFunction, tap_capabilities
from vo_service.adql import FUNCTIONS
from vo_service.formats import FORMATS
from vo_service.tap.parameters import VERSIONS

GEOMETRY = (
    "AREA",
    "BOX",
    "CENTROID",
    "CIRCLE",
    "CONTAINS",
    "COORD1",
    "COORD2",
    "COORDSYS",
    "DISTANCE",
    "INTERSECTS",
    "POINT",
    "POLYGON",
    "REGION",
)
FEATURES: Mapping[str, tuple[str, ...]] = {
    "string": ("LOWER", "UPPER", "ILIKE"),
    "sets": ("UNION", "EXCEPT", "INTERSECT"),
    "common-table": ("WITH",),
    "type": ("CAST",),
    "offset": ("OFFSET",),
    "conditional": ("COALESCE",),
}
# the longitude-latitude range that clients of the ALMA archive write; to the compiler it is geometry
_RANGE = UserFunction(
    "RANGE_S2D(lon1 DOUBLE PRECISION, lon2 DOUBLE PRECISION, lat1 DOUBLE PRECISION, lat2 DOUBLE PRECISION)"
    " -> REGION",
    "The region between two longitudes and two latitudes, in degrees.",
)
_IDENTIFIERS = {
    "BINARY2": "ivo://ivoa.net/std/TAPRegExt#output-votable-binary2",
    "TABLEDATA": "ivo://ivoa.net/std/TAPRegExt#output-votable-td",
}


@dataclass(frozen=True, slots=True)
class TapFacts:
    """What an operator sets of what is declared."""

    rows_default: int
    rows_hard: int
    seconds: int


def describe(base_url: str, facts: TapFacts) -> bytes:
    """The VOSI capabilities document of TAP at ``base_url`` (``.../tap``)."""
    return tap_capabilities(
        TapService(
            base_url=base_url,
            formats=_formats(),
            languages=VERSIONS,
            functions=_functions(),
            geometry=GEOMETRY,
            features=FEATURES,
            limits=TapLimits(
                rows_default=facts.rows_default,
                rows_hard=facts.rows_hard,
                execution_default=facts.seconds,
                execution_hard=facts.seconds,
            ),
        )
    )


def _formats() -> tuple[OutputFormat, ...]:
    return tuple(
        OutputFormat(offer.media_type, offer.aliases, _identifier(offer.media_type)) for offer in FORMATS
    )


def _identifier(media_type: str) -> str | None:
    return _IDENTIFIERS.get(media_type.partition("serialization=")[2])


def _functions() -> tuple[UserFunction, ...]:
    ours = tuple(
        UserFunction(function.declared, function.doc)
        for function in FUNCTIONS.values()
        if function.declared is not None
    )
    return (*ours, _RANGE)
