"""From the makers of records to what is stored of them, and from that to what harvesters get."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from capabilities.records import Life, RecordMaker
from vo_service.formats.xml_document import XSI, XMLDocument
from vo_service.store.records import NewRecord

STAND_IN: Final = "https://address.invalid"
"""Stands in stored records for the address of the service where none is configured: each client gets that by
which it came."""

OAI_DC: Final = "http://www.openarchives.org/OAI/2.0/oai_dc/"
OAI_DC_SCHEMA: Final = "http://www.openarchives.org/OAI/2.0/oai_dc.xsd"
DC: Final = "http://purl.org/dc/elements/1.1/"

_log = logging.getLogger(__name__)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # any moment, the same for all digests


def new_records(makers: Mapping[str, RecordMaker]) -> tuple[dict[str, NewRecord], frozenset[str]]:
    """The records that can be written, and the identifiers of those that cannot, whose last good form is to
    be kept (REG-142)."""
    found, broken = {}, set()
    for ivoid, make in makers.items():
        try:
            content = make(Life(_BEGINNING, _BEGINNING))
        except ValueError as error:
            _log.error("the record of %s cannot be written, its last form is kept: %s", ivoid, error)
            broken.add(ivoid)
        else:
            found[ivoid] = NewRecord(hashlib.sha256(content).hexdigest(), partial(_written, make))
    return found, frozenset(broken)


def _written(make: RecordMaker, created: datetime, updated: datetime) -> str:
    """A record without the XML declaration, for it goes into other documents."""
    text = make(Life(created, updated)).decode("utf-8")
    return text.partition("?>")[2].lstrip() if text.startswith("<?xml") else text


def placed(document: str, address: str) -> str:
    """A stored record with the address of the service in it."""
    return document.replace(STAND_IN, escape(address))


def write_dublin_core(record: str, into: XMLDocument) -> None:
    """The Dublin Core of a record, as far as it says anything (REG-042)."""
    root = ElementTree.fromstring(record)  # noqa: S314  (we wrote it)
    spaces = {
        "xmlns:oai_dc": OAI_DC,
        "xmlns:dc": DC,
        "xmlns:xsi": XSI,
        "xsi:schemaLocation": f"{OAI_DC} {OAI_DC_SCHEMA}",
    }
    with into.element("oai_dc:dc", spaces):
        for name, texts in _dublin_core(root):
            for text in texts:
                into.leaf(f"dc:{name}", text)


def _dublin_core(root: ElementTree.Element) -> Iterable[tuple[str, list[str]]]:
    def texts(path: str) -> list[str]:
        return [found.text for found in root.iterfind(path) if found.text]

    yield "title", texts("title")
    yield "creator", texts("curation/creator/name")
    yield "subject", texts("content/subject")
    yield "description", texts("content/description")
    yield "publisher", texts("curation/publisher")
    yield "contributor", texts("curation/contributor")
    yield "date", [root.get("updated", "")[:10]]
    yield "type", texts("content/type")
    yield "identifier", [*texts("identifier"), *texts("content/referenceURL")]
    yield "source", texts("content/source")
    yield "language", ["en"]
    yield (
        "relation",
        [found.get("ivo-id", "") for found in root.iterfind("content/relationship/relatedResource")],
    )
    yield "rights", texts("rights")
