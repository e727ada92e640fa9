"""A found file in the stored columns of ``holdings.product``, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vo_service.holdings.records import UNKNOWN_SIZE, FoundFile

FOUND_COLUMNS = ("root", "path", "size_bytes", "_modified_ns", "_container", "_offset", "_packing", "_query")


def found_file(row: Mapping[str, Any]) -> FoundFile:
    """The file of a row with FOUND_COLUMNS, as discovery found it."""
    size = row["size_bytes"]
    return FoundFile(
        row["root"],
        row["path"],
        UNKNOWN_SIZE if size is None else size,
        row["_modified_ns"],
        row["_container"],
        row["_offset"],
        row["_packing"],
        row["_query"],
    )


def found_columns(file: FoundFile) -> dict[str, Any]:
    """What a row says of the state and place of a file, but for its root and path."""
    return {
        "size_bytes": None if file.size_bytes == UNKNOWN_SIZE else file.size_bytes,
        "_modified_ns": file.modified_ns,
        "_container": file.container,
        "_offset": file.offset,
        "_packing": file.packing,
        "_query": file.query,
    }
