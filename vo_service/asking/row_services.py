"""Services that take a row of an answer: descriptors behind the table of any VOTable that names data sets
(DataLink 1.1 section 4.5, SODA 1.0 section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tap_schema import Column, published
from vo_service.adql import Origin
from vo_service.formats import field_ids

RowServices = Callable[[str, str], tuple[bytes, ...]]
"""Makes the RESOURCEs, from the base URL of the service and the ID of the FIELD with the identifiers."""

_IDENTIFIER = "obs_publisher_did"
"""In all published tables that have it this is the identifier of a row of ivoa.obscore."""


def no_services(base_url: str, field_id: str) -> tuple[bytes, ...]:
    """Where there are none."""
    return ()


def described_services(
    columns: Sequence[Column], origins: Sequence[Origin], base_url: str, services: RowServices
) -> tuple[bytes, ...]:
    """The descriptors for a result: they refer to its first column of identifiers, by whatever name it has
    there, and there are none where it has no such column or only what was computed from one (DL-099)."""
    places = (place for place, origin in enumerate(origins) if _is_identifier(origin))
    place = next(places, None)
    return () if place is None else services(base_url, field_ids(columns)[place])


def _is_identifier(origin: Origin) -> bool:
    return bool(origin) and all(column == _IDENTIFIER and table in published() for table, column in origin)
