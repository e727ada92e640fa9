"""Service descriptors: RESOURCEs that tell clients how to call a service (DataLink 1.1 section 4).

    InputParam           one parameter that a client may, or must, send
    ServiceDescriptor    a service: where it is, what it does, what it takes
    write_descriptor     the RESOURCE, for a VOTable in which rows or links refer to the service
    write_this           the same, of the service that sends the document
    descriptor_document  a VOTable of RESOURCEs alone

Clients read these elements in ways of their own: what they stumble over is refused here, and the reason told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vo_service.formats import Info
from vo_service.formats.votable import NAMESPACE
from vo_service.formats.xml_document import XMLDocument

_VERSION: Final = "1.4"
_REALS: Final = ("float", "double")


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values that a parameter takes; ``label`` is for people."""

    value: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class InputParam:
    """One PARAM of the group ``inputParams``, in VOTable's terms.

    With a ``value`` it is fixed and always sent, with ``ref`` it is the value of the row in the FIELD of that
    ID, with neither it is the user's (DL-091 to DL-093). ``minimum``, ``maximum`` and ``options`` are limits,
    as texts.

    Raises ValueError for what clients cannot read: a single real without a value (DL-096), a fixed value that
    is no text (DL-091), both ``value`` and ``ref``.
    """

    name: str
    datatype: str
    arraysize: str | None = None
    xtype: str | None = None
    unit: str | None = None
    ucd: str | None = None
    description: str = ""
    value: str = ""
    ref: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        if self.value and self.ref is not None:
            raise ValueError(f"{self.name} is either fixed or taken from the row")
        if self.value and self.datatype != "char":
            raise ValueError(f"{self.name}: fixed values are char, for clients take a zero for no value")
        if self.datatype in _REALS and self.arraysize is None:
            raise ValueError(f"{self.name}: clients break at a single real without a value; use arraysize 1*")
        if self.arraysize == "1":
            raise ValueError(f"{self.name}: arraysize 1 is deprecated; leave it out, or use 1*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDescriptor:
    """A service as a descriptor tells of it.

    ``name`` and ``description`` differ from those of the other descriptors of a document, for people choose
    by them (DL-081). ``id``: an XML name of its own in the document, where a link refers to the descriptor.
    ``standard_id`` only where the service keeps what the standard promises (SODA-097). ``content_type``: the
    media type of the answers, where it is always the same. ``example_urls``: each an address that can be
    fetched, and what comes.

    Raises ValueError where two parameters have one name (DL-097).
    """

    name: str
    description: str
    access_url: str
    inputs: tuple[InputParam, ...] = ()
    id: str | None = None
    standard_id: str | None = None
    content_type: str | None = None
    resource_identifier: str | None = None
    example_urls: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names = [param.name.upper() for param in self.inputs]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: each parameter is declared once")


def write_descriptor(service: ServiceDescriptor) -> bytes:
    """The descriptor as an element RESOURCE (DL-080 to DL-097)."""
    return _resource(service, {"type": "meta", "utype": "adhoc:service", "name": service.name})


def write_this(service: ServiceDescriptor) -> bytes:
    """What a service says of itself, at most once in a document (DL-098)."""
    return _resource(service, {"type": "meta", "utype": "adhoc:this", "name": service.name})


def descriptor_document(resources: Iterable[bytes], infos: Iterable[Info] = ()) -> bytes:
    """A VOTable without a table: ``infos`` and the status OK, and behind them the RESOURCEs."""
    document = XMLDocument()
    document.declare()
    document.open("VOTABLE", {"version": _VERSION, "xmlns": NAMESPACE})
    document.open("RESOURCE", {"type": "results"})
    for info in (Info("QUERY_STATUS", "OK"), *infos):
        document.leaf("INFO", info.text, {"name": info.name, "value": info.value, "ucd": info.ucd})
    document.close("RESOURCE")
    for resource in resources:
        document.raw(resource.decode("utf-8"))
    document.close("VOTABLE")
    return document.taken()


def _resource(service: ServiceDescriptor, attributes: dict[str, str]) -> bytes:
    document = XMLDocument()
    with document.element("RESOURCE", {**attributes, "ID": service.id}):
        document.leaf("DESCRIPTION", service.description)
        # texts all of them, and without IDs of their own: clients look for them by name (DL-088, DL-101)
        for name, value in (
            ("standardID", service.standard_id),
            ("accessURL", service.access_url),
            ("resourceIdentifier", service.resource_identifier),
            ("contentType", service.content_type),
        ):
            if value is not None:
                document.leaf("PARAM", "", _text(name, value))
        for address, told in service.example_urls:
            with document.element("PARAM", _text("exampleURL", address)):
                document.leaf("DESCRIPTION", told)
        with document.element("GROUP", {"name": "inputParams"}):
            for param in service.inputs:
                _write_param(document, param)
    return document.taken()


def _text(name: str, value: str) -> dict[str, str]:
    return {"name": name, "datatype": "char", "arraysize": "*", "value": value}


def _write_param(document: XMLDocument, param: InputParam) -> None:
    attributes = {
        "name": param.name,
        "datatype": param.datatype,
        "arraysize": param.arraysize,
        "xtype": param.xtype,
        "unit": param.unit,
        "ucd": param.ucd,
        "value": param.value,
        "ref": param.ref,
    }
    with document.element("PARAM", attributes):
        if param.description:
            document.leaf("DESCRIPTION", param.description)
        if param.minimum is None and param.maximum is None and not param.options:
            return
        with document.element("VALUES"):  # behind DESCRIPTION (SODA-080)
            for tag, limit in (("MIN", param.minimum), ("MAX", param.maximum)):
                if limit is not None:
                    document.leaf(tag, "", {"value": limit})
            for option in param.options:
                document.leaf("OPTION", "", {"name": option.label, "value": option.value})
