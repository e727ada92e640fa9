"""Links to files and to what is made of their pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from vo_service.dali.descriptors import ServiceDescriptor
from vo_service.datalink.links import LINKS, THIS, Gate, Link
from vo_service.datalink.meanings import Meaning, meaning_of
from vo_service.datalink.services import Services
from vo_service.products.stored import StoredFile

_PNG = "image/png"
_VOTABLE = "application/x-votable+xml"
_HIPS = "application/hips"
_REPAIRS = "SELECT * FROM holdings.repair WHERE product_id = '{}' ORDER BY repair_id"


@dataclass(frozen=True, slots=True)
class Document:
    """What all links of one answer are made with: the ``address`` of the whole service, who asks, the
    services that the answer describes, and the pixels up to which a plane has a tree of tiles."""

    address: str
    gate: Gate
    services: Services
    tree_pixels: int

    def file(
        self, file: StoredFile, semantics: str | None = None, about: str = "", qualifier: str | None = None
    ) -> Link:
        """A file as it is stored; ``semantics`` where it is not what its role tells, ``about`` words about
        what it is of."""
        meaning = meaning_of(file)
        return Link(
            semantics or meaning.semantics,
            _told(meaning, file, about),
            access_url=f"{self.address}/files/{file.product_id}",
            content_type=file.media_type,
            content_length=file.size_bytes,
            qualifier=qualifier or meaning.qualifier,
            local=meaning.name,
            access=self.gate.of(file),
            target=file.product_id,
        )

    def loose(self, file: StoredFile, semantics: str | None = None) -> Iterator[Link]:
        """A file of no data set, and where it is a tar whose files are known, these."""
        yield self.file(file, semantics)
        service = self.services.of_tar(file) if file.held else None
        if service is not None:
            meaning = meaning_of(file)
            yield Link(
                semantics or meaning.semantics,
                f"The files in {file.name}",
                service_def=service.id,
                content_type=LINKS,
                local=f"{meaning.name}-files",
                access=self.gate.metadata,
                target=file.product_id,
            )

    def pictures(self, name: str, file: StoredFile, about: str, is_cube: bool) -> Iterator[Link]:
        """The quick looks of a data set, or of one of its files, of that name."""
        place = f"{self.address}/previews/{name}"
        kinds = [
            ("#preview", f"{place}.png", "preview", "Picture"),
            ("#thumbnail", f"{place}/thumbnail.png", "thumbnail", "Small picture"),
        ]
        if is_cube:
            kinds += [
                ("#preview-plot", f"{place}/spectrum.png", "spectrum-preview", "Plot of the spectrum"),
                ("#preview-image", f"{place}/moment0.png", "moment0-preview", "Picture of the intensity"),
            ]
        access = self.gate.of(file)
        for semantics, url, local, label in kinds:
            yield Link(
                semantics,
                f"{label}{about}: {file.name}",
                access_url=url,
                content_type=_PNG,
                local=local,
                access=access,
                target=name,
            )

    def tree(self, name: str, file: StoredFile, about: str, row: Mapping[str, Any]) -> Iterator[Link]:
        """The tree of tiles (HiPS) of a data set that has a place on the sky, if its planes are not too large
        (HIPS-119)."""
        columns, rows = row.get("s_xel1"), row.get("s_xel2")
        if row.get("s_ra") is None or columns is None or rows is None:
            return
        if columns * rows > self.tree_pixels:
            return
        yield Link(
            "#derivation",
            f"Tree of tiles (HiPS){about}: {file.name}",
            access_url=f"{self.address}/hips/{name}",
            content_type=_HIPS,
            local="hips",
            access=self.gate.of(file),
            target=name,
        )

    def cuts(
        self, target: str, file: StoredFile, about: str, qualifier: str | None, is_cube: bool
    ) -> Iterator[Link]:
        """The header of an image, and the services that make something of its pixels. ``target``: what they
        take as ID."""
        access = self.gate.of(file)
        header = urlencode({"ID": target, "HEADER": "1"})
        yield Link(
            "#detached-header",
            f"FITS header as text{about}: {file.name}",
            access_url=f"{self.address}/soda/sync?{header}",
            content_type="text/plain",
            local="header",
            access=access,
            target=target,
        )
        for service in self.services.of_image(file):
            made = _made(service)
            if made in ("moment", "spectrum") and not is_cube:
                continue
            is_cut = service.standard_id is not None
            yield Link(
                "#cutout" if is_cut else "#proc",
                f"{service.name.partition(',')[0]}{about}: {file.name}",
                service_def=service.id,
                content_type=service.content_type or "application/fits",
                qualifier=_qualifier(made, qualifier),
                local=made,
                access=access,
                target=target,
            )

    def story(self, file: StoredFile) -> Link:
        """What was put right when the file was taken in: its rows of ``holdings.repair``."""
        asked = urlencode({"LANG": "ADQL", "QUERY": _REPAIRS.format(file.product_id)})
        return Link(
            "#documentation",
            f"What this archive put right in the description of {file.name}, and why",
            access_url=f"{self.address}/tap/sync?{asked}",
            content_type=_VOTABLE,
            local="repairs",
            access=self.gate.metadata,
            target=file.product_id,
        )

    def more(self, identifier: str, description: str, local: str, semantics: str = "#coderived") -> Link:
        """The links of another identifier."""
        return Link(
            semantics,
            description,
            access_url=f"{self.address}/datalink/sync?ID={quote(identifier, safe='')}",
            content_type=LINKS,
            local=local,
            access=self.gate.metadata,
            target=identifier,
        )

    def package(self, identifier: str, what: str, files: tuple[StoredFile, ...]) -> Iterator[Link]:
        """All files in one tar, and the list of them."""
        access = self.gate.of_all(files)
        asked = quote(identifier, safe="")
        yield Link(
            "#package",
            f"{what} in one tar",
            access_url=f"{self.address}/packages/tar?ID={asked}",
            content_type="application/x-tar",
            local="package",
            access=access,
            target=identifier,
        )
        yield Link(
            "#documentation",
            f"List of the files: {what}, with sizes and digests",
            access_url=f"{self.address}/packages/list?ID={asked}",
            content_type=_VOTABLE,
            local="package-list",
            access=self.gate.metadata,
            target=identifier,
        )


def this_of_file(document: Document, file: StoredFile, members: tuple[StoredFile, ...]) -> Iterator[Link]:
    """The links of a file of no data set: of a tar the files in it, and then the tar itself (DL-051)."""
    if not members:
        yield document.file(file, THIS)
    for member in members:
        yield document.file(member, THIS)
    if members:
        yield document.file(file, "#package")
    if file.member is not None:
        yield document.more(file.member, f"All of member {file.member}", "member")


def _told(meaning: Meaning, file: StoredFile, about: str) -> str:
    told = f"{meaning.label}{about}: {file.name}"
    return told if file.fault is None else f"{told} (cannot be described: {' '.join(file.fault.split())})"


def _made(service: ServiceDescriptor) -> str:
    """What a service makes, by its XML ID."""
    name = (service.id or "").removeprefix("soda-").partition("-")[0]
    return {"sync": "cutout", "async": "cutout-job", "header": "cutout-header"}.get(name, name)


def _qualifier(made: str, own: str | None) -> str | None:
    """The type of product that comes (DL-044)."""
    return {"moment": "#image", "spectrum": "#spectrum", "cutout-header": None}.get(made, own)
