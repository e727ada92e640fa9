"""The six verbs of OAI-PMH 2.0 on the records of this service (Registry Interfaces 1.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from vo_service.formats.xml_document import XSI, XMLDocument
from vo_service.registry.arguments import TOKEN, OaiRequest
from vo_service.registry.documents import OAI_DC, OAI_DC_SCHEMA, placed, write_dublin_core
from vo_service.registry.errors import OaiError
from vo_service.registry.resumption import Issued, Position, Tokens
from vo_service.store.records import Records, Span, StoredRecord

OAI: Final = "http://www.openarchives.org/OAI/2.0/"
OAI_SCHEMA: Final = "http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd"
IVO_VOR: Final = "ivo_vor"
MANAGED: Final = "ivo_managed"
_RI = "http://www.ivoa.net/xml/RegistryInterface/v1.0"
_FORMATS: Mapping[str, tuple[str, str]] = {IVO_VOR: (_RI, _RI), "oai_dc": (OAI_DC_SCHEMA, OAI_DC)}

Body = Callable[[XMLDocument], None]
"""Writes the element named after the verb; nothing can fail any more."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What the verbs answer from. ``address`` is the base address of all services as the client knows it,
    ``own`` the identifier of the registry's own record, ``page`` how many records a list gives at a time."""

    records: Records
    tokens: Tokens
    page: int
    name: str
    email: str
    own: str
    address: str
    now: datetime

    @property
    def base_url(self) -> str:
        """The address that harvesters use (REG-021)."""
        return f"{self.address}/registry"


def answer(repository: Repository, request: OaiRequest) -> Body:
    """What a request is answered with. Raises OaiError and CatalogueError."""
    match request.verb:
        case "Identify":
            return _identify(repository)
        case "ListMetadataFormats":
            return _list_formats(repository, request)
        case "ListSets":
            return _list_sets(request)
        case "GetRecord":
            return _get_record(repository, request)
        case "ListIdentifiers" | "ListRecords":
            return _list(repository, request)


def utc(moment: datetime) -> str:
    """A moment in the granularity of the repository (REG-004, REG-024)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identify(repository: Repository) -> Body:
    own = repository.records.find(repository.own)
    earliest = repository.records.earliest() or repository.now

    def write(into: XMLDocument) -> None:
        with into.element("oai:Identify"):
            into.leaf("oai:repositoryName", repository.name)
            into.leaf("oai:baseURL", repository.base_url)
            into.leaf("oai:protocolVersion", "2.0")
            into.leaf("oai:adminEmail", repository.email)
            into.leaf("oai:earliestDatestamp", utc(earliest))
            into.leaf("oai:deletedRecord", "persistent")
            into.leaf("oai:granularity", "YYYY-MM-DDThh:mm:ssZ")
            if own is not None and not own.deleted:
                with into.element("oai:description"):
                    into.raw(placed(own.document, repository.address))

    return write


def _list_formats(repository: Repository, request: OaiRequest) -> Body:
    identifier = request.arguments.get("identifier")
    if identifier is not None:
        _find(repository, identifier)

    def write(into: XMLDocument) -> None:
        with into.element("oai:ListMetadataFormats"):
            for prefix, (schema, namespace) in _FORMATS.items():
                with into.element("oai:metadataFormat"):
                    into.leaf("oai:metadataPrefix", prefix)
                    into.leaf("oai:schema", schema)
                    into.leaf("oai:metadataNamespace", namespace)

    return write


def _list_sets(request: OaiRequest) -> Body:
    if TOKEN in request.arguments:
        raise OaiError("badResumptionToken", "The list of sets has no second part.")

    def write(into: XMLDocument) -> None:
        with into.element("oai:ListSets"), into.element("oai:set"):
            into.leaf("oai:setSpec", MANAGED)
            into.leaf("oai:setName", "Records that this registry publishes itself: all that it has")

    return write


def _get_record(repository: Repository, request: OaiRequest) -> Body:
    prefix = _prefix(request.arguments["metadataPrefix"])
    found = _find(repository, request.arguments["identifier"])

    def write(into: XMLDocument) -> None:
        with into.element("oai:GetRecord"):
            _write_record(into, found, prefix, repository.address)

    return write


def _list(repository: Repository, request: OaiRequest) -> Body:
    span, start = _where(repository, request)
    most = repository.page
    rows = repository.records.listed(span, start.after or None, most + 1)
    if not rows:
        raise OaiError("noRecordsMatch", "No record matches.")
    shown = rows[:most]
    size = repository.records.count(span)
    issued: Issued | None = None
    if len(rows) > most:
        follows = replace(start, after=shown[-1].ivoid, given=start.given + len(shown))
        issued = repository.tokens.write(follows, repository.now)

    def write(into: XMLDocument) -> None:
        with into.element(f"oai:{request.verb}"):
            for row in shown:
                if request.verb == "ListRecords":
                    _write_record(into, row, start.prefix, repository.address)
                else:
                    _write_header(into, row)
            if issued is not None or start.given:
                attributes = {"completeListSize": str(size), "cursor": str(start.given)}
                if issued is not None:
                    attributes["expirationDate"] = utc(issued.expires)
                into.leaf("oai:resumptionToken", issued.token if issued is not None else "", attributes)

    return write


def _where(repository: Repository, request: OaiRequest) -> tuple[Span, Position]:
    """Which records are asked for, and where in the list of them the answer begins."""
    token = request.arguments.get(TOKEN)
    if token is not None:
        start = repository.tokens.read(token, request.verb, repository.now)
        return Span(_moment(start.first), _moment(start.last)), start
    prefix = _prefix(request.arguments["metadataPrefix"])
    span = request.span()
    if request.arguments.get("set", MANAGED) != MANAGED:
        raise OaiError("noRecordsMatch", f"There is only one set, {MANAGED}.")
    return span, Position(request.verb, prefix, _text(span.first), _text(span.last), "", 0)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _prefix(prefix: str) -> str:
    if prefix not in _FORMATS:
        raise OaiError(
            "cannotDisseminateFormat", f"There is no format {prefix}, only {' and '.join(_FORMATS)}."
        )
    return prefix


def _find(repository: Repository, identifier: str) -> StoredRecord:
    found = repository.records.find(identifier)
    if found is None:
        raise OaiError("idDoesNotExist", "There is no record of this identifier.")
    return found


def _write_record(into: XMLDocument, record: StoredRecord, prefix: str, address: str) -> None:
    with into.element("oai:record"):
        _write_header(into, record)
        if record.deleted:
            return
        document = placed(record.document, address)
        with into.element("oai:metadata"):
            if prefix == IVO_VOR:
                into.raw(document)
            else:
                write_dublin_core(document, into)


def _write_header(into: XMLDocument, record: StoredRecord) -> None:
    with into.element("oai:header", {"status": "deleted" if record.deleted else None}):
        into.leaf("oai:identifier", record.ivoid)
        into.leaf("oai:datestamp", utc(record.datestamp))
        into.leaf("oai:setSpec", MANAGED)


def envelope(base_url: str, now: datetime, arguments: Mapping[str, str], body: Body) -> bytes:
    """A whole answer around what a verb, or an error, has to say (REG-003 to REG-005)."""
    document = XMLDocument()
    document.declare()
    spaces = {
        "xmlns:oai": OAI,
        "xmlns:xsi": XSI,
        "xsi:schemaLocation": f"{OAI} {OAI_SCHEMA}",
    }
    with document.element("oai:OAI-PMH", spaces):
        document.leaf("oai:responseDate", utc(now))
        document.leaf("oai:request", base_url, arguments)
        body(document)
    return document.taken()
