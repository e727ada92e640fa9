"""What clients are told when a file does not give what is wanted of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.pixels import FitsError
from vo_service.pixels.compute.channels import NotComputable
from vo_service.pixels.compute.writing import UnfitRequest
from vo_service.store.disk import is_full


def changed() -> ServiceError:
    """409: a source is another one than that which the result would be of."""
    return ServiceError(ErrorKind.CONFLICT, "A file of this data set has changed since it was ingested.")


def cannot_be_cut(why: str) -> ServiceError:
    """The file is served as it is, and that is all that can be done with it."""
    return usage(f"This data set has no pixels that can be taken out: {why}.", "Its file can be had whole.")


def unreadable() -> ServiceError:
    """503: the bytes of a source are not to be had now."""
    return ServiceError(ErrorKind.UNAVAILABLE, "A file of this data set cannot be read at present.")


@contextmanager
def faults_told() -> Iterator[None]:
    """Errors of reading and computing as the client is to see them; a full disk is left to whoever keeps the
    result."""
    try:
        yield
    except FitsError as error:
        raise changed() if error.kind == "changed" else cannot_be_cut(error.message) from error
    except (UnfitRequest, NotComputable) as error:
        raise usage(str(error)) from error
    except OSError as error:
        if is_full(error):
            raise
        raise unreadable() from error
