"""What the links service says of itself, and behind tables whose rows have links (DataLink 1.1, 4.4, 4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Final
from urllib.parse import quote

from capabilities.datalink import LINKS as STANDARDS
from vo_service.dali.descriptors import InputParam, ServiceDescriptor, write_descriptor, write_this
from vo_service.datalink.links import LINKS

LINKS_1_1: Final = STANDARDS[0]
_KEPT: Final = 256  # addresses by which clients come, times names of columns
_ID = InputParam(
    "ID",
    "char",
    "*",
    ucd="meta.id;meta.main",
    description="Identifier of a data set, a file, or a member (uid://A001/X1/X2); may be repeated.",
)
_FORMAT = InputParam(
    "RESPONSEFORMAT",
    "char",
    "*",
    ucd="meta.code.mime",
    description="Format of the answer, such as votable, csv, json. Leave empty for VOTable.",
)


@lru_cache(_KEPT)
def row_services(address: str, field_id: str) -> tuple[bytes, ...]:
    """The RESOURCE behind a table whose FIELD of that ID identifies data sets (DL-099)."""
    identifier = InputParam(
        "ID", "char", "*", ucd=_ID.ucd, description="Identifier of the data set.", ref=field_id
    )
    service = ServiceDescriptor(
        name="Links",
        description="All that belongs to the data set of a row: files, pictures, documents, what was made of"
        " it, services that cut it (DataLink 1.1).",
        access_url=f"{address}/datalink/sync",
        standard_id=LINKS_1_1,
        content_type=LINKS,
        inputs=(identifier,),
    )
    return (write_descriptor(service),)


def self_description(address: str, examples: Iterable[Mapping[str, str]] = ()) -> tuple[bytes, ...]:
    """What ``/datalink/sync`` is, in the words of 1.1 and of clients from before (DL-098). ``examples`` have
    the ``did`` of a data set each, of which the first is taken."""
    service = ServiceDescriptor(
        name="this",
        description="Links from identifiers to all that belongs to them (DataLink 1.1).",
        access_url=f"{address}/datalink/sync",
        standard_id=LINKS_1_1,
        content_type=LINKS,
        inputs=(_ID, _FORMAT),
        example_urls=tuple(
            (f"{address}/datalink/sync?ID={quote(each['did'], safe='')}", f"The links of {each['did']}")
            for each in islice(examples, 1)
        ),
    )
    return write_this(replace(service, name="Links")), write_descriptor(service)
