"""What is to be known of a map before a tree is planned: how fine it is and what it counts, or why there is
no such map. It is a function of the state of the files, so it is found once and kept (`Looks`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from vo_service.atlas.brightness import Brightness, brightness_of, channel_scale, integrated_noise, noise_of
from vo_service.atlas.intensity import NoMap, Stack, first_of, intensity_of
from vo_service.atlas.opening import Origin, view_of
from vo_service.atlas.public_sets import PublicSet
from vo_service.atlas.recipes import Quantity, Recipe, Span
from vo_service.holdings.image_view import ImageView
from vo_service.pixels import FitsError
from vo_service.pixels.compute.channels import NotComputable
from vo_service.products.companions import has_same_sky
from vo_service.products.stored import StoredFile
from vo_service.store import RootPlace

ALGORITHM = 2
"""Rises when the same files give other maps or weights: all tiles are made anew then."""

UNKNOWN_NOISE = 1e-30
"""The weight of a map whose noise nobody has measured: it counts where no other is, and there alone. Weights
of all others are 1 over the square of their noise, with which no fixed number could be compared."""


_HEAVIEST = 1e30
_PASSING = ("changed", "unreadable")
"""Errors of files that say nothing of what these are when they can be read."""


@dataclass(frozen=True, slots=True)
class Look:
    """``pixel_scale`` and ``resolution`` in degrees, ``weight`` as of Field; ``read_bytes`` of pixels have to
    be read for the map; ``beam`` is the product_id of the primary beam that goes with it, ``beam_channel``
    its channel. Where there is no such map ``reason`` says why, and nothing else counts."""

    pixel_scale: float = math.nan
    resolution: float = math.nan
    weight: float = UNKNOWN_NOISE
    read_bytes: int = 0
    beam: str | None = None
    beam_channel: int = 0
    reason: str | None = None


def key_of(one: PublicSet, recipe: Recipe) -> str:
    """The entity tag of the file that a map is made of (`is_of`), and a digest of all that the map and its
    weights may depend on."""
    files = [file.etag for file in (one.science, *one.primary_beams)]
    wanted = (recipe.quantity.value, recipe.runs, recipe.line_hz)
    told = (ALGORITHM, files, wanted, one.rms, one.rms_unit, one.is_corrected)
    digest = hashlib.blake2b(repr(told).encode("utf-8"), digest_size=20).hexdigest()
    return f"{_plain(one.science)}-{digest}"


def is_of(state: str, file: StoredFile) -> bool:
    """Whether a map in such a state was made of a file as it is now."""
    return state.partition("-")[0] == _plain(file)


def _plain(file: StoredFile) -> str:
    return file.etag.strip('"')


def look(one: PublicSet, recipe: Recipe, places: Mapping[str, RootPlace]) -> Look:
    """Reads the headers of a data set. Raises OSError and FitsError where they cannot be read."""
    view = view_of(_origin(one.science, places))
    try:
        stack = intensity_of(view)
        bright = brightness_of(view, stack)
        runs = _runs(recipe, stack, view)
        noise = _noise(one, recipe, view, bright, runs)
    except (NoMap, NotComputable) as error:
        return Look(reason=str(error))
    assert view.sky is not None  # or there were no intensity
    celestial, beam = view.sky.celestial, view.product.beam
    found, channel = _primary_beam(one, view, runs, places)
    return Look(
        pixel_scale=celestial.finest_side(),
        resolution=celestial.pixel_scale() if beam is None else math.sqrt(beam.major * beam.minor) / 3600.0,
        weight=UNKNOWN_NOISE if noise is None else 1.0 / noise**2,
        read_bytes=_read_bytes(one.science, view, stack, runs),
        beam=None if found is None else found.product_id,
        beam_channel=channel,
    )


def _read_bytes(file: StoredFile, view: ImageView, stack: Stack, runs: list[Span]) -> int:
    """What a map is made of, unpacked; where a stream has to be read on, all of it."""
    if view.fits.compressed or file.found.packing is not None:
        return math.prod(view.hdu.axes) * abs(view.hdu.bitpix) // 8
    columns, rows = stack.size
    planes = len(stack.chosen) * sum(stop - start for start, stop in runs)
    return planes * columns * rows * abs(view.hdu.bitpix) // 8


def _origin(file: StoredFile, places: Mapping[str, RootPlace]) -> Origin:
    """Raises FitsError where the root of a file is not known."""
    place = places.get(file.found.root)
    if place is None:
        raise FitsError("unreadable", f"the directory of {file.name} is not known")
    return Origin(file, place)


def _runs(recipe: Recipe, stack: Stack, view: ImageView) -> list[Span]:
    """The channels of a map. Raises NoMap."""
    channels = stack.channels
    if recipe.quantity is Quantity.CONTINUUM:
        if channels > 1:
            raise NoMap(f"it has {channels} channels, and is no image of one")
        return [(0, 1)]
    if channels < 2:
        raise NoMap(view.spectral_fault or "it has no channels to make a map of")
    runs = list(recipe.runs or ((0, channels),))
    if runs[-1][1] > channels:
        raise NoMap(f"its candidate lines reach to channel {runs[-1][1]}, it has {channels}")
    return runs


def _noise(
    one: PublicSet, recipe: Recipe, view: ImageView, bright: Brightness, runs: list[Span]
) -> float | None:
    """The noise of a map in its own unit, None where it is not known. Raises NoMap where an integral cannot
    be made, whatever its noise."""
    scales = []
    if recipe.quantity is Quantity.MOMENT0:
        scales = [(run, channel_scale(view, run, recipe.line_hz)) for run in runs]
    if one.rms is None or one.rms <= 0.0 or one.rms_unit != view.product.unit:
        return None
    found = integrated_noise(one.rms, bright, scales) if scales else noise_of(one.rms, bright, runs)
    return found if _HEAVIEST > 1.0 / max(found, 1e-100) ** 2 > UNKNOWN_NOISE else None


def _primary_beam(
    one: PublicSet, view: ImageView, runs: list[Span], places: Mapping[str, RootPlace]
) -> tuple[StoredFile | None, int]:
    """The first companion of the same pixels on the sky, and its channel: that in the middle of those of the
    map where it has the same channels, else the one in its own middle."""
    for file in one.primary_beams:
        try:
            beam = view_of(_origin(file, places))
            channels = first_of(beam).channels
        except NoMap:
            continue
        except FitsError as error:
            if error.kind in _PASSING:
                raise
            continue
        if has_same_sky(view, beam):
            axis = view.header.axes.spectral
            is_along = channels == (1 if axis is None else axis.length)
            middle = (runs[0][0] + runs[-1][1]) // 2 if is_along else channels // 2
            return file, min(middle, channels - 1)
    return None, 0


class Looks:
    """What was found by state, kept in a file from run to run; what nobody asked for in a run is dropped."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._former: dict[str, Look] = {}
        with suppress(OSError, ValueError, TypeError):  # then all is looked at anew
            told = json.loads(place.read_text(encoding="utf-8"))
            self._former = {key: Look(**known) for key, known in told.items()}
        self._asked: dict[str, Look] = {}

    def find(self, key: str) -> Look | None:
        """What is known of a state."""
        found = self._asked.get(key) or self._former.get(key)
        if found is not None:
            self._asked[key] = found
        return found

    def keep(self, key: str, found: Look) -> None:
        """It is known from now on."""
        self._asked[key] = found

    def save(self) -> None:
        """For the next run. Raises OSError."""
        text = json.dumps({key: asdict(found) for key, found in sorted(self._asked.items())})
        beside = self._place.with_name(f"{self._place.name}.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._place)
