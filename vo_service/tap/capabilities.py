"""What the TAP service says that it offers, read off the lists that it runs on (TAP-280 to 299).

Optional features of ADQL and functions beyond it are those of ``adql.language.features`` (ADQL-169).
"""

from __future__ import annotations

from dataclasses import dataclass

from capabilities import OutputFormat, TapLimits, TapService, UserFunction
from capabilities.security import Login
from vo_service.adql import VERSIONS, declared
from vo_service.formats import FORMATS

_IDENTIFIERS = {
    "BINARY": "ivo://ivoa.net/std/TAPRegExt#output-votable-binary",
    "BINARY2": "ivo://ivoa.net/std/TAPRegExt#output-votable-binary2",
    "TABLEDATA": "ivo://ivoa.net/std/TAPRegExt#output-votable-td",
}


@dataclass(frozen=True, slots=True)
class TapFacts:
    """What an operator sets of what is declared: limits, ways to upload, words on the holdings; and whether
    there are examples."""

    limits: TapLimits
    upload_methods: tuple[str, ...]
    description: str | None = None
    examples: bool = False


def offered(base_url: str, facts: TapFacts, login: Login) -> TapService:
    """All that TAP at ``base_url`` (``.../tap``) declares, for capabilities and registry records."""
    features = declared()
    others = [group for group in features if group not in ("adqlgeo", "udf")]
    return TapService(
        base_url=base_url,
        formats=_formats(),
        languages=VERSIONS,
        functions=tuple(UserFunction(feature.form, feature.doc) for feature in features["udf"]),
        geometry=tuple(feature.form for feature in features["adqlgeo"]),
        features={group: tuple(feature.form for feature in features[group]) for group in others},
        limits=facts.limits,
        upload_methods=facts.upload_methods,
        description=facts.description,
        examples=facts.examples,
        login=login,
    )


def _formats() -> tuple[OutputFormat, ...]:
    return tuple(
        OutputFormat(offer.media_type, offer.aliases, _identifier(offer.media_type)) for offer in FORMATS
    )


def _identifier(media_type: str) -> str | None:
    return _IDENTIFIERS.get(media_type.partition("serialization=")[2])
