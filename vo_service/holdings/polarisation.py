"""Labels of the Stokes axis (FITS 4.0, table 29)."""

from __future__ import annotations

import math

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product, Repair
from vo_service.pixels import Axis

LABELS = {
    1: "I", 2: "Q", 3: "U", 4: "V",
    -1: "RR", -2: "LL", -3: "RL", -4: "LR",
    -5: "XX", -6: "YY", -7: "XY", -8: "YX",
}  # fmt: skip


def label_polarisation(product: Product, header: ImageHeader) -> Product:
    """Polarisation states in the order of the pixels; none where the image has no Stokes axis."""
    axis = header.axes.stokes
    fault = axis.fault if axis is not None else header.axes.nameless
    if fault is not None:
        return product.repaired(Repair(fault.keyword, fault.written, None, "POL-CODE", fault.message))
    if axis is None:
        return product
    labels = labels_of(axis)
    known = tuple(label for label in labels if label is not None)
    if len(known) == len(labels):
        return product.repaired(polarisations=known)
    stated = " ".join(f"{axis.value_at(pixel):g}" for pixel in range(1, len(labels) + 1))
    why = f"codes of the Stokes axis are 1 to 4 and -1 to -8, these are {stated}"
    item = f"CRVAL{axis.number}"
    repair = Repair(item, header.keywords.written(item), " ".join(known) or None, "POL-CODE", why)
    return product.repaired(repair, polarisations=known)


def labels_of(axis: Axis) -> tuple[str | None, ...]:
    """The polarisation of each pixel of a Stokes axis, None for a code that names none; of the first sixteen,
    since there are no more."""
    codes = [axis.value_at(pixel) for pixel in range(1, min(axis.length, 16) + 1)]
    return tuple(
        LABELS.get(round(code)) if math.isfinite(code) and abs(code - round(code)) < 0.01 else None
        for code in codes
    )
