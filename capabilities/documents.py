"""From an XML model to the bytes of a document."""

from __future__ import annotations

from pydantic_xml import BaseXmlModel


def write_document(model: BaseXmlModel) -> bytes:
    """The model as a UTF-8 document with an XML declaration, without elements that are not set."""
    content = model.to_xml(encoding="UTF-8", xml_declaration=True, skip_empty=False, exclude_none=True)
    return content if isinstance(content, bytes) else content.encode("utf-8")
