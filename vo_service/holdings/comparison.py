"""The files below the roots against those that the snapshot lists: new, changed, gone, to be tried again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from vo_service.holdings.contents import LARGEST_BYTES, SMALL_BYTES, Content
from vo_service.holdings.discover import Unreachable, discover
from vo_service.holdings.group import Place, place_of
from vo_service.holdings.records import FoundFile, Product
from vo_service.holdings.reports import Progress
from vo_service.holdings.roots import Listed, Naming, Root
from vo_service.store import Catalogue, Snapshot

PASSING = frozenset({"permission", "changed", "unreadable", "internal"})
"""Classes of errors that may pass without a change of the file: such files are tried at every ingest."""

ERROR_CLASSES = tuple(
    sorted(PASSING | {"bad_header", "bad_wcs", "no_pixels", "not_fits", "not_gzip", "truncated"})
)
"""Classes of errors that a file can have (``holdings.product.error_class``)."""


@dataclass(frozen=True, slots=True)
class Known:
    """A file as the current snapshot lists it. ``unit`` is the member uid, else root and folder."""

    file: FoundFile
    product_id: str
    version: int
    unit: str
    dataset_id: str | None = None
    is_primary: bool = False
    error: tuple[str, str] | None = None  # class and message
    sha256: str | None = None

    @property
    def place(self) -> Place:
        """Root and path."""
        return self.file.root, self.file.path

    @property
    def content(self) -> Content:
        """What is known of its bytes."""
        return Content(self.file.size_bytes, self.file.modified_ns, self.sha256)


@dataclass(slots=True)
class Comparison:
    """What discovery found against what the snapshot lists. ``again``: unchanged files that had failed and
    are tried once more."""

    fresh: list[FoundFile] = field(default_factory=list)
    again: list[FoundFile] = field(default_factory=list)
    unchanged: int = 0
    gone: list[Known] = field(default_factory=list)
    problems: list[Unreachable] = field(default_factory=list)
    known: dict[Place, Known] = field(default_factory=dict)

    @property
    def to_read(self) -> list[FoundFile]:
        """The files to describe."""
        return [*self.fresh, *self.again]

    def failed_as_before(self, product: Product) -> bool:
        """Whether a file that was tried again has failed with the same error."""
        known = self.known.get(place_of(product))
        if known is None or known.file != product.file or product.error_kind is None:
            return False
        return known.error == (product.error_kind, product.error_message)


_COLUMNS = (
    "root path product_id dataset_id is_primary version size_bytes member_ous_uid error_class error_message "
    "_modified_ns _sha256"
).split()


def known_files(base: Snapshot | None) -> dict[Place, Known]:
    """The files that the snapshot lists, by place."""
    if base is None:
        return {}
    known = {}
    for row in base.read("holdings.product", _COLUMNS).to_pylist():
        file = FoundFile(row["root"], row["path"], row["size_bytes"], row["_modified_ns"])
        folder = PurePosixPath(file.path).parent.as_posix()
        unit = row["member_ous_uid"] if row["member_ous_uid"] is not None else f"{file.root}:{folder}"
        known[file.root, file.path] = Known(
            file,
            row["product_id"],
            row["version"],
            unit,
            row["dataset_id"],
            bool(row["is_primary"]),
            None if row["error_class"] is None else (row["error_class"], row["error_message"]),
            row["_sha256"],
        )
    return known


def listed_files(known: Iterable[Known]) -> Listed:
    """Paths and sizes by root."""
    listed: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for each in known:
        listed[each.file.root].append((each.file.path, each.file.size_bytes))
    return listed


def compare(
    naming: Naming, known: dict[Place, Known], retry: Collection[str], progress: Progress
) -> Comparison:
    """Compare the files below the roots with those that are ``known``.

    Failed files whose class of error is one of ``retry``, or may have passed by itself, are to be tried
    again. What lies below a folder that could not be read is taken as still there.
    """
    comparison = Comparison(known=known)
    tried = PASSING | set(retry)
    found: set[Place] = set()
    for root in naming.roots:
        for each in discover(root.start, root.name):
            if isinstance(each, Unreachable):
                comparison.problems.append(replace(each, path=root.below(each.path)))
                continue
            file = replace(each, path=root.below(each.path))
            if not root.owns(file.path):
                continue
            found.add((file.root, file.path))
            _sort_in(comparison, file, tried)
            progress("discovering", len(found), None)
    for place, listed in known.items():
        if listed.file.root in naming.leaving or (
            place not in found and _is_gone(listed.file, naming.roots, comparison.problems)
        ):
            comparison.gone.append(listed)
    return comparison


def _sort_in(comparison: Comparison, file: FoundFile, tried: Collection[str]) -> None:
    known = comparison.known.get((file.root, file.path))
    if known is None or known.file != file:
        comparison.fresh.append(file)
    elif known.error is not None and known.error[0] in tried:
        comparison.again.append(file)
    else:
        comparison.unchanged += 1


def _is_gone(file: FoundFile, roots: Sequence[Root], problems: Iterable[Unreachable]) -> bool:
    """Whether the run looked where the file was and did not find it."""
    looked = any(root.name == file.root and root.covers(file.path) for root in roots)
    hidden = any(
        problem.root == file.root
        and (problem.path == "." or file.path == problem.path or file.path.startswith(f"{problem.path}/"))
        for problem in problems
    )
    return looked and not hidden


def seek_digests(comparison: Comparison, catalogue: Catalogue) -> frozenset[Place]:
    """Places of large files that are worth reading whole: their size is as it was, the digest of what they
    held is known, from an earlier run or since the service has served them. Fills it in there.
    """
    sought = set()
    for file in comparison.fresh:
        known = comparison.known.get((file.root, file.path))
        if known is None or file.size_bytes != known.file.size_bytes:
            continue
        if known.sha256 is None:
            former = catalogue.find_digest(
                known.product_id, known.version, known.file.size_bytes, known.file.modified_ns
            )
            known = comparison.known[known.place] = replace(known, sha256=former)
        if known.sha256 is not None and SMALL_BYTES < file.size_bytes <= LARGEST_BYTES:
            sought.add(known.place)
    return frozenset(sought)
