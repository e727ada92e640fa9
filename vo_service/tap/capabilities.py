"""What the TAP service says that it offers, read off the lists that it runs on (TAP-280 to 299).

Optional features of ADQL and functions beyond it are those of ``adql.language.features`` (ADQL-169).
"""

from __future__ import annotations

from dataclasses import dataclass

from capabilities import OutputFormat, TapLimits, TapService, UserFunction, tap_capabilities
from vo_service.adql import VERSIONS, declared
from vo_service.formats import FORMATS

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
    offered = declared()
    others = [group for group in offered if group not in ("adqlgeo", "udf")]
    return tap_capabilities(
        TapService(
            base_url=base_url,
            formats=_formats(),
            languages=VERSIONS,
            functions=tuple(UserFunction(feature.form, feature.doc) for feature in offered["udf"]),
            geometry=tuple(feature.form for feature in offered["adqlgeo"]),
            features={group: tuple(feature.form for feature in offered[group]) for group in others},
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
