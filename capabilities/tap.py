"""The VOSI capabilities document of a TAP service (TAP 1.1 section 2.4, TAPRegExt 1.0)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
from vo_models.voresource.models import Capability
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document
from capabilities.endpoints import examples_capability, tables_capability, vosi_capabilities
from capabilities.security import EVERYBODY, Login, interfaces

_FEATURES = "ivo://ivoa.net/std/TAPRegExt#features-"
_UPLOAD = "ivo://ivoa.net/std/TAPRegExt#upload-"
# IVOA identifiers compare without case (TAP-292). STILTS 3.4.7 does not know this group yet: spelt as the
# others it reports an error, spelt so a warning (docs/conformance.md).
_SPELT: Mapping[str, str] = {"adql-conditional": "ivo://ivoa.net/std/tapregext#features-adql-conditional"}

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
    """Limits of the service; None where nothing is said. Times in seconds.

    ``execution_*`` and ``retention_*`` are those of jobs, ``synchronous`` is how long a synchronous query may
    run. TAPRegExt 1.0 has no place for limits of one mode, nor for two of one kind: the description tells
    all of them in words. ``upload_rows_hard`` is for one table, ``upload_bytes_hard`` for all of a request;
    ``upload_hosts`` are those that tables may be fetched from. ``client_queries`` and ``client_jobs`` are
    what one client may have running or waiting, ``process_queries`` and ``process_queue`` how many
    synchronous queries one server process runs at a time and has waiting, ``memory_bytes`` what its queries
    share.
    """

    rows_default: int | None = None
    rows_hard: int | None = None
    synchronous: int | None = None
    execution_default: int | None = None
    execution_hard: int | None = None
    retention_default: int | None = None
    retention_hard: int | None = None
    result_bytes_hard: int | None = None
    upload_rows_hard: int | None = None
    upload_bytes_hard: int | None = None
    upload_tables_hard: int | None = None
    upload_hosts: tuple[str, ...] | None = None
    query_characters: int | None = None
    query_levels: int | None = None
    client_queries: int | None = None
    client_jobs: int | None = None
    process_queries: int | None = None
    process_queue: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TapService:
    """Everything that a TAP service declares. Declare what works, and no more.

    ``base_url`` is the address of TAP itself, such as ``https://host/tap``; a slash at its end is dropped.
    ``features`` maps groups of :data:`ADQL_FEATURE_GROUPS` to their forms, ``upload_methods`` are of
    :data:`UPLOAD_METHODS`. ``examples`` says whether ``base_url/examples`` answers, ``login`` who may ask.
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
    login: Login = EVERYBODY

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
    return write_document(VOSICapabilities(capability=capability_elements(service)))


def capability_elements(service: TapService) -> list[Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    found = [
        _table_access(service, base),
        *vosi_capabilities(base),
        tables_capability(base, service.login),
    ]
    return [*found, examples_capability(base)] if service.examples else found


def _table_access(service: TapService, base: str) -> TableAccess:
    limits = service.limits
    words = [service.description, *limits_in_words(limits)]
    return TableAccess(
        description=" ".join(word for word in words if word) or None,
        interface=interfaces(base, "base", "1.1", service.login),
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


def limits_in_words(limits: TapLimits) -> Iterator[str]:
    """A sentence for each limit of either mode that is known."""
    if limits.rows_default is not None:
        yield f"Without MAXREC an answer has at most {limits.rows_default} rows, in both modes."
    if limits.rows_hard is not None:
        yield f"No answer has more than {limits.rows_hard} rows, in both modes."
    if limits.synchronous is not None:
        yield f"A synchronous query may run for {limits.synchronous} seconds."
    yield from _default_and_most(
        "An asynchronous one may run", limits.execution_default, limits.execution_hard
    )
    yield from _default_and_most("Its result is kept", limits.retention_default, limits.retention_hard)
    if limits.result_bytes_hard is not None:
        yield f"The result of an asynchronous query has at most {limits.result_bytes_hard} bytes."
    if limits.query_characters is not None:
        yield f"A query has at most {limits.query_characters} characters."
    if limits.query_levels is not None:
        yield f"Its parentheses are at most {limits.query_levels} levels deep."
    yield from _crowds_in_words(limits)
    if limits.upload_tables_hard:
        yield f"A request may bring {limits.upload_tables_hard} tables."
    if limits.upload_rows_hard is not None:
        yield f"An uploaded table has at most {limits.upload_rows_hard} rows."
    if limits.upload_bytes_hard is not None:
        yield f"All uploaded tables of a request have at most {limits.upload_bytes_hard} bytes."
    if limits.upload_hosts is not None:
        hosts = ", ".join(limits.upload_hosts) or "none at present"
        yield f"Tables are fetched by http and https from the hosts that the operator allows: {hosts}."


def _crowds_in_words(limits: TapLimits) -> Iterator[str]:
    """What many queries have to share."""
    if limits.client_queries is not None:
        yield f"A client may have {limits.client_queries} synchronous queries running or waiting at a time."
    if limits.client_jobs is not None:
        yield f"A client may have {limits.client_jobs} asynchronous ones running or waiting."
    if limits.process_queries is not None:
        yield f"Each server process runs {limits.process_queries} synchronous queries at a time."
    if limits.process_queue is not None:
        yield f"It has {limits.process_queue} more waiting at most."
    if limits.memory_bytes is not None:
        yield f"The queries of a process share {limits.memory_bytes} bytes of memory."


def _default_and_most(what: str, default: int | None, hard: int | None) -> Iterator[str]:
    most = f"{hard} seconds at most" if hard is not None else ""
    unasked = f"{default} seconds unless it asks for more" if default is not None else ""
    if most or unasked:
        yield f"{what} for {', and '.join(each for each in (unasked, most) if each)}."


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
            yield LanguageFeatureList(type=_SPELT.get(name, _FEATURES + name), feature=features)


def _seconds(default: int | None, hard: int | None) -> TimeLimits | None:
    return None if default is None and hard is None else TimeLimits(default=default, hard=hard)


def _amounts(default: DataLimit | None, hard: DataLimit | None) -> DataLimits | None:
    return None if default is None and hard is None else DataLimits(default=default, hard=hard)


def _rows(value: int | None) -> DataLimit | None:
    return None if value is None else DataLimit(value=value, unit="row")


def _bytes(value: int | None) -> DataLimit | None:
    return None if value is None else DataLimit(value=value, unit="byte")
