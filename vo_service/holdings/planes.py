"""How many channels an image has, whether or not its spectral axis tells their frequencies."""

from __future__ import annotations

import math

from vo_service.holdings.records import Product


def channel_count(product: Product) -> int:
    """Planes beyond those of polarisation; 1 where there is no other axis."""
    if product.spectral is not None:
        return product.spectral.channels
    planes = math.prod(product.layout.axes[2:]) if product.layout is not None else 1
    return max(1, planes // max(1, len(product.polarisations)))
