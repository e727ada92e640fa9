"""Files with several images: one of them is the product, the others are told, with what they are."""

from __future__ import annotations

from dataclasses import replace

from vo_service.holdings.records import Product, Repair
from vo_service.pixels import FitsFile, Hdu

RULE = "FILE-MORE-IMAGES"
_NAMED = 20
"""How many of the images left out are named one by one."""


def note_more_images(product: Product, fits: FitsFile) -> Product:
    """The product with a row and its evidence about the images of its file that it is not made from."""
    taken = fits.image()
    others = [hdu for hdu in fits.hdus if hdu.kind in ("image", "tile") and hdu is not taken]
    if taken is None or not others:
        return product
    told = "; ".join(map(_shown, others[:_NAMED]))
    if len(others) > _NAMED:
        told = f"{told}; and {len(others) - _NAMED} more"
    repair = Repair(
        "HDU",
        f"{_shown(taken)}; {told}",
        _shown(taken),
        RULE,
        "one product is made of a file: its extension SCI, else the first image that is no companion",
    )
    evidence = (
        f"{product.evidence}; images left out: {told}" if product.evidence else f"images left out: {told}"
    )
    return replace(product, evidence=evidence, repairs=(*product.repairs, repair))


def _shown(hdu: Hdu) -> str:
    """``2 ERR (64 x 64)``: number, EXTNAME and axes in FITS order."""
    name = hdu.name or ("PRIMARY" if hdu.index == 0 else "without EXTNAME")
    return f"{hdu.index} {name} ({' x '.join(map(str, hdu.axes))})"
