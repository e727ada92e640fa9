"""What the tree of one data set says of itself: from its row, its file, and what its pixels are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from capabilities.records.coverage import wavebands
from hips.tiles.grid import DEEPEST, WIDTH
from hips.trees.coverage import coverage_file
from hips.trees.description import Description, Findings, fits_date, identity, image_properties
from hips.trees.held import BLOCK_STEPS
from hips.trees.properties import Properties
from vo_service.atlas import Publisher, tree_did
from vo_service.atlas.facts import REGIME_OF
from vo_service.products.stored import StoredFile
from vo_service.spectral import C
from vo_service.trees.documents import tree_address
from vo_service.trees.live_facts import TreeFacts

ROW: Final = (
    "obs_publisher_did",
    "target_name",
    "facility_name",
    "obs_collection",
    "proposal_id",
    "bib_reference",
    "em_min",
    "em_max",
    "em_xel",
    "t_min",
    "t_max",
    "o_ucd",
    "lastModified",
)
"""What is read of the row of a data set in ``ivoa.obscore``."""
FORMATS: Final = "png fits"
_TITLE: Final = 130
_PICTURES: Final = 0.25
"""Of the bytes of values: about what their pictures have on top."""
_UNSAID: Final = frozenset(("hips_overlay", "data_pixel_bitpix"))
"""Of one image: nothing overlaps, and its own numbers may be of any type."""
_WHAT: Final = {
    "image": "image",
    "cube": "cube",
    "moment0": "integrated intensity",
    "moment1": "mean velocity",
    "moment2": "velocity dispersion",
    "peak": "peak intensity",
    "width": "line width",
    "alpha": "spectral index",
    "error": "uncertainty",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """A data set as its tree speaks of it: ``row`` has ROW. ``is_open``: everybody may see it."""

    file: StoredFile
    row: Mapping[str, Any]
    is_open: bool

    @property
    def name(self) -> str:
        """Of the data set, and of its tree."""
        return str(self.file.dataset_id)

    def released(self, now: datetime) -> datetime:
        """When the tree came to be what it is: when what is known of the data set was last made anew here,
        as an ingest does that meets other bytes of its file, however old these are; or when it became public,
        whichever came last (HIPS-056). Without a row, a date that is none, and grows with the version."""
        dates = [_utc(claim.release_date) for claim in self.file.claims if claim.release_date is not None]
        past = [date for date in dates if date <= now]
        if self.row.get("lastModified") is not None:
            past.append(_utc(self.row["lastModified"]))
        found = max(past, default=_EPOCH.replace(minute=self.file.version % 60))
        return found.replace(second=0, microsecond=0)


def listed_properties(subject: Subject, publisher: Publisher, now: datetime) -> Properties:
    """What the list of the node repeats of the properties of a tree, from its rows alone (HIPS-111). These
    tell the size of pixels as a mean of both sides: not by which hips_order goes."""
    told = _description(subject, publisher, (subject.row.get("em_xel") or 1) > 1, None)
    return Properties.of(
        [
            *identity(told),
            ("hips_status", told.status),
            ("dataproduct_type", _kind(subject)),
            *(("obs_regime", regime) for regime in told.regimes),
            ("hips_release_date", fits_date(subject.released(now))),
            ("hips_frame", "equatorial"),
            ("hips_order_min", 0),
            ("hips_tile_format", FORMATS),
            ("hips_tile_width", WIDTH),
        ]
    )


def properties_of(
    subject: Subject, facts: TreeFacts, publisher: Publisher, now: datetime, address: str
) -> Properties:
    """``properties`` of a tree of HiPS 1.0: of an image, or of a cube whose frames are its channels (HIPS-050
    to -072, -100, -101)."""
    released = subject.released(now)
    found = Findings(
        order=facts.order,
        released=released,
        created=released,
        sky_fraction=facts.covered.sky_fraction,
        kilobytes=max(1, math.ceil(facts.frame_bytes * (1.0 + _PICTURES) * facts.frames / 1024)),
        low=facts.low,
        high=facts.high,
        cut=(facts.transfer.low, facts.transfer.high),
        processing=f"{facts.transfer.words}; softening, low and high {facts.greys_by}{_looked_at(facts)}",
        builder=f"reproject {version('reproject')}",
        position=facts.position,
        field_of_view=facts.view,
    )
    told = _description(subject, publisher, facts.frames > 1, facts)
    made = image_properties(told, found)
    kept = Properties.of(pair for pair in made if pair[0] not in _UNSAID)
    if facts.looked_at < facts.frames:  # others may go beyond
        kept = Properties.of(pair for pair in kept if pair[0] != "hips_data_range")
    more = dict(_cube(facts)) if facts.frames > 1 else {}
    return kept.changed(more | {"hips_service_url": tree_address(address, subject.name)})


def coverage_of(subject: Subject, facts: TreeFacts, publisher: Publisher, now: datetime) -> bytes:
    """``Moc.fits``: where any frame holds data (HIPS-080 to -083)."""
    order = min(DEEPEST + 9, facts.order + BLOCK_STEPS)
    did = tree_did(publisher.authority, subject.name)
    return coverage_file(facts.covered, order, did, subject.released(now))


def _cube(facts: TreeFacts) -> Iterator[tuple[str, object]]:
    yield "dataproduct_type", "cube"
    yield "hips_cube_depth", facts.frames
    yield "hips_cube_firstframe", facts.first
    if facts.axis is not None:
        yield "data_cube_crpix3", facts.axis.crpix3
        yield "data_cube_crval3", facts.axis.crval3
        yield "data_cube_cdelt3", facts.axis.cdelt3
        yield "data_cube_bunit3", facts.axis.bunit3


def _looked_at(facts: TreeFacts) -> str:
    """Of how many frames is known where they hold data, where not of all."""
    if facts.looked_at == facts.frames:
        return ""
    return f"; coverage of {facts.looked_at} of {facts.frames} frames, evenly spaced"


def _description(
    subject: Subject, publisher: Publisher, is_cube: bool, facts: TreeFacts | None
) -> Description:
    row = subject.row
    collection = row.get("obs_collection")
    if collection is not None and len(collection.split()) != 1:
        collection = None
    spans = _pair(row, "em_min", "em_max")
    ucd = row.get("o_ucd")
    return Description(
        creator_did=tree_did(publisher.authority, subject.name),
        title=_title(subject),
        text=_text(subject, is_cube, facts),
        unit=(facts.unit if facts is not None else None) or "",
        collection=collection,
        regimes=tuple(wavebands(spans)) or REGIME_OF.get((row.get("facility_name") or "",), ()),
        category="/".join(word for word in ("Cube" if is_cube else "Image", "Radio", collection) if word),
        publisher=f"ivo://{publisher.authority}",
        copyright_url=publisher.rights_uri,
        acknowledgement=publisher.citation,
        references=tuple(sorted(set((row.get("bib_reference") or "").split()))),
        progenitors=tuple(str(row[key]) for key in ("obs_publisher_did", "proposal_id") if row.get(key)),
        t_min=row.get("t_min"),
        t_max=row.get("t_max"),
        em_min=row.get("em_min"),
        em_max=row.get("em_max"),
        ucds=(ucd,) if ucd else (),
        status="public master clonableOnce" if subject.is_open else "private master unclonable",
    )


def _kind(subject: Subject) -> str:
    return "cube" if (subject.row.get("em_xel") or 1) > 1 else "image"


def _title(subject: Subject) -> str:
    row = subject.row
    spans = _pair(row, "em_min", "em_max")
    frequency = f" at {2.0 * C / sum(spans[0]) / 1e9:.3f} GHz" if spans else ""
    what = _WHAT.get(subject.file.role, subject.file.role)
    parts = [f"{what}{frequency}", row.get("facility_name")]
    told = f"{row.get('target_name') or subject.file.name}: {', '.join(part for part in parts if part)}"
    return " ".join(told.split())[:_TITLE].strip()


def _text(subject: Subject, is_cube: bool, facts: TreeFacts | None) -> str:
    parts = [
        f"The values of {subject.file.name} in its own unit, brought onto HEALPix by bilinear interpolation"
    ]
    if facts is not None and facts.polarisation is not None:
        parts.append(f"polarisation {facts.polarisation}")
    if is_cube:
        parts.append("a frame is a channel, counted from 0")
    if facts is not None and facts.axis is not None:
        frame = f" ({facts.axis.specsys})" if facts.axis.specsys else ""
        parts.append(f"frame z is at the frequency crval3 + z cdelt3 in {facts.axis.bunit3}{frame}")
    return "; ".join(parts)


def _pair(row: Mapping[str, Any], low: str, high: str) -> tuple[tuple[float, float], ...]:
    if not row.get(low) or not row.get(high):
        return ()
    return ((row[low], row[high]),)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
