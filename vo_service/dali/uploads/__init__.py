"""Tables that come with a request: named by UPLOAD, sent along or fetched, read as columns and rows.

read_pairs(values, most)      the tables that UPLOAD parameters name
Fetcher                       fetches those that lie at http(s) addresses, where the operator allows it
read_table(part, limits)      the columns and rows of a file, or the coverage map that it is
read_map(part, limits)        the coverage map of a file, or the map of probability that it is
"""

from vo_service.dali.uploads.coverage import Coverage
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fetching import Fetch, Fetcher
from vo_service.dali.uploads.reading import read_table
from vo_service.dali.uploads.request import UploadPair, read_pairs, upload_methods
from vo_service.dali.uploads.rows import ReadLimits, ReadTable
from vo_service.dali.uploads.sky_maps import SkyMap, read_map

__all__ = [
    "Coverage",
    "Fetch",
    "Fetcher",
    "ReadLimits",
    "ReadTable",
    "SkyMap",
    "UploadFault",
    "UploadPair",
    "read_map",
    "read_pairs",
    "read_table",
    "upload_methods",
]
