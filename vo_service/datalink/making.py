"""The links of whatever an identifier names."""

from __future__ import annotations

from collections.abc import Iterator

from vo_service.datalink.links import THIS, Link, fault_link
from vo_service.datalink.of_archives import row_links
from vo_service.datalink.of_datasets import companion_links, dataset_links, member_links
from vo_service.datalink.of_files import Document, this_of_file
from vo_service.products.named import Named


def links_of(document: Document, named: Named) -> list[Link]:
    """All links of an identifier, at least one, those with the data themselves first (DL-003, DL-030)."""
    found = dict.fromkeys(_links(document, named))  # each link once
    return sorted(found, key=lambda link: link.semantics != THIS)


def _links(document: Document, named: Named) -> Iterator[Link]:
    if named.fault is not None:
        yield fault_link(named.fault)
    elif named.file is not None and not named.datasets:
        yield from this_of_file(document, named.file, named.members)
    elif named.file is not None and not named.file.is_primary:
        yield from companion_links(document, named, named.file)
    elif named.is_member:
        yield from member_links(document, named)
    elif named.datasets:
        yield from dataset_links(document, named)
    yield from row_links(named.archive)
