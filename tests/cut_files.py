"""Cuts of FITS files through the whole chain, and what astropy has to find in them."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, Wcsprm
from numpy.typing import NDArray

from vo_service.holdings.image_view import ImageView, view_image
from vo_service.holdings.records import FoundFile
from vo_service.pixels import read_fits
from vo_service.pixels.cutout.assemble import OpenImage, header_blocks, segments_of
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.plan import PlannedBytes
from vo_service.pixels.held import HeldFile
from vo_service.pixels.sources import LocalFile
from vo_service.products.making import Input, Making
from vo_service.products.provenance import provenance_cards
from vo_service.products.selection import Constraints, RowFacts, select
from vo_service.products.stored import StoredFile
from vo_service.products.wanted import Wanted

Doubles = NDArray[np.float64]
OF_THE_WHOLE = {b"CHECKSUM", b"DATASUM", b"DATAMIN", b"DATAMAX"}
SAID = (("BAND", "1e-3 2e-3"), ("CIRCLE", "1 2 3"))
PIECE = 4999


def found_at(path: Path) -> FoundFile:
    return FoundFile("r", path.name, path.stat().st_size, path.stat().st_mtime_ns)


def view_at(path: Path) -> ImageView:
    return view_image(found_at(path), read_fits(path))


def box_of(path: Path, wanted: Constraints, facts: RowFacts | None = None) -> Box:
    return select(view_at(path), facts or RowFacts(), wanted)


def stored_at(path: Path) -> StoredFile:
    return StoredFile("a-product", found_at(path), 1, "application/fits", "sample", None)


def made_at(path: Path, wanted: Constraints, facts: RowFacts | None = None) -> bytes:
    """All bytes of a cut of a file of any kind, as a process of its own makes it."""
    with tempfile.TemporaryDirectory() as folder:
        out, inputs = Path(folder) / "out", (Input(stored_at(path), LocalFile(path), Path(folder)),)
        Making(inputs, facts or RowFacts(), None, Wanted(wanted, SAID), 1 << 32)(out)
        made = out.read_bytes()
    content, digest = made[:-32], made[-32:]  # as results are kept
    assert hashlib.sha256(content).digest() == digest
    return content


def cut_at(path: Path, box: Box) -> bytes:
    """All bytes of a cut of a plain file."""
    held = HeldFile(os.open(path, os.O_RDONLY), path.name, 0, path.stat().st_size)
    with closing(held) as source:
        layout = read_fits(source)
        view = view_image(found_at(path), layout)
        headers = header_blocks(source, layout, view.hdu)
        image = OpenImage(source, layout, view.hdu, view.header.axes, headers)
        segments = segments_of(image, box, provenance_cards(stored_at(path), SAID))
        plan = PlannedBytes(segments, lambda: True, lambda: None)
        content = b"".join(plan.read_at(start, PIECE) for start in range(0, plan.size, PIECE))
        assert len(content) == plan.size
    return content


def stored_pixels(raw: bytes, hdu: fits.PrimaryHDU | fits.ImageHDU) -> NDArray[np.void]:
    """The pixels of an HDU of a file as they are stored, in numpy's order of axes: bytes of no type, so that
    nothing is done to them."""
    shape = [hdu.header[f"NAXIS{number}"] for number in range(hdu.header["NAXIS"], 0, -1)]
    place, size = hdu.fileinfo()["datLoc"], abs(hdu.header["BITPIX"]) // 8
    pixels = np.frombuffer(raw, f"V{size}", int(np.prod(shape)), place)
    return pixels.reshape(shape)


def check_pixels(before: bytes, after: bytes, box: Box) -> None:
    """The bytes of the box, and cards to the letter but for those that a cut changes (SODA-042, SODA-043)."""
    with (
        open_source(before, do_not_scale_image_data=True) as old,
        fits.open(io.BytesIO(after), do_not_scale_image_data=True) as new,
    ):
        if is_standard(old):
            new.verify("exception")
        one, other = image_hdu(old), image_hdu(new)
        wanted = stored_pixels(before, one)[tuple(slice(*span) for span in box.spans[::-1])]
        pixels = stored_pixels(after, other)
        assert pixels.shape == wanted.shape and pixels.tobytes() == wanted.tobytes()
        check_cards(one.header, other.header, box)
        check_rest(stored_cards(before, one), stored_cards(after, other), box)
    assert len(after) % 2880 == 0


def open_source(content: bytes, **how: object) -> fits.HDUList:
    """A file by astropy, which remarks on what lies behind the last HDU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdus = fits.open(io.BytesIO(content), **how)
        len(hdus)  # reads all
    return hdus


def is_standard(hdus: fits.HDUList) -> bool:
    """Whether astropy finds no fault with a file: cards that are not of the standard stay as they are."""
    try:
        hdus.verify("exception")
    except fits.VerifyError:
        return False
    return True


def image_hdu(hdus: fits.HDUList) -> fits.PrimaryHDU | fits.ImageHDU:
    """The first image with pixels."""
    return next(hdu for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] > 0)


def check_cards(old: fits.Header, new: fits.Header, box: Box) -> None:
    references = [
        (f"CRPIX{number}{alternate}", start)
        for number, start in enumerate(box.starts, 1)
        for alternate in ("", *"ABC")
    ]
    for keyword, start in references:
        if keyword in old:
            assert float(new[keyword]) == float(old[keyword]) - start, keyword
            assert new.comments[keyword] == old.comments[keyword]
    for number, length in enumerate(box.shape, 1):
        assert new[f"NAXIS{number}"] == length
    assert new["VOSRCID"] == "a-product" and new["VOSRCVER"]
    assert list(new["HISTORY"])[-len(SAID) :] == [f"{name}={value}" for name, value in SAID]


def stored_cards(raw: bytes, hdu: fits.PrimaryHDU | fits.ImageHDU) -> list[bytes]:
    """The cards of an HDU of a file to the letter, without END."""
    place = hdu.fileinfo()
    text = raw[place["hdrLoc"] : place["datLoc"]]
    cards = [text[start : start + 80] for start in range(0, len(text), 80)]
    return cards[: cards.index(b"END".ljust(80))]


def check_rest(old: list[bytes], new: list[bytes], box: Box) -> None:
    """All cards but those that a cut changes are the same in the same order, and nothing but where they come
    from is added."""
    axes = range(1, len(box.spans) + 1)
    changed = {f"CRPIX{number}{alternate}".encode() for number in axes for alternate in ("", *"ABC")}
    changed |= {f"NAXIS{number}".encode() for number in axes} | {b"ALTRPIX"}
    kept = [card for card in old if card[:8].strip() not in changed | OF_THE_WHOLE]
    stay = [card for card in new if card[:8].strip() not in changed]
    assert stay[: len(kept)] == kept
    assert all(card.startswith((b"VOSRCID ", b"VOSRCVER", b"HISTORY ")) for card in stay[len(kept) :])


def wcs_of(header: fits.Header, alternate: str = " ") -> WCS:
    """World coordinates by astropy, which remarks on much in old headers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(header, key=alternate)


def check_world(old: fits.Header, new: fits.Header, box: Box, alternate: str = " ", count: int = 40) -> None:
    """Pixels of the cut are where those of the source are: there by the one header and back by the other to
    a millionth of a pixel (SODA-042)."""
    source, cut = wcs_of(old, alternate).wcs, wcs_of(new, alternate).wcs
    most = np.array(box.shape, dtype=np.float64)
    draws = np.random.default_rng(1).uniform(0.5, most + 0.5, (count, len(most)))
    pixels = np.concatenate([np.ones((1, len(most))), most[None], draws])
    extra = source.naxis - len(most)
    pixels = np.pad(pixels, ((0, 0), (0, extra)), constant_values=1.0)
    shifted = pixels + np.pad(np.array(box.starts, dtype=np.float64), (0, extra))
    here, there = cut.p2s(pixels, 1), source.p2s(shifted, 1)
    assert (here["stat"] == there["stat"]).all()
    same = [source.s2p(found["world"], 1)["pixcrd"] for found in (here, there)]
    apart = np.abs(same[1] - shifted).max(axis=1)
    returns = apart < 1e-7  # not from beyond a turn of longitude, where a projection overlaps itself
    assert (np.abs(same[0] - same[1])[returns] < 1e-6).all()
    places = [places_of(wcs, found["world"]) for wcs, found in ((cut, here), (source, there))]
    for one, other in zip(*places, strict=True):
        on_sky = np.isfinite(other)
        assert np.allclose(one[on_sky], other[on_sky], rtol=1e-11, atol=1e-12)


def places_of(wcs: Wcsprm, world: Doubles) -> list[Doubles]:
    """World coordinates axis by axis, those of the sky as unit vectors: longitude means little at a pole."""
    places = [world[:, axis] for axis in range(world.shape[1]) if axis not in (wcs.lng, wcs.lat)]
    if wcs.lng >= 0:
        lon, lat = np.radians(world[:, wcs.lng]), np.radians(world[:, wcs.lat])
        places += [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    return places
