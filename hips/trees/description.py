"""What a tree says of itself: what its builder was told, and what was found once it was built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import vo_service
from hips.tiles.grid import WIDTH, pixel_side
from hips.trees.properties import Properties


@dataclass(frozen=True, slots=True)
class Description:
    """Of a tree, in words that hold whatever its tiles turn out to be. What is not known is None or empty."""

    creator_did: str
    """An IVOID of its own, ``ivo://authority/path``, the same for as long as there is the tree (HIPS-052)."""
    title: str
    """One line, up to 130 characters."""
    text: str
    unit: str
    """Of the values, as in BUNIT."""
    collection: str | None = None
    """One word."""
    regimes: tuple[str, ...] = ("Millimeter",)
    category: str | None = None
    """Where clients show it, as ``Image/Radio/ALMA``."""
    publisher: str | None = None
    """IVOID of the publisher."""
    copyright: str | None = None
    copyright_url: str | None = None
    acknowledgement: str | None = None
    references: tuple[str, ...] = ()
    """Bibcodes, DOIs."""
    progenitors: tuple[str, ...] = ()
    """What the tree was made of, in a word or an address each."""
    t_min: float | None = None
    """MJD."""
    t_max: float | None = None
    em_min: float | None = None
    """Metres, in vacuum."""
    em_max: float | None = None
    ucds: tuple[str, ...] = ("phot.flux.density",)
    status: str = "public master clonableOnce"


@dataclass(frozen=True, slots=True)
class Findings:
    """Of a tree that is built (HIPS-073)."""

    order: int
    released: datetime
    created: datetime
    sky_fraction: float
    kilobytes: int
    low: float
    """Of all values in the deepest tiles; ``high`` alike."""
    high: float
    cut: tuple[float, float]
    """What the greys of pictures go from and to."""
    processing: str
    builder: str
    """Of the engine, with its version."""
    position: tuple[float, float]
    """Degrees, where a client begins to look (ICRS)."""
    field_of_view: float
    """Degrees, with which it does."""


def image_properties(told: Description, found: Findings) -> Properties:
    """The properties of an image tree of HiPS 1.0 with FITS and PNG tiles (HIPS-050 to -072)."""
    return Properties.of([*identity(told), *contents(told), *_build(found), *_pixels(told, found)])


def fits_date(moment: datetime) -> str:
    """To the minute, in UTC (HIPS-056)."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def identity(told: Description) -> Iterator[tuple[str, object]]:
    """Pairs that say which tree it is, and whose."""
    yield "creator_did", told.creator_did
    yield "publisher_id", told.publisher
    yield "obs_collection", told.collection
    yield "obs_title", told.title
    yield "obs_description", told.text or None
    yield "obs_ack", told.acknowledgement
    yield "obs_copyright", told.copyright
    yield "obs_copyright_url", told.copyright_url
    for reference in told.references:
        yield "bib_reference", reference
    for progenitor in told.progenitors:
        yield "prov_progenitor", progenitor
    yield "client_category", told.category


def contents(told: Description) -> Iterator[tuple[str, object]]:
    """Pairs that say what it shows."""
    yield "t_min", told.t_min
    yield "t_max", told.t_max
    yield "em_min", told.em_min
    yield "em_max", told.em_max
    for regime in told.regimes:
        yield "obs_regime", regime
    for ucd in told.ucds:
        yield "data_ucd", ucd


def _build(found: Findings) -> Iterator[tuple[str, object]]:
    yield "dataproduct_type", "image"
    yield "hips_version", "1.4"
    yield "hips_builder", f"vo-service {vo_service.__version__}, {found.builder}"
    yield "hips_creation_date", fits_date(found.created)
    yield "hips_release_date", fits_date(found.released)
    yield "hips_frame", "equatorial"
    yield "hips_order", found.order
    yield "hips_order_min", 0
    yield "hips_tile_width", WIDTH
    yield "hips_tile_format", "png fits"
    yield "hips_initial_ra", found.position[0]
    yield "hips_initial_dec", found.position[1]
    yield "hips_initial_fov", found.field_of_view
    yield "hips_pixel_scale", pixel_side(found.order)
    yield "hips_estsize", found.kilobytes
    yield "moc_sky_fraction", found.sky_fraction


def _pixels(told: Description, found: Findings) -> Iterator[tuple[str, object]]:
    yield "hips_status", told.status
    yield "hips_pixel_bitpix", -32
    yield "data_pixel_bitpix", -32
    yield "hips_pixel_cut", f"{found.cut[0]:.6g} {found.cut[1]:.6g}"
    yield "hips_data_range", f"{found.low:.6g} {found.high:.6g}" if found.low < found.high else None
    yield "hips_sampling", "bilinear"
    yield "hips_overlay", "custom"
    yield "hips_skyval", "none"
    yield "hips_hierarchy", "mean"
    yield "hips_bunit", told.unit or None
    yield "hips_processing", found.processing
