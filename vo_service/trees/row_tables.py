"""Tables of a catalogue tree as they are sent: without rows of data sets that were withdrawn since it was
built. The tables above and below stay where they are, so one that has no row left is sent without any."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from hips.tiles.files import kept_file, unpacked
from vo_service.trees.files import Content, made_here, open_below
from vo_service.trees.served import ServedTree

_NAME: Final = b"dataset_id"
"""The column that says whose row it is."""


def table_without(
    tree: ServedTree, name: str, media_type: str, withdrawn: Container[bytes]
) -> Content | None:
    """A table, by its name below the root, without rows that it has of those; None where it has none, and
    where there is no such table. Raises OSError, and ValueError for a file that has no such rows."""
    path = kept_file(tree.root / name)
    if path is None:
        return None
    file = open_below(tree.root, path)
    stored = unpacked(file.read(), name)
    left = rows_left(stored, withdrawn)
    return None if left == stored else Content(made_here(left, media_type, None))


def rows_left(table: bytes, withdrawn: Container[bytes]) -> bytes:
    """A table without the rows of some data sets; what it says of its completeness is of the build."""
    lines = table.splitlines(keepends=True)
    head = next((at for at, line in enumerate(lines) if not line.startswith(b"#")), None)
    if head is None:
        raise ValueError("a table without columns")
    place = lines[head].rstrip(b"\n").split(b"\t").index(_NAME)
    kept = [line for line in lines[head + 1 :] if line.split(b"\t", place + 1)[place] not in withdrawn]
    return b"".join([*lines[: head + 1], *kept])
