"""Moc.fits of a tree (HIPS-080 to -083)."""

from __future__ import annotations

import io
from datetime import datetime

import numpy as np
from astropy.io import fits

import vo_service
from hips.trees.cell_sets import CellSet
from hips.trees.description import fits_date
from vo_service.sky.cell_ranges import cells_of


def coverage_file(
    covered: CellSet, order: int, creator_did: str, released: datetime, kind: str = "IMAGE"
) -> bytes:
    """``Moc.fits`` of a tree, NUNIQ, at an order that none of its cells is deeper than (HIPS-080 to -083,
    MOC-040 to -051); ``kind`` is IMAGE or CATALOG."""
    cells = [numbers + 4 * 4**each for each, numbers in cells_of(covered.starts, covered.stops)]
    column = fits.Column("UNIQ", "1K", array=np.concatenate([np.empty(0, np.int64), *cells]))
    table = fits.BinTableHDU.from_columns([column], name="MOC")
    cards = {
        "MOCVERS": "2.0",
        "MOCDIM": "SPACE",
        "ORDERING": "NUNIQ",
        "COORDSYS": "C",
        "MOCORD_S": order,
        "MOCORDER": order,
        "MOCTYPE": kind,
        "MOCTOOL": f"vo-service {vo_service.__version__}",
        "MOCID": creator_did,
        "DATE": fits_date(released).rstrip("Z") + ":00",
    }
    for key, value in cards.items():
        table.header[key] = value
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer)
    return buffer.getvalue()
