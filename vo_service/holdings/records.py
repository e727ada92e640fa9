"""The records that travel through the harmonisation pipeline.

Every step takes a typed record and returns a new one with the repairs it made; nothing is changed in place.
Units stand in the names or docstrings: angles are degrees (ICRS), frequencies hertz, wavelengths metres,
times MJD (UTC), sizes bytes, unless a name says otherwise. What is not known is ``None``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from vo_service.sky import Region


@dataclass(frozen=True, slots=True)
class Repair:
    """One value that is not the card (or archive cell) as written: what it was, what it became, and why.

    ``item`` names the header keyword, or the column, or ``path``; ``confidence`` runs from 0 to 1.
    """

    item: str
    was: str | None
    became: str | None
    rule: str
    why: str
    confidence: float = 1.0


class ProductError(Exception):
    """A file that cannot be described: ``kind`` is the error class of ``holdings.run_product``.

    Of pixels alone is ``no_valid_pixels``, which is kept beside what could be measured.

    Kinds: ``unreadable truncated not_fits not_gzip no_pixels no_valid_pixels bad_wcs bad_header
    changed permission internal too_large``.
    """

    def __init__(self, kind: str, message: str, item: str | None = None, value: object = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.item = item
        self.value = value


UNKNOWN_SIZE = -1
"""``size_bytes`` of a file behind a URL whose server does not tell it; published as null."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as discovery found it. ``path`` is POSIX and relative to the ingest root named ``root``.

    A member of a tar has the path ``<container>/<member>``: ``container`` is the tar's own path, ``offset``
    where the member's bytes begin in the tar once it is unpacked by ``packing`` (``gzip bzip2 xz``, or None
    where it is not packed); ``modified_ns`` is the tar's. Of a file behind a URL ``modified_ns`` is negative
    where its server tells no time: a fingerprint of its entity tag, or -1 where there is none; ``query`` is
    what follows the ``?`` of its URL (of a member: of the tar's), which is never published.
    """

    root: str
    path: str
    size_bytes: int
    modified_ns: int
    container: str | None = None
    offset: int | None = None
    packing: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One header card, as written. ``index`` counts from 0 within its HDU."""

    hdu: int
    index: int
    keyword: str
    value: str | None
    comment: str


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """Where the pixels lie. ``axes`` is in FITS order (NAXIS1 first); ``data_offset`` counts in the
    uncompressed stream and is None for tile-compressed images."""

    hdu: int
    axes: tuple[int, ...]
    bitpix: int
    data_offset: int | None
    compression: str | None  # None, "gzip", "tile"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which observation a file belongs to, from its path, name and header.

    uids in the archive's form ``uid://A001/X1/X2``. ``windows`` are spectral-window labels; ``intent`` one of
    ``sci bp ph chk``; ``processing`` the tags that tell products of one window apart (``pbcor``, ``tt0``, a
    weighting...); ``stem`` the name without the parts that say the role, shared by companions.
    """

    project_code: str | None = None
    science_goal_uid: str | None = None
    group_ous_uid: str | None = None
    member_ous_uid: str | None = None
    target_name: str | None = None
    intent: str | None = None
    windows: tuple[str, ...] = ()
    processing: tuple[str, ...] = ()
    stem: str = ""


@dataclass(frozen=True, slots=True)
class SkyCoverage:
    """Position and outline on the sky; ``pixel_scale`` in arcsec, ``field_of_view`` a diameter in degrees."""

    ra: float
    dec: float
    footprint: Region
    field_of_view: float
    pixel_scale: float
    pixels: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SpectralCoverage:
    """The spectral axis in sky frequency, in the file's own frame, and its barycentric wavelengths.

    ``f_min``/``f_max`` are outer channel edges; ``channel_width`` is positive, and that in the middle of the
    axis where channels are not equally wide. ``em_min``/``em_max`` are vacuum wavelengths, barycentric where
    ``specsys`` is known, else in the frame of the file (design 4.4). ``power_min``/``power_max``: the lowest
    and the highest resolving power of a channel, None where all are equally wide.
    """

    f_min: float
    f_max: float
    channels: int
    channel_width: float
    specsys: str | None
    rest_frequency: float | None
    em_min: float
    em_max: float
    power_min: float | None = None
    power_max: float | None = None


@dataclass(frozen=True, slots=True)
class Beam:
    """Restoring beam: major and minor axis in arcsec, position angle in degrees (None where not given); the
    smallest and largest geometric-mean size over the channels in arcsec (equal for a single beam). Of many
    beams ``sqrt(major * minor)`` is the median size."""

    major: float
    minor: float
    angle: float | None
    size_min: float
    size_max: float


@dataclass(frozen=True, slots=True)
class Product:
    """One file on its way to a row. Steps fill the fields from top to bottom."""

    file: FoundFile
    media_type: str | None = None
    layout: ImageLayout | None = None
    cards: tuple[Card, ...] = ()
    header_digest: str | None = None
    role: str = "unknown"
    evidence: str = ""
    identity: Identity = field(default_factory=Identity)
    sky: SkyCoverage | None = None
    spectral: SpectralCoverage | None = None
    beam: Beam | None = None
    polarisations: tuple[str, ...] = ()
    unit: str | None = None
    date_start: float | None = None
    date_end: float | None = None
    exposure_seconds: float | None = None
    rest_frequency: float | None = None  # Hz; also of a map that has lost its spectral axis
    specsys: str | None = None  # likewise
    redshift: float | None = None  # as a header card states it, barycentric where its frame is given
    redshift_source: str | None = None  # the card
    telescope: str | None = None
    instrument: str | None = None
    created: str | None = None
    repairs: tuple[Repair, ...] = ()
    error_kind: str | None = None
    error_message: str | None = None
    sha256: str | None = None  # of the whole file, hexadecimal; None where it was not read whole
    duration: float = 0.0
    told_by: str = ""  # what the role rests on: header, name, content (unit and axes), doubt or pixels

    @property
    def state(self) -> str:
        """``ok`` or ``failed``."""
        return "ok" if self.error_kind is None else "failed"

    def repaired(self, *repairs: Repair, **changes: object) -> Self:
        """A new record with ``changes`` applied and ``repairs`` appended."""
        return replace(self, repairs=(*self.repairs, *repairs), **changes)  # type: ignore[arg-type]
