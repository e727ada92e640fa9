"""The services that links of one document refer to: their descriptors, and which of them belong to what.

An answer for a few data sets has descriptors of each, with its own limits; one for many shares a set of them,
which take the identifier from column ``target_id`` (DL-035): the rows are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, NamedTuple

from capabilities.datalink import LINKS as STANDARDS
from vo_service.dali.descriptors import InputParam, ServiceDescriptor, write_descriptor
from vo_service.datalink.links import LINKS
from vo_service.holdings.image_view import ImageView
from vo_service.products.datasets import DataSet
from vo_service.products.named import Named, NamedDataSet
from vo_service.products.stored import StoredFile

OWN_LIMITS: Final = 5
"""Data sets of one answer that have descriptors of their own."""
OWN_VIEWS: Final = 2
"""Of these the ones whose images are opened for more limits than their rows tell."""
OWN_TARS: Final = 50
LINKS_1_0: Final = STANDARDS[1]
_KEPT: Final = 256
_TARGET: Final = "target_id"
_IMAGE_TYPES: Final = frozenset(("application/fits", "image/fits", "image/x-fits-gzip", "image/x-fits-fzip"))
_NO_IMAGES: Final = frozenset(("document", "table", "unknown"))

CutServices = Callable[[DataSet, ImageView | None, str, str], tuple[ServiceDescriptor, ...]]
"""The cut-out services of a data set with its limits, the synchronous one first: from the data set, its image
where that is at hand, the address of the service, and what goes behind each XML ID."""
SharedCutServices = Callable[[str, str], tuple[ServiceDescriptor, ...]]
"""The same of any data set: from the address of the service and the ID of the FIELD with identifiers."""
LookAt = Callable[[DataSet], ImageView | None]
"""The image of a data set, where it is at hand and whoever asks may have it."""


class Cuts(NamedTuple):
    """The services of `CutServices` and `SharedCutServices`."""

    own: CutServices
    shared: SharedCutServices


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one document: ``cuts`` by the product_id of the file that they cut, ``tars`` by that of
    the tar; None of either where they are shared by all."""

    cuts: Mapping[str, tuple[ServiceDescriptor, ...]] | None
    tars: Mapping[str, ServiceDescriptor] | None
    shared: tuple[ServiceDescriptor, ...] = ()
    shared_tar: ServiceDescriptor | None = None

    def of_image(self, file: StoredFile) -> tuple[ServiceDescriptor, ...]:
        """The services that make something of the pixels of a file."""
        return self.shared if self.cuts is None else self.cuts.get(file.product_id, ())

    def of_tar(self, file: StoredFile) -> ServiceDescriptor | None:
        """The service that lists the files in a tar."""
        return self.shared_tar if self.tars is None else self.tars.get(file.product_id)

    def resources(self) -> tuple[bytes, ...]:
        """The RESOURCEs behind the table."""
        found = list(self.shared)
        for each in (self.cuts or {}).values():
            found += each
        found += (self.tars or {}).values()
        if self.shared_tar is not None:
            found.append(self.shared_tar)
        return tuple(_written(each) for each in found)


@dataclass(frozen=True, slots=True)
class ServiceChoice:
    """Chooses the services of a document. ``address`` is that of the whole service."""

    cuts: Cuts
    address: str
    look_at: LookAt = field(default=lambda dataset: None)

    def choose(self, answered: Sequence[Named], are_all: bool) -> Services:
        """The services for what is named; ``are_all`` says that nothing else will be in the document."""
        images = list(_images(answered))
        tars = {file.product_id: file for file in _tars(answered)}
        has_own = are_all and len(images) <= OWN_LIMITS
        own_tars = are_all and len(tars) <= OWN_TARS
        return Services(
            self._own(images) if has_own else None,
            {name: self._tar(file) for name, file in tars.items()} if own_tars else None,
            () if has_own else self.cuts.shared(self.address, _TARGET),
            None if own_tars else self._any_tar(),
        )

    def _own(
        self, images: Sequence[tuple[NamedDataSet, StoredFile]]
    ) -> dict[str, tuple[ServiceDescriptor, ...]]:
        found = {}
        for number, (named, file) in enumerate(images, start=1):
            dataset = named.as_dataset(file)
            view = self.look_at(dataset) if len(images) <= OWN_VIEWS else None
            mark = "" if len(images) == 1 else f"-{number}"
            found[file.product_id] = self._told_apart(
                self.cuts.own(dataset, view, self.address, mark), file, len(images)
            )
        return found

    def _told_apart(
        self, services: tuple[ServiceDescriptor, ...], file: StoredFile, count: int
    ) -> tuple[ServiceDescriptor, ...]:
        """Services with the name of the file, where the document has those of several (DL-081)."""
        if count == 1:
            return services
        return tuple(_renamed(each, file.name) for each in services)

    def _tar(self, file: StoredFile) -> ServiceDescriptor:
        """The files in one tar: without parameters, for clients that take the identifier from the address
        (DL-042, DL-101)."""
        return ServiceDescriptor(
            id=f"files-in-{file.product_id}",
            name=f"Files in {file.name}",
            description=f"Links to the files in {file.name}.",
            access_url=f"{self.address}/datalink/sync?ID={file.product_id}",
            standard_id=LINKS_1_0,
            content_type=LINKS,
        )

    def _any_tar(self) -> ServiceDescriptor:
        return ServiceDescriptor(
            id="files-in-tar",
            name="Files in a tar",
            description="Links to the files in a tar.",
            access_url=f"{self.address}/datalink/sync",
            standard_id=LINKS_1_0,
            content_type=LINKS,
            inputs=(InputParam("ID", "char", "*", ucd="meta.id;meta.main", ref=_TARGET),),
        )


@lru_cache(_KEPT)
def _written(service: ServiceDescriptor) -> bytes:
    """Shared services are the same for every answer at one address."""
    return write_descriptor(service)


def has_image(file: StoredFile) -> bool:
    """Whether a file holds pixels that can be shown and cut."""
    return file.fault is None and file.role not in _NO_IMAGES and file.media_type in _IMAGE_TYPES


def principal_of(named: Named) -> list[NamedDataSet]:
    """The data sets that an identifier stands for, without those that were derived from others of them."""
    names = {each.dataset_id for each in named.datasets}
    return [each for each in named.datasets if each.parent not in names]


def cut_of(named: Named) -> list[tuple[NamedDataSet, StoredFile]]:
    """The images that are cut: the file that an identifier names, or those of its principal data sets."""
    files = [(each, named.file or each.science) for each in principal_of(named)]
    return [(each, file) for each, file in files if file is not None and has_image(file)]


def _images(answered: Iterable[Named]) -> Iterable[tuple[NamedDataSet, StoredFile]]:
    """All of them, each file once: in the order of the identifiers, so that the principal one comes first
    (DL-086)."""
    seen = set()
    for named in answered:
        for each, file in cut_of(named):
            if file.product_id not in seen:
                seen.add(file.product_id)
                yield each, file


def _tars(answered: Iterable[Named]) -> Iterable[StoredFile]:
    """The tars among the loose files of members, where the files in them are known."""
    some = (named for named in answered if named.file is None or named.datasets)
    beside = (file for named in some for file in (*named.loose, *named.beside))
    return (file for file in beside if file.held)


def _renamed(service: ServiceDescriptor, name: str) -> ServiceDescriptor:
    return replace(service, name=f"{service.name}, {name}", description=f"{service.description} Of {name}.")
