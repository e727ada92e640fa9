"""What the comments of an ECSV file say of its columns (APE 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import Field

_TYPES = {
    "bool": "boolean",
    "uint8": "unsignedByte",
    "int8": "short",
    "int16": "short",
    "uint16": "int",
    "int32": "int",
    "uint32": "long",
    "int64": "long",
    "uint64": "long",
    "float16": "float",
    "float32": "float",
    "float64": "double",
    "float128": "double",
}


_Loader: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Every scalar is a text; tags mean nothing, and neither do merge keys, which may grow without end."""
_FACTS: Final = 100  # in the list of a column: aliases may make one list that of all columns
_DEPTH: Final = 40  # what is nested without end would end the process: the loader goes down in C


@dataclass(frozen=True, slots=True)
class EcsvHeader:
    """The delimiter of the rows, and columns by name; those of unknown types are text."""

    delimiter: str
    fields: Mapping[str, Field]


def read_ecsv_header(comments: list[str]) -> EcsvHeader | None:
    """The header in the comments of a file, None where it is no ECSV. Raises UploadFault."""
    if not comments or not comments[0].strip().startswith("%ECSV"):
        return None
    try:
        text = "".join(line.removeprefix(" ") for line in comments[1:])
        _check_depth(text)
        content = yaml.load(text, _Loader)  # noqa: S506 - it makes texts, lists and mappings alone
        told: Mapping[str, Any] = content if isinstance(content, dict) else {}
        columns = [one for one in told.get("datatype", ()) if isinstance(one, dict)]
        delimiter = told.get("delimiter") or " "
    except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        raise UploadFault("the ECSV header cannot be read") from error
    if delimiter not in (" ", ","):
        raise UploadFault("the delimiter of ECSV is a blank or a comma")
    return EcsvHeader(delimiter, {_word(one, "name"): _field(one) for one in columns})


def _check_depth(text: str) -> None:
    """Raises YAMLError for what is no YAML, or nested too deep."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH:
                raise yaml.YAMLError(f"it is nested deeper than {_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _field(told: Mapping[str, Any]) -> Field:
    facts = _facts(told.get("meta"))
    datatype = None if _fact(told, "subtype") else _TYPES.get(_word(told, "datatype"))
    return Field(
        " ".join(_word(told, "name").split()),
        datatype or "char",
        None if datatype else "*",
        _fact(facts, "xtype") if datatype is None else None,
        _fact(told, "unit"),
        _fact(facts, "ucd"),
        _fact(facts, "utype"),
        _fact(told, "description") or "",
    )


def _facts(meta: object) -> Mapping[str, Any]:
    """What a column's ``meta`` says: a mapping, or an ordered one, which is a list of mappings of one key."""
    if isinstance(meta, list):
        ordered = [one for one in meta[:_FACTS] if isinstance(one, dict) and len(one) == 1]
        return {key: value for one in ordered for key, value in one.items()}
    return meta if isinstance(meta, dict) else {}


def _word(told: Mapping[str, Any], key: str) -> str:
    """A text; what else stands there is none: aliases may make very much of a few bytes."""
    value = told.get(key)
    return value if isinstance(value, str) else ""


def _fact(told: Mapping[str, Any], key: str) -> str | None:
    words = " ".join(_word(told, key).split())
    return words if words not in ("", "~", "null") else None
