"""The descriptors of ``/soda``: of any data set that a row names, and of one data set with its limits.

generic_descriptor      behind tables with identifiers of data sets (SODA-071)
shared_descriptors      of the data sets of many rows or links, one set of them for all
dataset_descriptors     of one data set: sync and async, and, without SODA's standardID, what is no subset
                        of the data: moment maps, spectra, headers (SODA-072, SODA-097)
self_description        the document that ``/soda/sync?MAXREC=0`` gives
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from vo_service.dali.descriptors import (
    InputParam,
    ServiceDescriptor,
    descriptor_document,
    write_descriptor,
    write_this,
)
from vo_service.holdings.image_view import ImageView
from vo_service.products.datasets import DataSet
from vo_service.soda.answer_formats import FITS, TEXT, VOTABLE
from vo_service.soda.limits import Limits, limits_of
from vo_service.soda.parameter_limits import Told, input_param, limited
from vo_service.soda.parameters import HEADER, ID, MOMENT, SPECTRUM, TABLE, Mode, SodaParameter

SYNC_ID: Final = "ivo://ivoa.net/std/SODA#sync-1.0"
ASYNC_ID: Final = "ivo://ivoa.net/std/SODA#async-1.0"

_KEPT: Final = 256  # addresses by which clients come, times names of columns
_CUT: Final = tuple(one for one in TABLE if one.standing != "product" and one is not ID)
_WITHOUT: Final[dict[str, frozenset[str]]] = {  # request.py says which go together
    "MOMENT": frozenset(("WITH",)),
    "SPECTRUM": frozenset(("WITH", "OUTSIDE", "REBIN")),
    "HEADER": frozenset(("WITH", "OUTSIDE", "REBIN")),
}
_CUTTING: Final = (
    "Region of the sky, range of frequencies, line, polarisation of a data set, as FITS with its header exact"
)


def generic_descriptor(address: str, ref: str | None) -> ServiceDescriptor:
    """The cut-out of any data set: ``ref`` is the ID of the FIELD with the identifiers; None where ID is the
    user's to give. ``address`` is that of the whole service."""
    return ServiceDescriptor(
        name="Cut-out",
        description=f"{_CUTTING} (SODA 1.0).",
        access_url=f"{address}/soda/sync",
        standard_id=SYNC_ID,
        content_type=FITS,
        inputs=(input_param(ID, ref=ref), *(input_param(one) for one in _CUT)),
    )


@lru_cache(_KEPT)
def row_services(address: str, field_id: str) -> tuple[bytes, ...]:
    """The RESOURCE behind a table whose FIELD of that ID identifies data sets."""
    return (write_descriptor(generic_descriptor(address, field_id)),)


def dataset_descriptors(limits: Limits, address: str, mark: str = "") -> tuple[ServiceDescriptor, ...]:
    """All that can be done with one data set, the synchronous cut-out first (DL-086).

    ``mark`` goes behind each XML ID (``soda-sync``, ``soda-async``, ``soda-moment``, ``soda-spectrum``,
    ``soda-header``), where a document has the descriptors of several data sets.
    """
    found = [_sync(limits, address, mark), _async(limits, address, mark)]
    if limits.is_cube:
        found += [_moment(limits, address, mark), _spectrum(limits, address, mark)]
    return (*found, _header(limits, address, mark))


def own_descriptors(
    found: DataSet, view: ImageView | None, address: str, mark: str
) -> tuple[ServiceDescriptor, ...]:
    """`dataset_descriptors` of a data set, with its image where that is at hand."""
    return dataset_descriptors(limits_of(found, view), address, mark)


def shared_descriptors(address: str, ref: str) -> tuple[ServiceDescriptor, ...]:
    """The same for any data set, without limits: ``ref`` is the ID of the FIELD with the identifiers."""
    unknown = Limits("")
    fixed = input_param(ID, ref=ref)
    made = (
        (_sync(unknown, address, ""), _CUT),
        (_async(unknown, address, ""), _CUT),
        (_moment(unknown, address, ""), (MOMENT, *_company(MOMENT))),
        (_spectrum(unknown, address, ""), (SPECTRUM, *_company(SPECTRUM))),
        (_header(unknown, address, ""), _company(HEADER)),
    )
    return tuple(
        replace(
            service,
            inputs=(
                fixed,
                *(param for param in service.inputs if param.value),  # those that the service always takes
                *(input_param(one) for one in parameters),
            ),
        )
        for service, parameters in made
    )


def self_description(address: str, limits: Limits | None = None) -> bytes:
    """What ``/soda/sync`` says of itself: of one data set with its limits, or of any (DL-098)."""
    if limits is None:
        return descriptor_document((write_this(generic_descriptor(address, None)),))
    sync, *others = dataset_descriptors(limits, address)
    told = (write_descriptor(sync), *(write_descriptor(each) for each in others))
    return descriptor_document((write_this(_named(sync)), *told))


def _named(service: ServiceDescriptor) -> ServiceDescriptor:
    """The same under the name that stands for the service that is asked; without the ID of the other."""
    described = f"What this address does. {service.description}"
    return replace(service, id=None, name="this", description=described)


def _sync(limits: Limits, address: str, mark: str) -> ServiceDescriptor:
    return ServiceDescriptor(
        id=f"soda-sync{mark}",
        name="Cut-out",
        description=f"{_CUTTING}; the answer is the file (SODA 1.0, sync).",
        access_url=f"{address}/soda/sync",
        standard_id=SYNC_ID,
        content_type=FITS,
        inputs=(_fixed(limits), *_limited(_CUT, limits)),
    )


def _async(limits: Limits, address: str, mark: str) -> ServiceDescriptor:
    return ServiceDescriptor(
        id=f"soda-async{mark}",
        name="Cut-outs as a job",
        description=f"{_CUTTING}; a job that gives a file for each combination of values (SODA 1.0, async).",
        access_url=f"{address}/soda/async",
        standard_id=ASYNC_ID,
        inputs=(_fixed(limits), *_limited(_CUT, limits, "async")),
    )


def _moment(limits: Limits, address: str, mark: str) -> ServiceDescriptor:
    return ServiceDescriptor(
        id=f"soda-moment{mark}",
        name="Moment map",
        description="Map of the integrated or of the peak intensity of a cut-out, of its mean velocity, or of"
        " the dispersion round that, as FITS.",
        access_url=f"{address}/soda/sync",
        content_type=FITS,
        inputs=_product(MOMENT, limits),
    )


def _spectrum(limits: Limits, address: str, mark: str) -> ServiceDescriptor:
    return ServiceDescriptor(
        id=f"soda-spectrum{mark}",
        name="Spectrum of a region",
        description="Mean, sum or flux of the pixels of a region in each channel, as a VOTable.",
        access_url=f"{address}/soda/sync",
        content_type=VOTABLE,
        inputs=_product(SPECTRUM, limits),
    )


def _header(limits: Limits, address: str, mark: str) -> ServiceDescriptor:
    asked = InputParam("HEADER", "char", "*", ucd=HEADER.ucd, description="The header alone.", value="1")
    return ServiceDescriptor(
        id=f"soda-header{mark}",
        name="Header of a cut-out",
        description="The FITS header that a cut-out would have, as text, without its pixels.",
        access_url=f"{address}/soda/sync",
        content_type=TEXT,
        inputs=(_fixed(limits), asked, *_limited(_company(HEADER), limits)),
    )


def _product(parameter: SodaParameter[Any], limits: Limits) -> tuple[InputParam, ...]:
    """ID, what is to be made, and what of the data set it is to be made of."""
    return (_fixed(limits), *_limited((parameter, *_company(parameter)), limits))


def _company(parameter: SodaParameter[Any]) -> tuple[SodaParameter[Any], ...]:
    return tuple(one for one in _CUT if one.name not in _WITHOUT[parameter.name])


def _fixed(limits: Limits) -> InputParam:
    return input_param(ID, Told(), value=limits.identifier)


def _limited(
    parameters: tuple[SodaParameter[Any], ...], limits: Limits, mode: Mode = "sync"
) -> tuple[InputParam, ...]:
    return tuple(param for one in parameters if (param := limited(one, limits, mode)) is not None)
