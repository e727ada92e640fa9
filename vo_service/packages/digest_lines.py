"""``manifest-sha256.txt``: what ``sha256sum -c`` reads, one line a file, of a length that is known before any
digest is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_DIGITS: Final = 64
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}


class DigestLines(Generic[T]):
    """A line for each file: its digest, two blanks, its name. ``files`` are names, and what has them."""

    def __init__(self, files: Sequence[tuple[str, T]]) -> None:
        self._files = files
        self._ends = list(accumulate(len(_line("0" * _DIGITS, name)) for name, _ in files))

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self._ends[-1] if self._ends else 0

    def within(self, offset: int, length: int) -> Iterator[T]:
        """The files of which a line, or a part of one, stands there."""
        for number in range(bisect_right(self._ends, offset), len(self._files)):
            if number and self._ends[number - 1] >= offset + length:
                return
            yield self._files[number][1]

    def read(
        self, offset: int, length: int, at_hand: Callable[[T], str | None], made: Callable[[T], str]
    ) -> bytes:
        """Bytes from ``offset`` on, at most ``length`` of them: fewer behind a digest that had to be ``made``
        because it was not ``at_hand``, which may have taken long. None at the end only."""
        parts: list[bytes] = []
        number, left = bisect_right(self._ends, offset), length
        is_made = False
        while left > 0 and number < len(self._files) and not is_made:
            name, file = self._files[number]
            sha256 = at_hand(file)
            if sha256 is None:
                sha256, is_made = made(file), True
            line = _line(sha256, name)
            begin = self._ends[number] - len(line)
            part = line[max(0, offset - begin) :][:left]
            parts.append(part)
            left -= len(part)
            number += 1
        return b"".join(parts)


def _line(sha256: str, name: str) -> bytes:
    """As GNU writes it: behind a backslash where the name has characters that would end the line."""
    written = "".join(_ESCAPES.get(each, each) for each in name)
    mark = "\\" if written != name else ""
    return f"{mark}{sha256}  {written}\n".encode("utf-8", "surrogateescape")
