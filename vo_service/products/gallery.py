"""The quick looks of data sets: found, made when they are first asked for, and kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vo_service.access import Viewer
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.pixels.held import HeldFile
from vo_service.pixels.quicklook.words import Kind, LineMark, Words
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Derived, Kept
from vo_service.products.making import Input
from vo_service.products.pictures import OF_CUBES, Drawing, PictureKind, Subject, Surveying
from vo_service.products.results import Ready, Results, entity_tag
from vo_service.products.shelf import Shelf
from vo_service.products.workshop import Computing
from vo_service.spectral import C

_PNG = "image/png"
_STYLE = " ".join(("1", *(version(each) for each in ("astropy", "matplotlib", "pillow"))))
"""How pictures are drawn: by this software (the number is raised when it draws in another way) and by what it
draws with."""
_PLAIN = frozenset({"moment2", "width", "alpha", "error", "weight", "mask", "derived"})
_OF_BOTH_SIGNS = frozenset({"Q", "U", "V"})
_BRIGHT = frozenset({"image", "cube", "model", "residual", "moment0"})
_QUANTITIES: Mapping[str, str] = {
    "cube": "Peak over the channels",
    "moment0": "Integrated intensity",
    "moment1": "Velocity",
    "moment2": "Velocity dispersion",
    "width": "Line width",
    "peak": "Peak",
    "alpha": "Spectral index",
    "pb": "Primary beam response",
    "psf": "Beam response",
    "mask": "Mask",
    "weight": "Weight",
    "error": "Uncertainty",
}


class Gallery:
    """Makes quick looks. Its methods may block; safe to use from many threads."""

    def __init__(self, shelf: Shelf, results: Results, derived: Derived, indexes: Path) -> None:
        self._shelf = shelf
        self._results = results
        self._derived = derived
        self._indexes = indexes

    def make(
        self,
        name: str,
        picture: PictureKind,
        viewer: Viewer,
        address: str,
        computing: Computing,
        cancellation: Cancellation,
    ) -> Ready:
        """A picture of a data set, or of one of its files.

        Raises Closed, ClientGone, ServiceError: 404 where there is no such data set or picture, and as
        `Results.make`.
        """
        found = self._results.find(name, viewer, address)
        channels = found.row.get("em_xel")
        if picture in OF_CUBES and found.science.is_primary and channels is not None and channels < 2:
            raise ServiceError(ErrorKind.NOT_FOUND, f"Only cubes have a picture {picture.value!r}.")
        subject = self._subject(found, picture)
        etag = entity_tag([found.science], f"picture {_STYLE} {picture.value} {subject!r}")
        kept = self._derived.find(etag.strip('"')) or self._draw(
            found, picture, subject, etag, computing, cancellation
        )
        stem = f"{name}.png" if picture is PictureKind.PREVIEW else f"{name}.{picture.value}.png"
        return Ready(kept.handle, kept.handle.size, etag, _PNG, stem, kept.sha256)

    def _draw(
        self,
        found: DataSet,
        picture: PictureKind,
        subject: Subject,
        etag: str,
        computing: Computing,
        cancellation: Cancellation,
    ) -> Kept:
        with computing.admitted(), closing(self._shelf.open_source(found.science)) as opened:
            source = Input(found.science, opened.source, self._indexes)
            read = entity_tag([found.science], f"survey {_STYLE}").strip('"')
            survey = self._derived.get(
                read,
                lambda out: computing.run(partial(Surveying(source), out), cancellation),
                cancellation,
                computing.seconds,
            )
            with closing(survey.handle) as handle:
                held = HeldFile(handle.descriptor, "survey", 0, handle.size)
                drawing = Drawing(picture, source, held, subject)
                key = etag.strip('"')
                return self._derived.get(
                    key,
                    lambda out: computing.run(partial(drawing, out), cancellation),
                    cancellation,
                    computing.seconds,
                )

    def _subject(self, found: DataSet, picture: PictureKind) -> Subject:
        product = {"product_id": found.science.product_id}
        lines: tuple[LineMark, ...] = ()
        frame = noise = None
        if picture is PictureKind.SPECTRUM:
            columns = ("frequency", "f_low", "f_high", "lines", "specsys")
            candidates = self._shelf.rows("holdings.line_candidate", columns, product)
            lines = tuple(_mark(row) for row in sorted(candidates, key=lambda row: str(row["frequency"])))
            frame = next((row["specsys"] for row in candidates), None)
        if picture is PictureKind.MOMENT1:
            measured = self._shelf.rows("holdings.measurement", ("rms",), product)
            noise = next((row["rms"] for row in measured), None)
        return Subject(_words(found, picture, noise), _kind(found, picture), lines, frame, noise)


def _mark(row: Mapping[str, Any]) -> LineMark:
    """A candidate by the first line that it may be."""
    name = (row["lines"] or "").partition(";")[0].strip()
    return LineMark(name, row["frequency"], row["f_low"], row["f_high"])


def _kind(found: DataSet, picture: PictureKind) -> Kind:
    role, row = found.science.role, found.row
    if picture is PictureKind.MOMENT1 or role == "moment1":
        return Kind.VELOCITY
    is_sum = picture is PictureKind.MOMENT0 or (row.get("em_xel") or 1) == 1
    if is_sum and role in _BRIGHT:  # the peak of a cube has one sign
        first = (row.get("pol_states") or "").strip("/").partition("/")[0]
        if role == "residual" or first in _OF_BOTH_SIGNS:
            return Kind.SIGNED
    return Kind.PLAIN if role in _PLAIN else Kind.BRIGHTNESS


def _words(found: DataSet, picture: PictureKind, noise: float | None) -> Words:
    row, role = found.row, found.science.role
    low, high = row.get("em_min"), row.get("em_max")
    frequency = f"{2.0 * C / (low + high) / 1e9:.3f} GHz" if low and high else None
    parts = [frequency, row.get("facility_name")]
    quantity = _QUANTITIES.get(role, "Brightness")
    match picture:
        case PictureKind.SPECTRUM:
            quantity = "Brightness"
        case PictureKind.MOMENT0:
            quantity = "Integrated intensity"
        case PictureKind.MOMENT1:
            quantity = "Velocity (radio)"
            parts.append("where the peak stands 5 sigma above the noise" if noise is not None else None)
        case PictureKind.MOMENT8:
            quantity = "Peak over the channels"
    title = row.get("target_name") or found.science.name
    return Words(title, ", ".join(part for part in parts if part), quantity)
