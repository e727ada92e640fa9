"""``/packages/tar``: the files of a package as one tar, and what is told of it inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from vo_service.asking.queries import Asker
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.faults import link_faulted
from vo_service.dali.streams import Cancellation
from vo_service.packages.contents import Absent, Item, Package, Packer
from vo_service.packages.far_looks import FarLooks
from vo_service.packages.request import Request
from vo_service.packages.tar_bytes import DIGESTS, PlannedTar, plan_tar
from vo_service.products.digests import Digests
from vo_service.shown_names import shown_name

_UNSIZED: Final = ServiceError(
    ErrorKind.UNAVAILABLE,
    "Its server does not tell its size, which a tar has to begin with.",
    "It can be had by its own address.",
)


@dataclass(frozen=True, slots=True)
class ReadyTar:
    """A tar about to be sent. ``is_slow``: some of its files have to be fetched or unpacked. ``digests``:
    SHA-256 (hexadecimal) of its files by product_id, where they are known."""

    name: str
    planned: PlannedTar
    is_slow: bool
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NothingOpen:
    """A package of which the viewer may have nothing; ``why`` is a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A tar of which everything is known but the files in the places ``far`` of its package, which lie with
    other servers."""

    asked: Request
    package: Package
    far: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tars:
    """Plans tars of packages, in two steps: the first asks the holdings, the second other servers."""

    packer: Packer
    looks: FarLooks
    digests: Digests

    def begin(self, asked: Request, asker: Asker, cancellation: Cancellation) -> Begun | NothingOpen:
        """The tar of what whoever asks may have. Raises ServiceError: as `Packer.pack`, 400 beyond a
        limit."""
        package = self.packer.pack(asked, asker, cancellation)
        self.packer.require_bearable(package)
        closed = [item for item in package.items if item.is_closed]
        if closed and not package.given:
            return NothingOpen(_closed(closed))
        package = self.packer.looked_at(package, cancellation)
        return Begun(asked, package, tuple(self.packer.far_places(package)))

    def plan(self, begun: Begun, until: float, cancellation: Cancellation) -> ReadyTar:
        """The tar; what is left out is told in it. ``until``: see `Packer.asked_for`. Raises ServiceError: of
        the only identifier what is wrong with it, 404 where several give nothing."""
        package = begun.package
        if begun.far:
            package = self.packer.asked_for(package, begun.far, self.looks, until, cancellation)
        package = replace(package, items=tuple(map(_sized, package.items)))
        _require_anything(package)
        files = {item.path: item.file for item in package.given}
        is_slow = bool(begun.far) or any(file.found.packing for file in files.values())
        text = manifest_text(package, begun.asked)
        planned, known = plan_tar(package.name, text, files), self.digests.known_of(files.values())
        return ReadyTar(package.name, planned, is_slow, known)


def manifest_text(package: Package, asked: Request) -> str:
    """What the package is, its files, and what was left out of it, for people; the same at any time."""
    given = package.given
    left_out = [
        (item.id, item.file.product_id, item.path, item.fault) for item in package.items if item.fault
    ]
    lines = [
        f"Package {package.name}",
        *([f"Query: {shown_name(asked.adql)}"] if asked.adql else []),
        *([f"Rows of the query without an identifier: {package.nulls}"] if package.nulls else []),
        f"Files: {len(given)}, bytes: {package.size}",
        f"Their SHA-256 are in {DIGESTS}: in this folder, sha256sum -c {DIGESTS}",
        "",
        "bytes\tproduct_id\tversion\trole\tpath",
        *(
            f"{file.size_bytes}\t{file.product_id}\t{file.version}\t{file.role}\t{item.path}"
            for item in given
            for file in (item.file,)
        ),
    ]
    if left_out or package.absent:
        lines += ["", "Left out:", "identifier\tproduct_id or data set\tpath\treason"]
        lines += [
            "\t".join((shown_name(each), name, path, _told(fault))) for each, name, path, fault in left_out
        ]
        lines += [
            "\t".join((shown_name(each.id), _did(each), "", _told(each.fault))) for each in package.absent
        ]
    if package.listed:
        lines += ["", "Of these identifiers there are files that came by another one:", "identifier\tother"]
        lines += [f"{shown_name(each.id)}\t{shown_name(each.other)}" for each in package.listed]
    return "\n".join(lines) + "\n"


def _told(fault: ServiceError) -> str:
    return shown_name(link_faulted(fault).replace("\n", " "))


def _did(absent: Absent) -> str:
    return "" if absent.row is None else str(absent.row.get("obs_publisher_did") or "")


def _sized(item: Item) -> Item:
    if item.fault is None and item.file.size_bytes is None:
        return replace(item, fault=_UNSIZED)
    return item


def _closed(items: list[Item]) -> str:
    """Why nothing may be had; of several files what the first of them needs."""
    first = items[0].fault
    why = "" if first is None else first.message
    return why if len(items) == 1 else f"None of {len(items)} files is public. Of the first: {why}"


def _require_anything(package: Package) -> None:
    if package.given:
        return
    faults = [item.fault for item in package.items if item.fault] + [each.fault for each in package.absent]
    if len(faults) == 1:
        raise faults[0]
    if not faults:
        raise ServiceError(ErrorKind.NOT_FOUND, "The query gives no identifier.")
    raise ServiceError(
        ErrorKind.NOT_FOUND,
        f"Of {len(faults)} identifiers and files there is none to be had. The first: {faults[0].message}",
        "/packages/list tells the reason for each of them.",
    )
