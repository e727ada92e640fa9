"""Collection, facility and instrument of a file: the archive's words for ALMA (ALMA-003, OBS-063, OBS-088),
the header's own for any other telescope.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product, Repair

_ALMA_PROJECT = re.compile(r"^\d{4}\.[A-Z0-9]\.\d{5}\.[A-Z]{1,3}$")
_ALMA_NAMES = frozenset({"ACA", "JAO"})


@dataclass(frozen=True, slots=True)
class OriginNames:
    """Names as published; ``of_alma`` where they are those of the ALMA archive."""

    collection: str
    facility: str | None
    instrument: str | None
    of_alma: bool


def origin_names(product: Product) -> OriginNames:
    """The names under which the data of a file are published.

    A telescope that the header names is never overruled: what lies below a path of ALMA's archive may be
    data of another one.
    """
    telescope = product.telescope
    if _is_alma(telescope) or (telescope is None and _lies_in_alma(product) is not None):
        return OriginNames("ALMA", "JAO", "ALMA", of_alma=True)
    return OriginNames(
        collection=telescope if telescope is not None else product.file.root,
        facility=telescope,
        instrument=product.instrument if product.instrument is not None else telescope,
        of_alma=False,
    )


def name_origin(product: Product, header: ImageHeader) -> Product:
    """The product with a record of every name that is not the card as written."""
    names = origin_names(product)
    telescope, instrument = (header.keywords.written(key) or None for key in ("TELESCOP", "INSTRUME"))
    why = _reason(product, names)
    repairs = []
    for item, was, became in (
        ("obs_collection", telescope, names.collection),
        ("facility_name", telescope, names.facility),
        ("instrument_name", instrument, names.instrument),
    ):
        if was != became:
            rule = "NAME-ARCHIVE" if names.of_alma else "NAME-STAND-IN"
            repairs.append(Repair(item, was, became, rule, why))
    place = _lies_in_alma(product)
    if place is not None and not names.of_alma:
        against = (
            f"the path says {place}, which is ALMA's, but TELESCOP is {telescope}: the header is believed"
        )
        repairs.append(Repair("facility_name", telescope, names.facility, "NAME-CONTRADICTION", against, 0.7))
    return product.repaired(*repairs)


def _is_alma(telescope: str | None) -> bool:
    if telescope is None:
        return False
    return telescope.upper().startswith("ALMA") or telescope.upper() in _ALMA_NAMES


def _lies_in_alma(product: Product) -> str | None:
    """The member uid or project code that only ALMA's archive gives, None where there is neither."""
    identity = product.identity
    if identity.member_ous_uid is not None:
        return identity.member_ous_uid
    code = identity.project_code
    return code if code is not None and _ALMA_PROJECT.match(code) else None


def _reason(product: Product, names: OriginNames) -> str:
    if not names.of_alma:
        if product.telescope is not None:
            return "the header names no instrument: the telescope"
        return "the header names no telescope: the collection is the place it was ingested from"
    if product.telescope is not None:
        return f"the ALMA archive's words for data of {product.telescope}"
    return f"the header names no telescope, but {_lies_in_alma(product)} is of the ALMA archive"
