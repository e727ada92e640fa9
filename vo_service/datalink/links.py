"""One link, and who may follow it (DataLink 1.1 section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from vo_service.access import Rights, Viewer
from vo_service.dali.errors import ServiceError
from vo_service.dali.faults import link_faulted
from vo_service.products.stored import StoredFile

LINKS: Final = "application/x-votable+xml;content=datalink"
"""The media type of a table of links, spelt as clients compare it (DL-061)."""
THIS: Final = "#this"

Auth = Literal["false", "optional", "true"]


class Access(NamedTuple):
    """``auth``: whether a login is needed (DL-046), ``authorized``: whether the asker may (DL-047)."""

    auth: Auth
    authorized: bool


class Link(NamedTuple):
    """A row of the table but for the identifier; exactly one of ``access_url``, ``service_def`` and
    ``error_message`` is not None (DL-024).

    ``semantics``: a term with its hash. ``content_length``: bytes. ``local``: local_semantics. ``access`` is
    None for what others serve. ``target``: what services of the document take as ID for it.
    """

    semantics: str
    description: str | None
    access_url: str | None = None
    service_def: str | None = None
    error_message: str | None = None
    content_type: str | None = None
    content_length: int | None = None
    qualifier: str | None = None
    local: str | None = None
    access: Access | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """Who asks, and when: the rights of design 4.3 as a forecast of what the doors will say. ``logins``: one
    can log in here, ``required``: one has to."""

    rights: Rights
    viewer: Viewer
    now: datetime
    logins: bool
    required: bool = False

    def of(self, file: StoredFile) -> Access:
        """The access to a file, and to whatever is made of its pixels."""
        claims = file.claims
        is_open = all(self.rights.is_open(each.origin, each.release_date, self.now) for each in claims)
        may = is_open or all(
            self.rights.may_read(self.viewer, each.origin, each.release_date, self.now) for each in claims
        )
        return Access(self._open_auth if is_open else "true", may)

    def of_all(self, files: Iterable[StoredFile]) -> Access:
        """The access to several files together."""
        found = [self.of(file) for file in files]
        auth: Auth = "true" if any(each.auth == "true" for each in found) else self._open_auth
        return Access(auth, all(each.authorized for each in found))

    @property
    def metadata(self) -> Access:
        """The access to what is for everybody (design 4.3)."""
        return Access(self._open_auth, True)

    @property
    def _open_auth(self) -> Auth:
        if self.required:
            return "true"
        return "optional" if self.logins else "false"


def fault_link(error: ServiceError, target: str | None = None) -> Link:
    """The link of what is not to be had (DL-036, DL-065, DL-066)."""
    return Link(THIS, None, error_message=" ".join(link_faulted(error).split()), target=target)
