"""Coverage maps of the sky from files of any writer: nothing that a file holds is lost without a word.

Rows are decoded here and not by a library: of cells that overlap, or are finer than the order that the header
states, libraries silently keep some (MPY-19), and indices that are out of range become others (MPY-12).
"""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from vo_service.sky.map_files import FoundMap, MapFault, map_of_ascii, map_of_column, map_of_json

_KEYWORDS: Final = ("MOCVERS", "MOCDIM", "ORDERING", "COORDSYS", "MOCORD_S", "MOCORDER")


def read_space_map(content: bytes) -> FoundMap:
    """The map of the sky that a file holds, in FITS, JSON or ASCII, told by its first bytes.

    Raises:
        MapFault: for a file that is none, or one of another dimension or frame.
    """
    if content.startswith(b"SIMPLE  ="):
        return _of_fits(content)
    text = content.decode("ascii", "replace").strip()
    return map_of_json(text) if text.startswith(("{", "[")) else map_of_ascii(text)


def _of_fits(content: bytes) -> FoundMap:
    try:
        with warnings.catch_warnings(), fits.open(io.BytesIO(content), memmap=False) as hdus:
            warnings.simplefilter("ignore", AstropyWarning)
            table = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)), None)
            if table is None or len(table.columns) != 1:
                raise MapFault("the FITS file is no coverage map: it has no table of one column")
            numbers = np.asarray(table.data.field(0))
            if numbers.ndim != 1 or numbers.dtype.kind != "i":
                raise MapFault(f"the coverage map has TFORM1 {table.columns[0].format}; I, J or K is wanted")
            keywords = {key: table.header.get(key) for key in _KEYWORDS}
    except (OSError, ValueError, TypeError, LookupError) as error:
        if isinstance(error, MapFault):
            raise
        raise MapFault("the FITS file cannot be read") from error
    return map_of_column(keywords, numbers.astype(np.int64))
