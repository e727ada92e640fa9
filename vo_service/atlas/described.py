"""From the facts of a family to what its tree says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from hips.trees.description import Description
from vo_service.atlas.facts import FamilyFacts
from vo_service.atlas.recipes import Quantity

_LISTED = 100
"""Projects and papers that are named each; of more papers the newest."""
_UCDS = {Quantity.MOMENT0.value: "spect.line.intensity"}
_BRIGHTNESS = "phot.flux.density.sb"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes the trees: the IVOA authority, how to cite the holdings, and where their licence is."""

    authority: str
    citation: str | None = None
    rights_uri: str | None = None


def tree_did(authority: str, name: str) -> str:
    """The identifier of a tree, the same for as long as there is the tree (HIPS-052)."""
    return f"ivo://{authority}/hips/{name}"


def description_of(name: str, facts: FamilyFacts, publisher: Publisher) -> Description:
    """What a tree of that name says; values that no row tells are left out."""
    collection = _one_word(facts.collections)
    return Description(
        creator_did=tree_did(publisher.authority, name),
        title=facts.title,
        text=facts.description,
        unit=facts.unit,
        collection=collection,
        regimes=facts.regimes,
        category="/".join(word for word in ("Image", "Radio", collection) if word),
        publisher=f"ivo://{publisher.authority}",
        copyright_url=publisher.rights_uri,
        acknowledgement=publisher.citation,
        references=tuple(sorted(facts.references)[-_LISTED:]),
        progenitors=progenitors_of(facts.proposals, facts.collections),
        t_min=facts.t_min,
        t_max=facts.t_max,
        em_min=facts.em_min,
        em_max=facts.em_max,
        ucds=(_UCDS.get(facts.quantity, _BRIGHTNESS),),
    )


def _one_word(names: tuple[str, ...]) -> str | None:
    """The name that all have, where it is one word (obs_collection is)."""
    return names[0] if len(names) == 1 and len(names[0].split()) == 1 else None


def progenitors_of(proposals: tuple[str, ...], collections: tuple[str, ...]) -> tuple[str, ...]:
    """The projects that observed, else the collections."""
    if not proposals:
        return collections
    if len(proposals) > _LISTED:
        return (f"{len(proposals)} projects of {', '.join(collections)}",)
    return proposals
