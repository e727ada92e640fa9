"""Records of what is published, for registries (VOResource 1.1, VODataService 1.2, VORegistry 1.1).

    Archive, Extent                what the operator says of the archive, and what the holdings cover
    Life                           since when a record is there, and since when as it is
    records_of(archive, ...)       all records by their identifiers: functions of a `Life`

Everything comes in as values; a record goes out as the bytes of an element ``ri:Resource``.
"""

from capabilities.records.coverage import Extent
from capabilities.records.resources import Archive, Life
from capabilities.records.services import RecordMaker, records_of

__all__ = ["Archive", "Extent", "Life", "RecordMaker", "records_of"]
