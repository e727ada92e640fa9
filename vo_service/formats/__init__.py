"""Arrow record batches to bytes, in a stream: VOTable (BINARY2, TABLEDATA) and CSV."""

from vo_service.formats.description import OK, OVERFLOW, Info, Outcome, TableDescription, failed
from vo_service.formats.encoder import Encoder, EncodingError, Format
from vo_service.formats.offers import FORMATS, UnknownFormat, find_format
from vo_service.formats.votable import error_votable

__all__ = [
    "FORMATS",
    "OK",
    "OVERFLOW",
    "Encoder",
    "EncodingError",
    "Format",
    "Info",
    "Outcome",
    "TableDescription",
    "UnknownFormat",
    "error_votable",
    "failed",
    "find_format",
]
