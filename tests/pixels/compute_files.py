"""FITS files opened as the workers open them, and what they write read back."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from astropy.io import fits

from vo_service.pixels import read_axes, read_fits
from vo_service.pixels.compute.cutting import CutSource, open_cut
from vo_service.pixels.compute.writing import Computed, Part, pieces_of
from vo_service.pixels.cutout.assemble import CutImage, file_of
from vo_service.pixels.cutout.plan import Stored
from vo_service.pixels.sources import ByteSource, LocalFile

AnyCut = CutImage[Stored | Computed]


@contextmanager
def opened(source: ByteSource | Path, index: Path | None = None) -> Iterator[CutSource]:
    """The science image of a file."""
    if isinstance(source, Path):
        source = LocalFile(source)
    layout = read_fits(source)
    hdu = layout.image()
    assert hdu is not None
    with open_cut(source, layout, hdu, read_axes(hdu.keywords, hdu.axes), index) as found:
        yield found


def written(science: AnyCut, *companions: tuple[str, AnyCut]) -> bytes:
    """The file that is made of cuts, of which each part is as long as was told before."""
    content = bytes_of(file_of(science, companions))
    assert len(content) % 2880 == 0
    return content


def bytes_of(parts: Iterable[Part]) -> bytes:
    """What parts of a file give, one after the other, each as long as it was announced."""
    content = bytearray()
    for part in parts:
        start = len(content)
        for piece in pieces_of(part):
            content += piece
        assert len(content) - start == part.size
    return bytes(content)


def hdus_of(content: bytes) -> fits.HDUList:
    """The HDUs of a file, numbers as they are stored."""
    return fits.open(io.BytesIO(content), do_not_scale_image_data=True)
