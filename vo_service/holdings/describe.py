"""One file described: the steps of harmonisation in their order."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import PurePosixPath

from vo_service.holdings.beam import measure_beam
from vo_service.holdings.celestial import place_on_sky
from vo_service.holdings.classify import classify
from vo_service.holdings.header import ImageHeader, Step
from vo_service.holdings.identity import identify, identify_path
from vo_service.holdings.members import is_inner_tar
from vo_service.holdings.more_images import note_more_images
from vo_service.holdings.origin_names import name_origin
from vo_service.holdings.polarisation import label_polarisation
from vo_service.holdings.read import (
    check_pixels,
    describe_layout,
    holds_fits,
    is_fits_name,
    read_headers,
    read_start,
    source_of,
)
from vo_service.holdings.records import FoundFile, Product, ProductError
from vo_service.holdings.redshift_cards import find_redshift
from vo_service.holdings.repeats import note_repeats
from vo_service.holdings.side_files import classify_side_file
from vo_service.holdings.spectral_axis import find_rest_frequency, measure_spectrum
from vo_service.holdings.target import name_target, note_encoding
from vo_service.holdings.times import date_observation
from vo_service.holdings.units import normalise_unit
from vo_service.pixels import TruncatedFits
from vo_service.pixels.sources import ByteSource
from vo_service.store import RootPlace

STEPS: tuple[Step, ...] = (
    note_encoding,
    note_repeats,
    identify,
    name_target,
    name_origin,
    date_observation,
    normalise_unit,
    label_polarisation,
    measure_beam,
    find_rest_frequency,
    classify,
    place_on_sky,
    measure_spectrum,
    find_redshift,
)
"""The order is the design: a role needs the unit, wavelengths at the barycentre need date and place."""

_MEDIA_TYPES = {
    ".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/plain", ".log": "text/plain",
    ".py": "text/plain", ".html": "text/html", ".htm": "text/html", ".xml": "text/xml",
    ".csv": "text/csv", ".png": "image/png",
    ".tsv": "text/tab-separated-values", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".tar": "application/x-tar", ".tgz": "application/x-tar-gzip", ".zip": "application/zip",
    ".vot": "application/x-votable+xml",
    ".json": "application/json", ".hdr": "text/plain", ".header": "text/plain",
}  # fmt: skip


def describe_product(found: FoundFile, root: RootPlace) -> Product:
    """Everything that headers, path and name tell of a file below ``root``.

    Never raises for a bad file: the product then has ``error_kind`` and ``error_message``, and what was
    found out before the error.
    """
    began = time.perf_counter()
    product = identify_path(Product(file=found))
    try:
        product = _describe(product, source_of(found, root))
    except ProductError as error:
        product = _failed(product, error)
    return replace(product, duration=time.perf_counter() - began)


def _describe(product: Product, source: ByteSource) -> Product:
    name = source.name
    if not holds_fits(source) and not is_fits_name(name):
        product = classify_side_file(replace(product, media_type=_media_type(name)), read_start(source))
        return _inner_tar(product) if is_inner_tar(product.file, source) else product
    truncation: ProductError | None = None
    try:
        fits = read_headers(source)
    except TruncatedFits as error:
        fits = error.fits
        truncation = ProductError(error.kind, error.message, error.item)
    product, header = describe_layout(product, fits)
    if header is not None:
        product = note_more_images(run_steps(product, header), fits)
    if truncation is not None:  # whatever else is wrong with it may come of that
        return _failed(product, truncation)
    if product.error_kind is not None:
        return product
    try:
        check_pixels(fits)
    except ProductError as error:
        return _failed(product, error)
    return product


def _inner_tar(product: Product) -> Product:
    """A tar inside a tar: what it holds would have no place of its own, and it may hold itself."""
    evidence = "a tar inside a tar is not opened"
    cure = "unpack the outer one, or put the inner one beside it, and ingest again"
    product = replace(product, role="unknown", evidence=evidence)
    return _failed(product, ProductError("unreadable", f"{evidence}: {cure}"))


def run_steps(product: Product, header: ImageHeader) -> Product:
    """All steps in order; the first that fails ends them, and what was found before stays."""
    for step in STEPS:
        try:
            product = step(product, header)
        except ProductError as error:
            return _failed(product, error)
    return product


def run_each_step(product: Product, header: ImageHeader) -> tuple[Product, dict[Step, ProductError]]:
    """All steps in order, those behind one that fails, too; and what kept those that failed. The product has
    the error that `run_steps` gives it."""
    failures: dict[Step, ProductError] = {}
    for step in STEPS:
        try:
            product = step(product, header)
        except ProductError as error:
            failures[step] = error
    if failures:
        product = _failed(product, next(iter(failures.values())))
    return product, failures


def _failed(product: Product, error: ProductError) -> Product:
    return replace(product, error_kind=error.kind, error_message=error.message)


def _media_type(name: str) -> str:
    if name.lower().endswith(".tar.gz"):
        return "application/x-tar-gzip"
    return _MEDIA_TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")
