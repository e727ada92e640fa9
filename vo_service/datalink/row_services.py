"""The descriptor of {links} behind tables whose rows name data sets (DataLink 1.1 section 4.5)."""

from __future__ import annotations


def row_services(address: str, field_id: str) -> tuple[bytes, ...]:
    """The RESOURCE behind a table whose FIELD of that ID identifies data sets."""
    return ()
