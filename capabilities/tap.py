"""The VOSI capabilities document of a TAP service (TAP 1.1 section 2.4, TAPRegExt 1.0)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import AnyUrl
from vo_models.tapregext.models import (
    DataLimit,
    DataLimits,
    DataModelType,
    Language,
    LanguageFeature,
    LanguageFeatureList,
    TableAccess,
    TimeLimits,
    UploadMethod,
    Version,
)
from vo_models.tapregext.models import OutputFormat as OutputFormatElement
from vo_models.vodataservice.models import ParamHTTP
from vo_models.voresource.models import AccessURL, Capability, Interface, WebBrowser
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document

_FEATURES = "ivo://ivoa.net/std/TAPRegExt#features-"
_UPLOAD = "ivo://ivoa.net/std/TAPRegExt#upload-"
_VOSI = "ivo://ivoa.net/std/VOSI#"
_EXAMPLES = "ivo://ivoa.net/std/DALI#examples"

ADQL_FEATURE_GROUPS = ("string", "sets", "common-table", "type", "unit", "offset", "conditional")
"""Groups of optional ADQL 2.1 features besides geometry and user functions (TAP-292)."""

UPLOAD_METHODS = ("inline", "http", "https", "ftp")
"""Ways to upload a table that TAPRegExt has names for (TAP-294)."""


@dataclass(frozen=True, slots=True)
class DataModel:
    """A data model that the service supports: its name and IVOA identifier."""

    name: str
    ivo_id: str


OBSCORE = DataModel("ObsCore-1.1", "ivo://ivoa.net/std/ObsCore#core-1.1")
"""To be declared where ivoa.obscore exists with all mandatory columns (OBS-004)."""


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function beyond ADQL's own: ``signature`` as ``name(arg TYPE, ...) -> TYPE``, and what it does."""

    signature: str
    description: str


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format of answers: media type, other values of RESPONSEFORMAT that give it, identifier if any."""

    mime: str
    aliases: tuple[str, ...] = ()
    ivo_id: str | None = None


@dataclass(frozen=True, slots=True)
class TapLimits:
    """Limits of the service; None where nothing is said. Times in seconds."""

    rows_default: int | None = None
    rows_hard: int | None = None
    execution_default: int | None = None
    execution_hard: int | None = None
    retention_default: int | None = None
    retention_hard: int | None = None
    upload_rows_hard: int | None = None
    upload_bytes_hard: int | None = None


@dataclass(frozen=True, slots=True)
class TapService:
    """Everything that a TAP service declares. Declare what works, and no more.

    ``base_url`` is the address of TAP itself, such as ``https://host/tap``; a slash at its end is dropped.
    ``features`` maps groups of :data:`ADQL_FEATURE_GROUPS` to their forms, ``upload_methods`` are of
    :data:`UPLOAD_METHODS`. ``examples`` says whether ``base_url/examples`` answers.
    """

    base_url: str
    formats: tuple[OutputFormat, ...]
    languages: tuple[str, ...] = ("2.0", "2.1")
    functions: tuple[UserFunction, ...] = ()
    geometry: tuple[str, ...] = ()
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limits: TapLimits = TapLimits()
    upload_methods: tuple[str, ...] = ()
    data_models: tuple[DataModel, ...] = (OBSCORE,)
    description: str | None = None
    examples: bool = False

    def __post_init__(self) -> None:
        for name in self.features:
            if name not in ADQL_FEATURE_GROUPS:
                raise ValueError(f"no group of ADQL features {name!r}, only {', '.join(ADQL_FEATURE_GROUPS)}")
        for method in self.upload_methods:
            if method not in UPLOAD_METHODS:
                raise ValueError(f"no upload method {method!r}, only {', '.join(UPLOAD_METHODS)}")
        if not self.formats or not self.languages:
            raise ValueError("a TAP service has at least one output format and one version of ADQL")


def tap_capabilities(service: TapService) -> bytes:
    """The capabilities document: TAP itself, the VOSI endpoints, and the examples where there are some."""
    base = service.base_url.rstrip("/")
    return write_document(
        VOSICapabilities(capability=[_table_access(service, base), *_endpoints(service, base)])
    )


def _table_access(service: TapService, base: str) -> TableAccess:
    limits = service.limits
    return TableAccess(
        description=service.description,
        interface=[_interface(base, "base", "1.1")],
        data_model=[DataModelType(value=model.name, ivo_id=model.ivo_id) for model in service.data_models],
        language=[_language(service)],
        output_format=[
            OutputFormatElement(mime=one.mime, alias=list(one.aliases), ivo_id=one.ivo_id)
            for one in service.formats
        ],
        upload_method=[UploadMethod(ivo_id=_UPLOAD + method) for method in service.upload_methods],
        retention_period=_seconds(limits.retention_default, limits.retention_hard),
        execution_duration=_seconds(limits.execution_default, limits.execution_hard),
        output_limit=_amounts(_rows(limits.rows_default), _rows(limits.rows_hard)),
        upload_limit=_amounts(None, _rows(limits.upload_rows_hard) or _bytes(limits.upload_bytes_hard)),
    )


def _language(service: TapService) -> Language:
    return Language(
        name="ADQL",
        version=[
            Version(value=version, ivo_id=f"ivo://ivoa.net/std/ADQL#v{version}")
            for version in service.languages
        ],
        description="Astronomical Data Query Language, parsed strictly against the published tables.",
        language_features=list(_feature_lists(service)),
    )


def _feature_lists(service: TapService) -> Iterator[LanguageFeatureList]:
    functions = [
        LanguageFeature(form=one.signature, description=one.description) for one in service.functions
    ]
    if functions:
        yield LanguageFeatureList(type=_FEATURES + "udf", feature=functions)
    groups = {"adqlgeo": service.geometry}
    groups |= {f"adql-{name}": service.features.get(name, ()) for name in ADQL_FEATURE_GROUPS}
    for name, forms in groups.items():
        if forms:
            features = [LanguageFeature(form=form) for form in forms]
            yield LanguageFeatureList(type=_FEATURES + name, feature=features)


def _endpoints(service: TapService, base: str) -> Iterator[Capability]:
    for name, standard, version in (
        ("capabilities", "capabilities", None),
        ("availability", "availability", None),
        ("tables", "tables-1.1", "1.1"),
    ):
        yield Capability(
            standard_id=AnyUrl(_VOSI + standard), interface=[_interface(f"{base}/{name}", "full", version)]
        )
    if service.examples:
        page = AccessURL(value=AnyUrl(f"{base}/examples"), use="full")
        yield Capability(standard_id=AnyUrl(_EXAMPLES), interface=[WebBrowser(access_url=[page])])


def _interface(address: str, use: Literal["base", "full"], version: str | None) -> Interface:
    """A standard interface, asked by GET or POST with parameters."""
    return ParamHTTP(role="std", version=version, access_url=[AccessURL(value=AnyUrl(address), use=use)])


def _seconds(default: int | None, hard: int | None) -> TimeLimits | None:
    return None if default is None and hard is None else TimeLimits(default=default, hard=hard)


def _amounts(default: DataLimit | None, hard: DataLimit | None) -> DataLimits | None:
    return None if default is None and hard is None else DataLimits(default=default, hard=hard)


def _rows(value: int | None) -> DataLimit | None:
    return None if value is None else DataLimit(value=value, unit="row")


def _bytes(value: int | None) -> DataLimit | None:
    return None if value is None else DataLimit(value=value, unit="byte")
