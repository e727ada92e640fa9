"""The words that texts of errors begin with in SIA (2.0, section 3.2) and DataLink (1.1, section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from vo_service.dali.errors import ErrorKind, ServiceError

Fault = Literal["UsageFault", "TransientFault", "FatalFault", "DefaultFault"]
LinkFault = Literal["NotFoundFault"] | Fault

_FAULTS: Final[Mapping[ErrorKind, Fault]] = {
    ErrorKind.USAGE: "UsageFault",
    ErrorKind.UNAUTHENTICATED: "DefaultFault",
    ErrorKind.FORBIDDEN: "DefaultFault",
    ErrorKind.NOT_FOUND: "UsageFault",
    ErrorKind.CONFLICT: "DefaultFault",
    ErrorKind.GONE: "UsageFault",
    ErrorKind.CONDITION: "UsageFault",
    ErrorKind.RANGE: "UsageFault",
    ErrorKind.BODY_TOO_LARGE: "UsageFault",
    ErrorKind.BODY_TYPE: "UsageFault",
    ErrorKind.ADDRESS_TOO_LONG: "UsageFault",
    ErrorKind.HEADERS_TOO_LARGE: "UsageFault",
    ErrorKind.LIMIT: "TransientFault",
    ErrorKind.BUSY: "TransientFault",
    ErrorKind.TIMEOUT: "TransientFault",
    ErrorKind.UNAVAILABLE: "TransientFault",
    ErrorKind.INTERNAL: "FatalFault",
}


def fault_of(error: ServiceError) -> Fault:
    """The word of SIA for an error (SIA-100)."""
    return _FAULTS[error.kind]


def link_fault_of(error: ServiceError) -> LinkFault:
    """The word of DataLink for an error (DL-065): what is not there has a word of its own."""
    not_found = error.kind in (ErrorKind.NOT_FOUND, ErrorKind.GONE)
    return "NotFoundFault" if not_found else _FAULTS[error.kind]


def faulted(error: ServiceError) -> str:
    """The text of an error behind its word of SIA."""
    return f"{fault_of(error)}: {error.text}"


def link_faulted(error: ServiceError) -> str:
    """The text of an error behind its word of DataLink."""
    return f"{link_fault_of(error)}: {error.text}"
