"""Files within a tar: found by its headers, each then a file of its own beside the tar."""

from __future__ import annotations

from dataclasses import dataclass, field

from vo_service.holdings.discover import Unreachable
from vo_service.holdings.read import is_fits_name, read_error, whole_source
from vo_service.holdings.records import UNKNOWN_SIZE, FoundFile
from vo_service.pixels.fits_file import FITS_MAGIC
from vo_service.pixels.sources import ByteSource
from vo_service.pixels.tars import (
    TarFault,
    TarMember,
    first_block,
    list_tar,
    packing_of,
    starts_tar,
    unpacked,
)
from vo_service.store import RootPlace

_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
_ONLY_ON = "stream"
"""Stands for a packing where nothing is packed, but the source cannot jump."""
_MEDIA_TYPES = {
    "gzip": "application/x-tar-gzip",
    "bzip2": "application/x-tar-bzip2",
    "xz": "application/x-tar-xz",
}


@dataclass(frozen=True, slots=True)
class TarNote:
    """What the row of a tar says: how many files it holds, and what was wrong with it (error class and
    message)."""

    count: int
    media_type: str
    fault: tuple[str, str] | None = None


@dataclass(slots=True)
class TarListing:
    """Members of a tar in their order, members that could not be taken, and what was wrong with the tar as a
    whole. ``is_closed``: it could not be read at all, so what it holds is not known.
    """

    members: list[FoundFile] = field(default_factory=list)
    problems: list[Unreachable] = field(default_factory=list)
    packing: str | None = None
    fault: tuple[str, str] | None = None
    is_closed: bool = False

    @property
    def note(self) -> TarNote:
        """For the row of the tar."""
        return TarNote(
            len(self.members), _MEDIA_TYPES.get(self.packing or "", "application/x-tar"), self.fault
        )


def is_tar_name(path: str) -> bool:
    """Whether a name claims to be that of a tar, packed or not."""
    return path.lower().endswith(_ENDINGS)


def is_tar(file: FoundFile, place: RootPlace) -> bool:
    """Whether a file is a tar: by its name, unless it is FITS all the same, or by how it begins. A file
    behind a URL is not looked at for that, which would cost a request for each.
    """
    name = file.path.rpartition("/")[2].lower()
    named = is_tar_name(name)
    if file.container is not None or (not named and (isinstance(place, str) or is_fits_name(name))):
        return False
    try:
        start = first_block(_source(file, place))
    except OSError:
        return named
    return starts_tar(start) or (named and not start.startswith(FITS_MAGIC))


def is_inner_tar(file: FoundFile, source: ByteSource) -> bool:
    """Whether a member of a tar is a tar itself, by its name or its bytes ``source``."""
    if file.container is None:
        return False
    try:
        return is_tar_name(file.path) or starts_tar(first_block(source))
    except OSError:
        return False


def list_members(tar: FoundFile, place: RootPlace) -> TarListing:
    """The files that a tar holds. Of several of one name the last counts, as where a tar is unpacked."""
    listing = TarListing()
    source = _source(tar, place)
    places: dict[str, int] = {}
    try:
        with source.open() as raw:
            listing.packing = _packing(source, seekable=raw.seekable())
            size = source.size if listing.packing is None else None
            for found in list_tar(unpacked(raw, listing.packing), size):
                _enter(listing, places, tar, found)
    except OSError as error:
        failed = read_error(error, source.name)
        listing.fault = (failed.kind, failed.message)
        listing.is_closed = True
    return listing


def _packing(source: ByteSource, *, seekable: bool) -> str | None:
    with source.open() as stream:
        packing = packing_of(stream.read(8))
    return packing or (None if seekable else _ONLY_ON)


def _source(tar: FoundFile, place: RootPlace) -> ByteSource:
    size = None if tar.size_bytes == UNKNOWN_SIZE else tar.size_bytes
    return whole_source(place, tar.path, size, tar.query)


def _enter(listing: TarListing, places: dict[str, int], tar: FoundFile, found: TarMember | TarFault) -> None:
    if isinstance(found, TarFault) and found.name is None:
        listing.fault = (found.kind, f"{tar.path}: {found.message}")
        return
    path = f"{tar.path}/{found.name}"
    if isinstance(found, TarFault):
        listing.problems.append(Unreachable(tar.root, path, found.kind, found.message))
        return
    member = FoundFile(
        tar.root, path, found.size, tar.modified_ns, tar.path, found.offset, listing.packing, tar.query
    )
    if path not in places:
        places[path] = len(listing.members)
        listing.members.append(member)
        return
    listing.members[places[path]] = member
    message = "the tar holds more than one member of this name: the last one is taken"
    listing.problems.append(Unreachable(tar.root, path, "unreadable", message))
