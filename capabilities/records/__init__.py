"""Records of what is published, for registries (VOResource 1.1, VODataService 1.2, VORegistry 1.1).

    Archive, Extent                what the operator says of the archive, and what the holdings cover
    DataService                    a service beside TAP that has a record
    Life                           since when a record is there, and since when as it is
    data_services(address, ...)    those beside TAP that there are here
    tree_node(address, ...)        the node of tile trees, where there are any
    records_of(archive, ...)       all records by their identifiers: functions of a `Life`

Everything comes in as values; a record goes out as the bytes of an element ``ri:Resource``.
"""

from capabilities.records.coverage import Extent
from capabilities.records.protocols import data_services, tree_node
from capabilities.records.resources import Archive, Life
from capabilities.records.services import DataService, RecordMaker, records_of

__all__ = [
    "Archive",
    "DataService",
    "Extent",
    "Life",
    "RecordMaker",
    "data_services",
    "records_of",
    "tree_node",
]
