"""The files below the roots against those that the snapshot lists: new, changed, gone, to be tried again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from vo_service.holdings.contents import LARGEST_BYTES, SMALL_BYTES, Content
from vo_service.holdings.discover import Unreachable
from vo_service.holdings.found_files import FOUND_COLUMNS, found_file
from vo_service.holdings.group import Place, place_of
from vo_service.holdings.members import TarNote, is_tar, is_tar_name, list_members
from vo_service.holdings.records import FoundFile, Product
from vo_service.holdings.reports import Progress
from vo_service.holdings.roots import AnyRoot, Listed, Naming
from vo_service.store import Catalogue, RootPlace, Snapshot

PASSING = frozenset({"permission", "changed", "unreadable", "internal"})
"""Classes of errors that may pass without a change of the file: such files are tried at every ingest."""

ERROR_CLASSES = tuple(
    sorted(
        PASSING
        | {"bad_header", "bad_wcs", "no_pixels", "no_valid_pixels", "outside"}
        | {"not_fits", "not_gzip", "too_large", "truncated"}
    )
)
"""Classes of errors that a file can have (``error_class`` of ``holdings.product``, of its pixels of
``holdings.measurement``, and in the run log of what could not be taken at all)."""


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
    are tried once more. ``tars``: those whose headers were read; ``closed``: those that could not be;
    ``unopened``: those that needed not be. ``stated``: digests (SHA-256, hexadecimal) that a manifest gives.
    """

    fresh: list[FoundFile] = field(default_factory=list)
    again: list[FoundFile] = field(default_factory=list)
    unchanged: int = 0
    gone: list[Known] = field(default_factory=list)
    problems: list[Unreachable] = field(default_factory=list)
    known: dict[Place, Known] = field(default_factory=dict)
    tars: dict[Place, TarNote] = field(default_factory=dict)
    closed: set[Place] = field(default_factory=set)
    unopened: set[Place] = field(default_factory=set)
    stated: dict[Place, str] = field(default_factory=dict)

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


_COLUMNS = [
    *FOUND_COLUMNS,
    *"product_id dataset_id is_primary version member_ous_uid error_class error_message _sha256".split(),
]


def known_files(base: Snapshot | None) -> dict[Place, Known]:
    """The files that the snapshot lists, by place."""
    if base is None:
        return {}
    known = {}
    for row in base.read("holdings.product", _COLUMNS).to_pylist():
        file = found_file(row)
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
    """Paths and sizes by root, of files that are no members of others."""
    listed: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for each in known:
        if each.file.container is None:
            listed[each.file.root].append((each.file.path, each.file.size_bytes))
    return listed


def compare(
    naming: Naming,
    known: dict[Place, Known],
    retry: Collection[str],
    progress: Progress,
    to_open: Collection[Place] = (),
) -> Comparison:
    """Compare the files below the roots with those that are ``known``.

    Failed files whose class of error is one of ``retry``, or may have passed by itself, are to be tried
    again. What lies below a folder, or in a tar, that could not be read is taken as still there, and so is
    all that lies where there is no file at all any more. A tar that has not changed is not opened, unless it
    is one of those ``to_open``.
    """
    comparison = Comparison(known=known)
    sorter = _Sorter(comparison, PASSING | set(retry), to_open)
    for root in naming.roots:
        comparison.stated |= root.stated()
        is_empty = True
        for each in root.files():
            if isinstance(each, Unreachable):
                comparison.problems.append(each)
                continue
            is_empty = False
            if root.owns(each.path):
                sorter.take(each, root.directory)
                progress("discovering", len(sorter.found), None)
        lost = _count_gone(root, comparison) if is_empty else 0
        if lost:
            comparison.problems.append(_emptied(root, lost))
    for place, listed in known.items():
        if listed.file.root in naming.leaving or (
            place not in sorter.found and _is_gone(listed.file, naming.roots, comparison)
        ):
            comparison.gone.append(listed)
    return comparison


def _count_gone(root: AnyRoot, comparison: Comparison) -> int:
    """How many listed files would leave the holdings if the root held none."""
    return sum(
        each.file.root == root.name and _is_gone(each.file, (root,), comparison)
        for each in comparison.known.values()
    )


def _emptied(root: AnyRoot, lost: int) -> Unreachable:
    """An empty place that held files may be a disk that is away, or a page of a server that is no list."""
    files = "the file that is listed here" if lost == 1 else f"the {lost} files that are listed here"
    cure = f"`vo-service ingest --withdraw {root.name}` takes the root out"
    if root.place != ".":
        cure = f"an ingest of the whole root takes them out, and {cure}"
    message = (
        f"there is no file any more, of {files}: they stay listed, for a disk or server may only be away"
    )
    return Unreachable(root.name, root.place, "unreadable", f"{message}; {cure}")


class _Sorter:
    """Sorts what is found into a comparison, and the files of a tar with it."""

    def __init__(self, comparison: Comparison, tried: Collection[str], to_open: Collection[Place]) -> None:
        self.comparison = comparison
        self.tried = tried
        self.to_open = to_open
        self.found: set[Place] = set()
        self.members: dict[Place, list[Known]] = defaultdict(list)
        for known in comparison.known.values():
            if known.file.container is not None:
                self.members[known.file.root, known.file.container].append(known)

    def take(self, file: FoundFile, directory: RootPlace) -> None:
        """A file that was found in the directory, or below the URL, of its root."""
        place = (file.root, file.path)
        as_listed = self._sort_in(file)
        members = self.members.get(place, ())
        if as_listed and place not in self.to_open and (members or not is_tar_name(file.path)):
            self.comparison.unopened.add(place)
            for member in members:
                self._sort_in(member.file)
        elif is_tar(file, directory):
            self._open(file, directory)

    def _open(self, tar: FoundFile, directory: RootPlace) -> None:
        listing = list_members(tar, directory)
        self.comparison.tars[tar.root, tar.path] = listing.note
        self.comparison.problems += listing.problems
        if listing.is_closed:
            self.comparison.closed.add((tar.root, tar.path))
        for member in listing.members:
            self._sort_in(member)

    def _sort_in(self, file: FoundFile) -> bool:
        """Whether it is as it is listed, and not to be tried again."""
        place = (file.root, file.path)
        self.found.add(place)
        known = self.comparison.known.get(place)
        if known is None or known.file != file:
            self.comparison.fresh.append(file)
        elif known.error is not None and known.error[0] in self.tried:
            self.comparison.again.append(file)
        else:
            self.comparison.unchanged += 1
            return True
        return False


def _is_gone(file: FoundFile, roots: Sequence[AnyRoot], comparison: Comparison) -> bool:
    """Whether the run looked where the file was and did not find it."""
    if file.container is not None and (file.root, file.container) in comparison.closed:
        return False
    looked = any(root.name == file.root and root.covers(file.path) for root in roots)
    return looked and not is_hidden(file, comparison)


def is_hidden(file: FoundFile | Unreachable, comparison: Comparison) -> bool:
    """Whether it is, or lies below, what the run could not look at."""
    return any(
        problem.root == file.root
        and (problem.path == "." or file.path == problem.path or file.path.startswith(f"{problem.path}/"))
        for problem in comparison.problems
    )


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
