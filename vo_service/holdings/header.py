"""What the steps read: the header of one image, with its axes and the table of its beams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vo_service.holdings.records import Product
from vo_service.pixels import Axes, Keywords, NonAsciiCard

Columns = Mapping[str, tuple[NDArray[np.float64], str | None]]


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The header of the image of a file. ``remarks`` are its COMMENT and HISTORY cards as bytes, 80 a card;
    ``beams`` the columns of the table BEAMS with their units, or None; ``spoilt`` the cards that were not
    ASCII.
    """

    keywords: Keywords
    axes: Axes
    remarks: bytes = b""
    beams: Columns | None = None
    spoilt: tuple[NonAsciiCard, ...] = field(default=())


Step = Callable[[Product, ImageHeader], Product]
"""One step of harmonisation: a new product with what the step found and the repairs it made. May raise
ProductError.
"""
