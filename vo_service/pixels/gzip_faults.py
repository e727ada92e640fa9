"""What is wrong with a gzip stream, in the words of the errors of FITS files."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from vo_service.pixels.fits_header import FitsError


@contextmanager
def gzip_faults(name: str) -> Iterator[None]:
    """Turns what unpacking raises into FitsError ``truncated`` or ``not_gzip``."""
    try:
        yield
    except EOFError as error:
        raise FitsError("truncated", f"the gzip stream of {name} ends too early: {error}") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise FitsError("not_gzip", f"the gzip stream of {name} is damaged: {error}") from error
