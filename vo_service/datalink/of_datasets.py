"""Links of data sets: the file, its pictures, what goes with it, what was or can be made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.datalink.links import THIS, Link, fault_link
from vo_service.datalink.of_archives import archive_links, papers
from vo_service.datalink.of_files import Document
from vo_service.datalink.services import has_image, principal_of
from vo_service.products.named import Named, NamedDataSet, Row
from vo_service.products.stored import StoredFile
from vo_service.spectral import C

LOOSE_MOST: Final = 100
"""Files of a member that the links of one of its data sets name; beyond that the links of the member do."""


def dataset_links(document: Document, named: Named) -> Iterator[Link]:
    """The links of one data set."""
    (found,) = named.datasets
    science = found.science
    if science is None:
        yield _without_file(found)
    else:
        yield from _of_science(document, found, science)
    yield from _kin(document, found)
    yield from _of_member(document, found, named.beside)
    if science is not None and len(found.files) > 1:
        yield from document.package(found.dataset_id, f"All files of {found.dataset_id}", found.files)
    yield from papers(found.row)
    yield from archive_links(found.archive)


def companion_links(document: Document, named: Named, file: StoredFile) -> Iterator[Link]:
    """The links of a file that is one of a data set, and not the data set itself."""
    (found,) = named.datasets
    about = about_of(found)
    yield document.file(file, THIS, about)
    if has_image(file):
        yield from document.pictures(file.product_id, file, about, is_cube=False)
        yield from document.cuts(file.product_id, file, about, None, is_cube=False)
    yield document.more(found.dataset_id, f"The data set of this file: {found.dataset_id}", "dataset")
    yield document.story(file)


def member_links(document: Document, named: Named) -> Iterator[Link]:
    """The links of a member: every file of it, the science data first (DL-030, DL-033)."""
    principal = principal_of(named)
    derived = [each for each in named.datasets if each not in principal]
    for found in principal:
        science = found.science
        yield from _of_science(document, found, science) if science else (_without_file(found),)
        yield from _companions(document, found)
    for found in derived:
        for file in found.files:
            yield document.file(file, about=about_of(found))
    for file in named.loose:
        yield from document.loose(file)
    if named.files:
        yield from document.package(named.text.strip(), "All files of the member", named.files)
    for row in _distinct(each.row for each in named.datasets):
        yield from papers(row)
    yield from archive_links(row for each in named.datasets for row in each.archive)


def about_of(found: NamedDataSet) -> str:
    """The words that tell a data set from others: its target, windows and frequencies (DL-037)."""
    row = found.row
    parts = []
    if row.get("target_name"):
        parts.append(f"of {row['target_name']}")
    if found.windows:
        parts.append(f"spw {found.windows}")
    if row.get("em_min") and row.get("em_max"):
        parts.append(f"{C / row['em_max'] / 1e9:.3f}-{C / row['em_min'] / 1e9:.3f} GHz")
    return f" {', '.join(parts)}" if parts else ""


def qualifier_of(found: NamedDataSet) -> str | None:
    """The type of product, as the vocabulary has it (DL-044)."""
    kind = found.row.get("dataproduct_type")
    return f"#{kind}" if kind in ("image", "cube", "spectrum") else None


def _of_science(document: Document, found: NamedDataSet, science: StoredFile) -> Iterator[Link]:
    about, qualifier = about_of(found), qualifier_of(found)
    yield document.file(science, THIS, about, qualifier)
    if has_image(science):
        if not found.is_empty:
            yield from document.pictures(found.dataset_id, science, about, found.is_cube)
            yield from document.tree(found.dataset_id, science, about, found.row)
        yield from document.cuts(found.did, science, about, qualifier, found.is_cube)
    yield document.story(science)


def _companions(document: Document, found: NamedDataSet) -> Iterator[Link]:
    for file in found.files:
        if not file.is_primary:
            yield document.file(file, about=about_of(found))


def _kin(document: Document, found: NamedDataSet) -> Iterator[Link]:
    """The files that go with the data set, what was made of it, and what it was made from."""
    yield from _companions(document, found)
    for file in found.derived_files:
        yield document.file(file, about=about_of(found))
    if found.parent_file is not None:
        yield document.file(found.parent_file, "#progenitor")


def _of_member(document: Document, found: NamedDataSet, beside: tuple[StoredFile, ...]) -> Iterator[Link]:
    """Documents, scripts and tables of the member, and all else of it behind one link."""
    for file in beside[:LOOSE_MOST]:
        yield from document.loose(file)
    if found.member is not None:
        yield document.more(found.member, f"All of member {found.member}", "member")


def _without_file(found: NamedDataSet) -> Link:
    told = "The holdings have no file that is this data set."
    return fault_link(ServiceError(ErrorKind.NOT_FOUND, told), found.did)


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """Rows with different papers."""
    return list({str(row.get("bib_reference")): row for row in rows}.values())
