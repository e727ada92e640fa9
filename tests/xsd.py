"""Validation against the official schemas, read from disk and never from the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from lxml import etree

_XS = "{http://www.w3.org/2001/XMLSchema}"
_HOST = "http://schema.invalid/"

Validate = Callable[[bytes], etree._Element]


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


def validator(directory: Path) -> Validate:
    """Checks a document against the schemas in a directory, of all namespaces that it may use, and gives its
    root. A VOTable is checked as of the version that it says."""
    catalogue = json.loads((directory / "catalogue.json").read_text())
    schemas = {None: _schema(directory, catalogue["namespaces"])}
    for version, told in catalogue["votable"].items():
        schemas[version] = _schema(directory, {**catalogue["namespaces"], told["namespace"]: told["file"]})
    votable = f"{{{catalogue['votable']['1.4']['namespace']}}}VOTABLE"

    def check(document: bytes) -> etree._Element:
        root = etree.fromstring(document)
        schemas[root.get("version") if root.tag == votable else None].assertValid(root)
        return root

    return check


def _schema(directory: Path, namespaces: dict[str, str]) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_LocalSchemas(directory, namespaces))
    imports = "".join(
        f'<xs:import namespace="{namespace}" schemaLocation="{_HOST}{name}"/>'
        for namespace, name in namespaces.items()
    )
    text = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    return etree.XMLSchema(etree.fromstring(text, parser))
