"""Names in order, each once: very many take little more than their bytes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa


class Names:
    """Names of data sets, as UTF-8. Two with the same names are equal."""

    __slots__ = ("_sorted",)

    def __init__(self, names: Iterable[str] | pa.Array[Any] | pa.ChunkedArray[Any] = ()) -> None:
        """``names`` differ from each other."""
        if isinstance(names, pa.ChunkedArray):
            names = names.combine_chunks()
        array = names if isinstance(names, pa.Array) else pa.array(list(names), pa.string())
        self._sorted = array.cast(pa.large_binary()).sort()

    def __len__(self) -> int:
        return len(self._sorted)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, bytes):
            return False
        place = bisect_left(self._sorted, name, key=_bytes)
        return place < len(self._sorted) and _bytes(self._sorted[place]) == name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names) and bool(self._sorted.equals(other._sorted))

    def __hash__(self) -> int:
        return hash(len(self))


def _bytes(scalar: pa.Scalar[Any]) -> bytes:
    found: bytes = scalar.as_py()
    return found


NO_NAMES: Final = Names()
