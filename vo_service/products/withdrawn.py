"""Why there is no file of some name or version, and what is to be used instead (design 4.2)."""

from __future__ import annotations

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.products.stored import StoredFile, WithdrawnFile


def require_version(file: StoredFile, version: int | None, address: str) -> None:
    """Raises ServiceError where a file is asked for in another version than it has: 410 for one before, with
    the address of this one, 404 for one that never was."""
    if version is None:
        return
    if version < file.version:
        raise ServiceError(
            ErrorKind.GONE,
            f"Version {version} of this product was replaced by version {file.version}.",
            headers=_successor(address, f"{file.product_id}?version={file.version}"),
        )
    if version > file.version:
        raise ServiceError(ErrorKind.NOT_FOUND, f"The newest version of this product is {file.version}.")


def no_file(withdrawn: WithdrawnFile | None, version: int | None, address: str) -> ServiceError:
    """Why there is no file of that name: it was withdrawn, or never was."""
    if withdrawn is None:
        return ServiceError(ErrorKind.NOT_FOUND, "The holdings have no product of this name.")
    if version is not None and version > withdrawn.version:
        return ServiceError(
            ErrorKind.NOT_FOUND, f"The last version of this product was {withdrawn.version}; it is withdrawn."
        )
    message = f"This product was withdrawn on {withdrawn.withdrawn:%Y-%m-%d}."
    if withdrawn.successor is None:
        return ServiceError(ErrorKind.GONE, message)
    return ServiceError(
        ErrorKind.GONE,
        message,
        f"In its place there is {address}/files/{withdrawn.successor}",
        _successor(address, withdrawn.successor),
    )


def _successor(address: str, place: str) -> dict[str, str]:
    """The link to what is to be used instead (RFC 5829)."""
    return {"Link": f'<{address}/files/{place}>; rel="successor-version"'}
