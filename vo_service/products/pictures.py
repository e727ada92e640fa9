"""Quick looks of a data set, drawn in a process of its own: what is to be drawn, from one reading of its
pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.holdings.image_view import ImageView
from vo_service.pixels import Celestial
from vo_service.pixels.compute.channels import ChannelScale
from vo_service.pixels.compute.clipped import ClippedReader
from vo_service.pixels.compute.moments import moment_map
from vo_service.pixels.compute.reader import PixelReader
from vo_service.pixels.compute.rebin import bins_along, cut_rebinned
from vo_service.pixels.cutout.assemble import file_of
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.held import HeldFile
from vo_service.pixels.quicklook.layers import layers_of
from vo_service.pixels.quicklook.survey import SIDE, Peaks, Plate, Survey, survey_image
from vo_service.pixels.quicklook.words import Beam, Kind, LineMark, NothingToDraw, Picture, Words
from vo_service.products.collapsing import Boxed
from vo_service.products.cutting import OpenFile
from vo_service.products.derived import ResultFile, write_result
from vo_service.products.faults import faults_told
from vo_service.products.making import Input, open_aside, open_input, put_parts
from vo_service.products.selection import Constraints
from vo_service.products.wanted import Wanted

Doubles = NDArray[np.float64]
Lines = tuple[LineMark, ...]

MOMENT_SIGMA = 5.0
"""A velocity is shown where the peak stands so far above the noise: elsewhere it would be one of noise."""
CHANNEL_SIGMA = 3.0
"""And it is made of the channels that stand so far above."""
MOST_BYTES = 64 << 20
"""Of a picture, or of what is read for one, at most."""
BINNED_BYTES = 16 << 30
"""Of a cube in bins, which its moments are made of."""
_AS_IT_IS = Wanted(Constraints(), ())


class PictureKind(StrEnum):
    """The quick looks there are."""

    PREVIEW = "preview"
    THUMBNAIL = "thumbnail"
    SPECTRUM = "spectrum"
    MOMENT0 = "moment0"
    MOMENT1 = "moment1"
    MOMENT8 = "moment8"


OF_CUBES = frozenset({PictureKind.SPECTRUM, PictureKind.MOMENT0, PictureKind.MOMENT1, PictureKind.MOMENT8})
"""Pictures that only a data set with several channels has."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a picture says beside the pixels: words (without a unit: that is of the image), the scale of its
    numbers, candidates for lines (Hz in the frame that ``lines_frame`` names) and the noise of the image in
    its own unit, where they are known."""

    words: Words
    kind: Kind
    lines: tuple[LineMark, ...] = ()
    lines_frame: str | None = None
    noise: float | None = None


@dataclass(frozen=True, slots=True)
class Surveying:
    """One reading of an image for all its pictures, kept as arrays."""

    input: Input

    def __call__(self, out: Path) -> None:
        """Write it into a new file. Raises ServiceError: 404 where there is nothing to be seen."""
        with pictures_told():
            write_result(out, partial(self._write, out.parent), MOST_BYTES)

    def _write(self, folder: Path, file: ResultFile) -> None:
        with open_input(self.input, folder) as opened:
            view = opened.view
            spectral = view.header.axes.spectral
            channels = None if spectral is None else spectral.number - 1
            layers = layers_of(view.hdu.axes, _celestial(view), channels)
            file.write(survey_bytes(survey_image(opened.source.reader, layers)))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture, from a survey that is open."""

    picture: PictureKind
    input: Input
    survey: HeldFile
    subject: Subject

    def __call__(self, out: Path) -> None:
        """Write the PNG into a new file. Raises ServiceError: 404 where there is nothing to be drawn."""
        with pictures_told():
            write_result(out, partial(self._write, out.with_suffix(".small")), MOST_BYTES)

    def _write(self, aside: Path, file: ResultFile) -> None:
        with open_input(self.input, aside.parent) as opened:
            view = opened.view
        survey = survey_of(self.survey.read_at(0, self.survey.size))
        file.write(self._draw(view, survey, aside).png)

    def _draw(self, view: ImageView, survey: Survey, aside: Path) -> Picture:
        # it is large, and only processes that draw have it
        from vo_service.pixels.quicklook.maps import draw_preview, draw_thumbnail
        from vo_service.pixels.quicklook.spectra import draw_spectrum

        words, kind = words_of(self.subject.words, view), self.subject.kind
        if self.picture in OF_CUBES and survey.peaks is None:
            raise NothingToDraw("the data set has no spectral axis of several channels")
        match self.picture:
            case PictureKind.THUMBNAIL:
                return draw_thumbnail(survey.plate, view.sky, f"{words.title} {words.detail}".strip(), kind)
            case PictureKind.SPECTRUM:
                assert survey.peaks is not None
                frequency, frame, lines = self._frequencies(view)
                return draw_spectrum(survey.peaks, frequency, words, lines, frame)
            case PictureKind.MOMENT0 | PictureKind.MOMENT1:
                return self._draw_moment(survey, aside)
        return draw_preview(survey.plate, view.sky, words, beam_of(view), kind)

    def _frequencies(self, view: ImageView) -> tuple[Doubles | None, str | None, Lines]:
        """Of the channels, the frame that they are in, and the marks that are in the same."""
        spectral = view.spectral
        if spectral is None:
            return None, None, ()
        own = (spectral.edges[:-1] + spectral.edges[1:]) / 2.0
        barycentric = spectral.barycentric(own)
        if barycentric is not None and self.subject.lines_frame in ("BARYCENT", None):
            return barycentric, "barycentric", self.subject.lines
        frame = None if spectral.frame is None else spectral.frame.value
        return own, frame, self.subject.lines if frame == self.subject.lines_frame else ()

    def _draw_moment(self, survey: Survey, aside: Path) -> Picture:
        """A moment of the whole cube, binned to about the size of the screen first."""
        block = max(1, -(-max(survey.plate.columns, survey.plate.rows) // SIDE))
        try:
            with open_input(self.input, aside.parent) as opened:
                if block == 1:
                    return self._draw_moment_of(opened)
                factors = bins_along(opened.source.image.axes, block, block, 1)
                binned = cut_rebinned(opened.source, Box.whole(opened.view.hdu.axes), (), factors)
                with aside.open("xb") as raw:
                    put_parts(file_of(binned), ResultFile(raw, BINNED_BYTES))
            with open_aside(self.input.at(aside), aside.parent) as opened:
                return self._draw_moment_of(opened)
        finally:
            aside.unlink(missing_ok=True)

    def _draw_moment_of(self, opened: OpenFile) -> Picture:
        # it is large, and only processes that draw have it
        from vo_service.pixels.quicklook.maps import draw_map

        boxed = Boxed(opened.view, opened.source, Box.whole(opened.view.hdu.axes))
        scale = boxed.scale(_AS_IT_IS, "radio")
        if self.picture is PictureKind.MOMENT0:
            values, unit = self._integral(boxed, scale), "Hz" if scale.reference is None else "km/s"
            words = words_of(self.subject.words, opened.view, unit)
        else:
            values = self._velocity(boxed, scale)
            words = replace(words_of(self.subject.words, opened.view), unit="km/s")
        return draw_map(values, opened.view.sky, words, beam_of(opened.view), self.subject.kind)

    def _integral(self, boxed: Boxed, scale: ChannelScale) -> Doubles:
        """(rows, columns) of the first plane."""
        return _plane(moment_map(boxed.source.reader, boxed.box, boxed.number, scale, 0), boxed)

    def _velocity(self, boxed: Boxed, scale: ChannelScale) -> Doubles:
        """(rows, columns) of the first plane, of what stands above the noise alone. Bins have less noise than
        the pixels, whose noise they are compared with: what is shown of them stands above their own, too."""
        if scale.reference is None:
            raise NothingToDraw("the header states no rest frequency, which velocities are relative to")
        reader: PixelReader = boxed.source.reader
        noise = self.subject.noise
        if noise is None:
            return _plane(moment_map(reader, boxed.box, boxed.number, scale, 1), boxed)
        clipped = ClippedReader(reader, CHANNEL_SIGMA * noise)
        velocity = _plane(moment_map(clipped, boxed.box, boxed.number, scale, 1), boxed)
        peak = _plane(moment_map(reader, boxed.box, boxed.number, scale, 8), boxed)
        with np.errstate(invalid="ignore"):
            shown = peak >= MOMENT_SIGMA * noise
        if not np.isfinite(velocity[shown]).any():
            raise NothingToDraw(f"nothing stands {MOMENT_SIGMA:g} sigma above the noise")
        return np.where(shown, velocity, np.nan)


def words_of(words: Words, view: ImageView, times: str = "") -> Words:
    """The words with the unit of the image, ``times`` another, and with the polarisation that is shown where
    that is not plain intensity: the first."""
    unit, stokes = view.product.unit, view.stokes or ()
    parts = [words.detail]
    if stokes and stokes != ("I",) and stokes[0] is not None:
        parts.append(f"{'Stokes' if stokes[0] in 'IQUV' else 'polarisation'} {stokes[0]}")
    detail = ", ".join(part for part in parts if part)
    return replace(words, detail=detail, unit=f"{unit} {times}".strip() if unit else None)


def beam_of(view: ImageView) -> Beam | None:
    """The beam as it is drawn."""
    beam = view.product.beam
    return None if beam is None else Beam(beam.major, beam.minor, beam.angle)


def _plane(values: NDArray[np.float64], boxed: Boxed) -> NDArray[np.float64]:
    """The first plane of a map, whose axes are in the order of numpy."""
    layers = layers_of(boxed.view.hdu.axes, _celestial(boxed.view), boxed.number - 1)
    shown = (layers.across, layers.up)
    axes = reversed(range(values.ndim))
    return np.asarray(values[tuple(slice(None) if axis in shown else 0 for axis in axes)])


def _celestial(view: ImageView) -> Celestial | None:
    return None if view.sky is None else view.sky.celestial


@contextmanager
def pictures_told() -> Iterator[None]:
    """Where an image cannot be drawn there is no picture, and that is what the client is told: nothing that
    could be asked for in another way. The rest is told as `faults_told` does."""
    try:
        with faults_told():
            yield
    except NothingToDraw as reason:
        raise ServiceError(ErrorKind.NOT_FOUND, f"There is no such picture: {reason}.") from reason
    except ServiceError as error:
        if error.kind is not ErrorKind.USAGE:
            raise
        raise ServiceError(ErrorKind.NOT_FOUND, f"There is no such picture. {error.message}") from error


def survey_bytes(survey: Survey) -> bytes:
    """A survey as the bytes of a file: the same for the same survey."""
    plate, peaks = survey.plate, survey.peaks
    numbers = np.array([plate.block, plate.columns, plate.rows], np.int64)
    arrays = {"values": plate.values, "numbers": numbers, "highest": np.array(plate.highest)}
    if peaks is not None:
        arrays |= {"peaks": np.array([peaks.highest, peaks.through]), "place": np.array(peaks.place)}
    out = BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def survey_of(content: bytes) -> Survey:
    """The survey again."""
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        block, columns, rows = (int(each) for each in arrays["numbers"])
        plate = Plate(arrays["values"], block, columns, rows, float(arrays["highest"]))
        if "peaks" not in arrays:
            return Survey(plate, None)
        highest, through = arrays["peaks"]
        x, y = (int(each) for each in arrays["place"])
        return Survey(plate, Peaks(highest, through, (x, y)))
