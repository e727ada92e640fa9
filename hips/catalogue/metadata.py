"""metadata.xml: what the columns of a catalogue's tiles are (HIPS-084, -095)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree

from hips.catalogue.sheet import Field

NAMES: Final = ("metadata.xml", "Metadata.xml")
"""The standard's name, and the one that Aladin Lite asks for."""
_NAMESPACE: Final = "http://www.ivoa.net/xml/VOTable/v1.3"


def metadata_document(name: str, title: str, fields: Iterable[Field]) -> bytes:
    """A VOTable 1.4 with a table of these columns, and no rows."""
    root = ElementTree.Element("VOTABLE", {"version": "1.4", "xmlns": _NAMESPACE})
    resource = ElementTree.SubElement(root, "RESOURCE")
    ElementTree.SubElement(resource, "COOSYS", {"ID": "icrs", "system": "ICRS"})
    table = ElementTree.SubElement(resource, "TABLE", {"name": name})
    ElementTree.SubElement(table, "DESCRIPTION").text = title
    for field in fields:
        element = ElementTree.SubElement(table, "FIELD", _attributes(field))
        ElementTree.SubElement(element, "DESCRIPTION").text = field.description
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _attributes(field: Field) -> dict[str, str]:
    attributes = {
        "name": field.name,
        "datatype": field.datatype,
        "arraysize": field.arraysize,
        "xtype": field.xtype,
        "unit": field.unit,
        "ucd": field.ucd,
        "ref": "icrs" if field.ucd is not None and field.ucd.startswith("pos.eq.") else None,
    }
    return {key: value for key, value in attributes.items() if value is not None}
