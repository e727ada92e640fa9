"""Arrow record batches to bytes, in a stream: VOTable, CSV, TSV, FITS, Parquet, JSON."""

from vo_service.formats.description import OK, OVERFLOW, Info, Outcome, TableDescription, failed
from vo_service.formats.encoder import SPOOL_BYTES, Encoder, EncodingError, Format, NoRoom
from vo_service.formats.fields import field_ids
from vo_service.formats.offers import FORMATS, UnknownFormat, find_format
from vo_service.formats.votable import error_votable

__all__ = [
    "FORMATS",
    "OK",
    "OVERFLOW",
    "SPOOL_BYTES",
    "Encoder",
    "EncodingError",
    "Format",
    "Info",
    "NoRoom",
    "Outcome",
    "TableDescription",
    "UnknownFormat",
    "error_votable",
    "failed",
    "field_ids",
    "find_format",
]
