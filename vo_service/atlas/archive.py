"""What trees of all rows say of themselves: the facts that hold for an archive as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capabilities.records.coverage import wavebands
from hips.trees.description import Description
from vo_service.atlas.described import Publisher, progenitors_of, tree_did
from vo_service.atlas.facts import REGIME_OF

_TEXTS = ("obs_collection", "facility_name", "proposal_id")
_WAVES = ("em_min", "em_max")
ARCHIVE_COLUMNS = (*_TEXTS, *_WAVES)
"""Columns of ivoa.obscore that the facts are read from."""
_SLOTS = 20
"""In a decade of wavelengths: spans that begin and end in the same two are one."""


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """Texts are sorted, each once; ``regimes`` are words of obs_regime (HIPS-064)."""

    collections: tuple[str, ...]
    proposals: tuple[str, ...]
    regimes: tuple[str, ...]


def archive_facts(batches: Iterable[pa.RecordBatch]) -> ArchiveFacts:
    """Of all rows, which have `ARCHIVE_COLUMNS`."""
    texts: dict[str, set[str]] = {name: set() for name in _TEXTS}
    spans: set[tuple[float, float]] = set()
    for batch in batches:
        for name, found in texts.items():
            found.update(text for text in pc.unique(batch[name]).to_pylist() if text)
        spans.update(_spans(batch))
    facilities = tuple(sorted(texts["facility_name"]))
    return ArchiveFacts(
        tuple(sorted(texts["obs_collection"])),
        tuple(sorted(texts["proposal_id"])),
        tuple(wavebands(tuple(sorted(spans)))) or REGIME_OF.get(facilities, ()),
    )


def archive_description(name: str, kind: str, facts: ArchiveFacts, publisher: Publisher) -> Description:
    """What is true of each tree of all rows. ``kind`` is what clients put it under, ``Image`` or ``Catalog``
    (HIPS-072); the title is the name of the archive, to be gone on with."""
    title = facts.collections[0] if len(facts.collections) == 1 else "Holdings"
    collection = title if len(facts.collections) == 1 and len(title.split()) == 1 else None
    return Description(
        creator_did=tree_did(publisher.authority, name),
        title=title,
        text="",
        unit="",
        collection=collection,
        regimes=facts.regimes,
        category="/".join(word for word in (kind, "Radio", collection) if word),
        publisher=f"ivo://{publisher.authority}",
        copyright_url=publisher.rights_uri,
        acknowledgement=publisher.citation,
        progenitors=progenitors_of(facts.proposals, facts.collections),
    )


def _spans(batch: pa.RecordBatch) -> Iterable[tuple[float, float]]:
    low, high = (batch[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in _WAVES)
    known = np.isfinite(low) & np.isfinite(high) & (low > 0.0) & (high >= low)
    slots = np.round(np.log10(np.column_stack([low[known], high[known]])) * _SLOTS)
    return map(tuple, (10.0 ** (np.unique(slots, axis=0) / _SLOTS)).tolist())
