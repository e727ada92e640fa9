"""What can go wrong with coverage maps. Messages are for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vo_service.store.disk import is_full, says_full


class MocError(Exception):
    """Maps that could not be built or read; those that were served before still are."""


@contextmanager
def told_plainly(doing: str) -> Iterator[None]:
    """Turns what the system refuses into MocError; ``doing`` completes the sentence "... while writing"."""
    try:
        yield
    except OSError as error:
        if is_full(error) or says_full(str(error)):
            raise MocError(
                f"no space left on the disk while {doing}; the coverage maps before are still served: "
                "make room and run `vo-service moc` again"
            ) from error
        name = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        raise MocError(f"{name}: {error.strerror or error} while {doing}") from error
