"""Validation against the official schemas, read from disk and never from the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

_XS = "{http://www.w3.org/2001/XMLSchema}"
_HOST = "http://schema.invalid/"


class _LocalSchemas(etree.Resolver):
    """Serves the schema files with every import led to the file that the catalogue names."""

    def __init__(self, directory: Path, namespaces: dict[str, str]) -> None:
        self.directory = directory
        self.namespaces = namespaces

    def text(self, name: str) -> bytes:
        tree = etree.parse(self.directory / name)
        for reference in tree.iter(f"{_XS}import"):
            reference.set("schemaLocation", _HOST + self.namespaces[reference.get("namespace")])
        return etree.tostring(tree)

    def resolve(self, url, _public_id, context):
        return self.resolve_string(self.text(url.removeprefix(_HOST)), context, base_url=url)


@pytest.fixture(scope="session")
def validate(xsd_directory: Path) -> Callable[[bytes], etree._Element]:
    """Checks a document against the schemas of all namespaces it may use, and gives its root."""
    namespaces = json.loads((xsd_directory / "catalogue.json").read_text())["namespaces"]
    parser = etree.XMLParser(no_network=True)
    resolver = _LocalSchemas(xsd_directory, namespaces)
    parser.resolvers.add(resolver)
    wanted = (
        "VOSICapabilities",
        "VOSIAvailability",
        "VOSITables",
        "TAPRegExt",
        "VODataService",
        "VOResource",
    )
    imports = "".join(
        f'<xs:import namespace="{namespace}" schemaLocation="{_HOST}{name}"/>'
        for namespace, name in namespaces.items()
        if name.startswith(wanted)
    )
    text = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    schema = etree.XMLSchema(etree.fromstring(text, parser))

    def check(document: bytes) -> etree._Element:
        root = etree.fromstring(document)
        schema.assertValid(root)
        return root

    return check
