"""Interfaces that tell their parameters, as VODataService 1.1 has them.

vo-models writes interfaces without how they are asked, what comes, and their parameters; those here are
written for that.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic_xml import BaseXmlModel, attr, element
from vo_models.voresource.models import Capability, Interface
from vo_models.vosi.capabilities.models import VOSICapabilities

Use = Literal["required", "optional"]
NAMESPACES: Final = {
    "": "",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
}


class DataTypeElement(BaseXmlModel, tag="dataType", ns="", nsmap=NAMESPACES):
    """The type of values, text of any length where nothing else is said."""

    arraysize: str | None = attr(name="arraysize", default="*")
    extended_type: str | None = attr(name="extendedType", default=None)
    value: str = "char"


class ParameterElement(BaseXmlModel, tag="param", ns="", nsmap=NAMESPACES):
    """A parameter; ``std`` where a standard has it."""

    std: bool = attr(name="std", default=True)
    use: Use = attr(name="use", default="optional")
    name: str = element(tag="name", ns="")
    description: str = element(tag="description", ns="")
    unit: str | None = element(tag="unit", ns="", default=None)
    ucd: str | None = element(tag="ucd", ns="", default=None)
    data_type: DataTypeElement = element(tag="dataType", ns="", default=DataTypeElement())


class AskedInterface(Interface, tag="interface", ns="", nsmap=NAMESPACES):
    """How something is asked with parameters, by GET or POST."""

    query_type: list[Literal["GET", "POST"]] = element(tag="queryType", ns="", default=["GET", "POST"])
    result_type: str = element(tag="resultType", ns="")
    param: list[ParameterElement] = element(tag="param", ns="", default=[])


class AskedCapability(Capability, tag="capability", ns="", nsmap=NAMESPACES):
    """Something that is asked with parameters."""

    interface: list[Interface | AskedInterface] | None = element(tag="interface", ns="", default=[])


class AskedCapabilities(VOSICapabilities, tag="capabilities", ns="vosi", nsmap=NAMESPACES):
    """A document with such."""

    capability: list[AskedCapability | Capability] = element(tag="capability", ns="", default=[])


def asked(
    interfaces: list[Interface], result_type: str, parameters: list[ParameterElement], std: bool = True
) -> list[Interface | AskedInterface]:
    """The interfaces of an address, with its parameters. Where it is of no standard (``std``) none has the
    role of one."""
    return [
        AskedInterface(
            version=each.version,
            role=each.role if std else None,
            type="vs:ParamHTTP",
            access_url=each.access_url,
            security_method=each.security_method,
            result_type=result_type,
            param=parameters,
        )
        for each in interfaces
    ]
