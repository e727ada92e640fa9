"""What a package holds: the files that identifiers stand for, and why some of them give nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vo_service.access import Viewer
from vo_service.asking.queries import Asker, Queries
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.streams import Cancellation
from vo_service.packages.asking import identifiers_of
from vo_service.packages.far_looks import FarLooks
from vo_service.packages.limits import PackageLimits
from vo_service.packages.naming import package_name, paths_of
from vo_service.packages.request import Request
from vo_service.products.named import Named, NamedDataSet, Row
from vo_service.products.shelf import Closed, Roots, Shelf
from vo_service.products.stored import StoredFile

_CHECKED: Final = 100
"""Files that are looked at between two looks whether anybody still waits."""

_UNANSWERED: Final = ServiceError(
    ErrorKind.UNAVAILABLE,
    "Its server did not tell the state of this file within the time that a request may take.",
    "Ask again later, or for less at a time, or for /packages/script, which fetches files one by one.",
)


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a package: the identifier that it came by, its ``path`` in the package, the data set that it
    belongs to. ``fault``: why it is not given, None where it is; ``is_closed``: because the viewer may not
    have it."""

    id: str
    path: str
    file: StoredFile
    dataset: NamedDataSet | None
    fault: ServiceError | None = None
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """An identifier, or an archive's row that it names, of which there is no file here."""

    id: str
    fault: ServiceError
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class ListedUnder:
    """An identifier of which files came by another one before, ``other``."""

    id: str
    other: str


@dataclass(frozen=True, slots=True)
class Package:
    """What a request comes to, in the order of the package; ``name`` is that of its folder. Each identifier
    is that of an item, or absent, or listed under another. ``nulls``: rows of the query without one.
    ``snapshot``: of which all of it is told, None where a new one came meanwhile."""

    name: str
    items: tuple[Item, ...]
    absent: tuple[Absent, ...]
    listed: tuple[ListedUnder, ...] = ()
    nulls: int = 0
    snapshot: int | None = None

    @property
    def given(self) -> list[Item]:
        """The files that are to be had."""
        return [item for item in self.items if item.fault is None]

    @property
    def size(self) -> int:
        """Bytes of the files that are to be had, as far as they are known."""
        return sum(item.file.size_bytes or 0 for item in self.given)


@dataclass(frozen=True, slots=True)
class Packer:
    """Puts packages together. ``authority`` is that of the identifiers; its methods may block."""

    queries: Queries
    shelf: Shelf
    authority: Callable[[], str]
    limits: PackageLimits

    def pack(self, asked: Request, asker: Asker, cancellation: Cancellation) -> Package:
        """The package, nothing of its files having been touched. Raises ServiceError: 400 for a query that is
        wrong or names too much, 503."""
        before = self.shelf.snapshot()
        ids, nulls = list(asked.ids), 0
        if asked.adql:
            found = identifiers_of(asked, self.limits.identifiers, self.queries, asker, cancellation)
            ids, nulls = found.ids, found.nulls
        named = self.shelf.find_named(ids, self.authority(), asker.base_url)
        items, absent, listed = _sorted_out(asked, named)
        paths = paths_of(
            {name: item.file for name, item in items.items()},
            {item.dataset.dataset_id: _project(item.dataset) for item in items.values() if item.dataset},
        )
        uids = sorted({item.file.member for item in items.values() if item.file.member})
        return Package(
            package_name(ids, uids, items),
            tuple(
                self._judged(replace(items[name], path=path), asker.viewer) for name, path in paths.items()
            ),
            tuple(absent),
            listed,
            nulls,
            before if before == self.shelf.snapshot() else None,
        )

    def require_bearable(self, package: Package) -> None:
        """Raises ServiceError (400) for one that is more than a tar or a script may hold."""
        limits = self.limits
        for count, most, what in (
            (len(package.items), limits.files, "files"),
            (package.size, limits.bytes, "bytes"),
        ):
            if count > most:
                raise usage(
                    f"The package would have {count} {what}; the most that this service packs is {most}.",
                    "Ask for less at a time: by project or member, or with ROLE=cube for example.",
                )

    def looked_at(self, package: Package, cancellation: Cancellation, most: int | None = None) -> Package:
        """The package with what can be told of its first ``most`` files of this machine: whether they are
        still those that were ingested."""
        roots = self.shelf.roots()
        items = list(package.items)
        near = [
            place
            for place, item in enumerate(items[:most])
            if item.fault is None and not is_far(item.file, roots)
        ]
        for number, place in enumerate(near):
            if number % _CHECKED == 0 and cancellation.requested:
                break
            items[place] = self._looked_at(items[place], roots)
        return replace(package, items=tuple(items))

    def far_places(self, package: Package) -> list[int]:
        """Which of its files that are to be had lie with other servers. Raises ServiceError (400) where there
        are more of those than are asked for."""
        roots = self.shelf.roots()
        items = enumerate(package.items)
        far = [place for place, item in items if item.fault is None and is_far(item.file, roots)]
        if len(far) > self.limits.far_files:
            raise usage(
                f"The package would have {len(far)} files that lie with other servers; the most that this"
                f" service packs is {self.limits.far_files}.",
                "Ask for less at a time, or for /packages/script, which fetches them one by one.",
            )
        return far

    def asked_for(
        self,
        package: Package,
        far: Sequence[int],
        looks: FarLooks,
        until: float,
        cancellation: Cancellation,
    ) -> Package:
        """The same of the files in the places ``far``, of each of which its server is asked; 503 for those of
        which it has not answered at the time ``until`` (of `time.monotonic`)."""
        roots = self.shelf.roots()
        items = list(package.items)
        asked = [items[place] for place in far]
        for place in far:
            items[place] = replace(items[place], fault=_UNANSWERED)
        for number, item in looks.each(asked, lambda item: self._looked_at(item, roots), until, cancellation):
            items[far[number]] = item
        return replace(package, items=tuple(items))

    def _looked_at(self, item: Item, roots: Roots) -> Item:
        try:
            self.shelf.open_source(item.file, roots).close()
        except ServiceError as fault:
            return replace(item, fault=fault)
        return item

    def _judged(self, item: Item, viewer: Viewer) -> Item:
        """The gate (design 4.3)."""
        try:
            self.shelf.require_open(item.file, viewer)
        except Closed as closed:
            return replace(item, fault=ServiceError(ErrorKind.FORBIDDEN, closed.why), is_closed=True)
        return item


def is_far(file: StoredFile, roots: Roots) -> bool:
    """Whether a file lies with another server, so that each look at it costs a request."""
    return isinstance(roots.get(file.found.root), str)


def _sorted_out(
    asked: Request, named: Sequence[Named]
) -> tuple[dict[str, Item], list[Absent], tuple[ListedUnder, ...]]:
    """The files, each once, by their names; what gives none; what gives some that another gave before."""
    items: dict[str, Item] = {}
    absent: list[Absent] = []
    listed: dict[ListedUnder, None] = {}
    for each in named:
        if each.fault is not None:
            absent.append(Absent(each.text, each.fault))
            continue
        datasets = {dataset.dataset_id: dataset for dataset in each.datasets}
        wanted = [file for file in each.files if asked.wants(file.role, file.is_primary)]
        for file in wanted:
            item = Item(each.text, "", file, datasets.get(file.dataset_id or ""))
            first = items.setdefault(file.product_id, item)
            if first.id != each.text:
                listed[ListedUnder(each.text, first.id)] = None
        absent += [Absent(each.text, _elsewhere(), row) for row in each.archive]
        if not wanted and not each.archive:
            absent.append(Absent(each.text, _of_other_roles()))
    return items, absent, tuple(listed)


def _elsewhere() -> ServiceError:
    return ServiceError(ErrorKind.NOT_FOUND, "The archive has these data; no file of them is held here.")


def _of_other_roles() -> ServiceError:
    return ServiceError(ErrorKind.NOT_FOUND, "It has no file of the roles that are wanted.")


def _project(dataset: NamedDataSet) -> str:
    return str(dataset.row.get("proposal_id") or "")
