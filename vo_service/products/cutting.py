"""The cut of a data set: its image and the companions that are wanted, each with its own box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from vo_service.dali.errors import usage
from vo_service.holdings.image_view import ImageView
from vo_service.pixels.compute.blank import Keep, cut_blanked
from vo_service.pixels.compute.cutting import CutSource, cut_stored
from vo_service.pixels.compute.rebin import bins_along, cut_rebinned
from vo_service.pixels.compute.writing import Part, UnfitRequest
from vo_service.pixels.cutout.assemble import CutImage, OpenImage, cut_image, file_of, science_cards
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of
from vo_service.pixels.cutout.plan import Held, Segment
from vo_service.pixels.cutout.select_sky import sky_box, touching
from vo_service.products.companions import bins_on, constraints_on
from vo_service.products.provenance import provenance_cards
from vo_service.products.selection import BoxOf, Constraints, NoOverlap, RowFacts, select
from vo_service.products.stored import StoredFile
from vo_service.products.wanted import HeaderOf, Wanted

UNBINNED = (1, 1, 1)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is being worked on."""

    file: StoredFile
    view: ImageView
    source: CutSource


def segments_wanted(
    files: Sequence[StoredFile],
    views: Sequence[ImageView],
    images: Sequence[OpenImage],
    facts: RowFacts,
    wanted: Wanted,
    box_of: BoxOf = sky_box,
) -> list[Segment]:
    """The cut of plain images, or its header, as bytes that are known or stored.

    Raises NoOverlap, FitsError ``bad_header``, ServiceError (400).
    """
    boxes = boxes_wanted(views, facts, wanted.constraints, box_of)
    cuts = [
        cut_image(image, box, provenance_cards(file, _words(wanted)))
        for file, image, box in zip(files, images, boxes, strict=True)
    ]
    if isinstance(wanted.result, HeaderOf):
        return [Held(header_text(cuts[0]))]
    return list(file_of(cuts[0], _named(files, cuts)))


def parts_wanted(opened: Sequence[OpenFile], facts: RowFacts, wanted: Wanted) -> Iterator[Part]:
    """The same of images of any kind, pixels changed as they are wanted. Raises as `segments_wanted`, and
    UnfitRequest for changes that cannot be made."""
    boxes = boxes_wanted([each.view for each in opened], facts, wanted.constraints)
    bins = [wanted.rebin, *(bins_on(each.view, opened[0].view, wanted.rebin) for each in opened[1:])]
    cuts = [_cut(each, box, wanted, rebin) for each, box, rebin in zip(opened, boxes, bins, strict=True)]
    if isinstance(wanted.result, HeaderOf):
        return iter([Held(header_text(cuts[0]))])
    return file_of(cuts[0], _named([each.file for each in opened], cuts))


def boxes_wanted(
    views: Sequence[ImageView], facts: RowFacts, wanted: Constraints, box_of: BoxOf = sky_box
) -> list[Box]:
    """The box of the science image, which comes first, and those of its companions."""
    science = views[0]
    boxes = [select(science, facts, wanted, box_of)]
    for view in views[1:]:
        try:
            boxes.append(select(view, facts, constraints_on(view, science, wanted), box_of))
        except NoOverlap as reason:
            raise usage(
                f"The image has pixels in what is wanted, a companion of it has none: {reason}",
                "Leave WITH out.",
            ) from reason
    return boxes


def header_text(cut: CutImage[Any]) -> bytes:
    """The cards of a cut one per line, after those of a header that stands before it and a blank line."""
    headers = [science_cards(cut)] if cut.before is None else [cards_of(cut.before), cut.cards]
    texts = [b"".join(card.rstrip() + b"\n" for card in (*cards, b"END")) for cards in headers]
    return b"\n".join(texts)


def _words(wanted: Wanted) -> list[tuple[str, str]]:
    """The request as the header of the cut tells it: that its header alone is wanted is no part of that."""
    return [pair for pair in wanted.said if pair[0] != "HEADER"]


def _named(files: Sequence[StoredFile], cuts: Sequence[CutImage[Any]]) -> list[tuple[str, CutImage[Any]]]:
    """Companions by their roles."""
    return [(file.role, cut) for file, cut in zip(files[1:], cuts[1:], strict=True)]


def _cut(one: OpenFile, box: Box, wanted: Wanted, rebin: tuple[int, int, int]) -> CutImage[Any]:
    provenance = provenance_cards(one.file, _words(wanted))
    keep = _kept(one.view, wanted)
    if rebin != UNBINNED:
        factors = bins_along(one.source.image.axes, *rebin)
        return cut_rebinned(one.source, box, provenance, factors, keep)
    if keep is not None:
        return cut_blanked(one.source, box, provenance, keep)
    return cut_stored(one.source, box, provenance)


def _kept(view: ImageView, wanted: Wanted) -> Keep | None:
    """Which pixels stay as they are; None for all."""
    shape = wanted.constraints.shape
    if not wanted.blank or shape is None:
        return None
    if view.sky is None:
        raise UnfitRequest("Pixels outside a shape cannot be blanked in an image that is not on the sky.")
    return partial(touching, view.sky, shape)
