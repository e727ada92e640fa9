"""Ingest roots: directories with names that outlive a move.

Published paths are relative to a root (design 4.7). A path that lies within a known root belongs to it. A
directory that is new takes the name given; without one it is looked at whether it is a known root that has
moved: one whose own directory is gone and whose files lie here. Else it is called after itself.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TypeAlias

from vo_service.holdings.discover import Unreachable, discover
from vo_service.holdings.group import Place
from vo_service.holdings.manifest import ManifestEntry
from vo_service.holdings.records import FoundFile
from vo_service.holdings.remote_roots import (
    RemoteRoot,
    UrlMistake,
    is_url,
    name_of_url,
    place_entries,
    place_root,
)
from vo_service.store import Catalogue, RootPlace

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_LOOKED_AT = 500  # listed files, evenly spread, that are looked for in a directory
_GOOD_PART = 0.5

Listed = Mapping[str, Sequence[tuple[str, int]]]
"""The files that the holdings list, by root: relative path and size."""


class RootError(ValueError):
    """A path or name that cannot be ingested as it is: the text says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Root:
    """``directory`` is named ``name``; this run looks below ``start``, a directory or a file within it.

    ``nested`` are directories (relative, POSIX) below it that are roots of their own: their files are theirs.
    """

    name: str
    directory: Path
    start: Path
    nested: tuple[str, ...] = ()

    def files(self) -> Iterator[FoundFile | Unreachable]:
        """The files where the run looks, with paths relative to the root, and what could not be reached."""
        for each in discover(self.start, self.name):
            yield replace(each, path=self._below(each.path))

    def stated(self) -> dict[Place, str]:
        """Digests that were given with the files: none."""
        return {}

    @property
    def place(self) -> str:
        """Where the run looks, relative to the root; ``.`` for all of it."""
        return self.start.relative_to(self.directory).as_posix()

    def _below(self, path: str) -> str:
        """A path relative to where the run looks, as a path relative to the root."""
        looked = self.start if self.start.is_dir() else self.start.parent
        inner = looked.relative_to(self.directory).as_posix()
        if inner == ".":
            return path
        return inner if path == "." else f"{inner}/{path}"

    def owns(self, path: str) -> bool:
        """Whether a file of that path relative to the root is its own, and not that of a nested root."""
        return not any(path.startswith(f"{folder}/") for folder in self.nested)

    def covers(self, path: str) -> bool:
        """Whether the run looks at the file of that path relative to the root."""
        inner = self.start.relative_to(self.directory).as_posix()
        return inner == "." or path == inner or path.startswith(f"{inner}/")


AnyRoot: TypeAlias = Root | RemoteRoot


@dataclass(frozen=True, slots=True)
class Naming:
    """The roots that a run looks at; those whose files leave the holdings, either because the operator
    withdrew them or because their directory bears another name now; and what the operator should know."""

    roots: tuple[AnyRoot, ...]
    withdrawn: frozenset[str] = frozenset()
    renamed: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()

    @property
    def leaving(self) -> frozenset[str]:
        """Names that are no roots any more once the run is published."""
        return self.withdrawn | self.renamed


def name_roots(
    paths: Sequence[Path | str],
    wanted: str | None,
    catalogue: Catalogue,
    listed: Listed,
    withdraw: Collection[str] = (),
    entries: Sequence[ManifestEntry] = (),
) -> Naming:
    """The roots of this run, remembered in the catalogue; the roots ``withdraw`` count as unknown. ``paths``
    are directories and files, or URLs of such (text); ``entries`` are files that a manifest lists.

    Raises RootError for a path that does not exist, an unfit name, one name for several directories, a root
    to withdraw that is not there, a directory that may be either of two moved roots, a URL that is none or
    holds a secret.
    """
    every = dict(catalogue.roots())
    urls = [text for path in paths if is_url(text := str(path))]
    local = [Path(path) for path in paths if not is_url(str(path))]
    _check_call(local, len(paths) + bool(entries), wanted, every.keys() | listed.keys(), withdraw)
    every = {name: held for name, held in every.items() if name not in withdraw}
    remote = _name_remote(urls, entries, wanted, every, catalogue)
    naming = _name_local(local, wanted, every, catalogue, listed, withdraw)
    ours = {root.name for root in remote}
    places = {root.directory for root in remote}
    renamed = {name for name, held in every.items() if held in places and name not in ours}
    return replace(
        naming,
        roots=(*naming.roots, *remote),
        withdrawn=naming.withdrawn - ours,
        renamed=naming.renamed | renamed,
    )


def _name_remote(
    urls: Sequence[str],
    entries: Sequence[ManifestEntry],
    wanted: str | None,
    every: dict[str, RootPlace],
    catalogue: Catalogue,
) -> list[RemoteRoot]:
    """The roots of URLs and of what a manifest lists; adds them to ``every`` known root."""
    roots: dict[RemoteRoot, None] = {}
    for url in (*urls, None):
        known = {name: held for name, held in every.items() if isinstance(held, str)}
        try:
            found = place_entries(entries, wanted, known) if url is None else [place_root(url, wanted, known)]
        except UrlMistake as error:
            raise RootError(str(error)) from error
        for root in found:
            if isinstance(every.get(root.name), Path):
                raise RootError(f"the root {root.name} is a directory: give the files of a URL another name")
            if not root.name:
                root = replace(root, name=_unused(name_of_url(root.directory), every))
            catalogue.register_root(root.name, root.directory)
            every[root.name] = root.directory
            roots[root] = None
    return [_with_nested_urls(root, every) for root in roots if not any(map(root.repeats, roots))]


def _with_nested_urls(root: RemoteRoot, every: Mapping[str, RootPlace]) -> RemoteRoot:
    above = f"{root.directory}/"
    inner = [
        held.removeprefix(above)
        for held in every.values()
        if isinstance(held, str) and held.startswith(above)
    ]
    return replace(root, nested=tuple(sorted(inner)))


def _unused(wish: str, every: Collection[str]) -> str:
    """A fit name like the one wished for that no root has."""
    own = _UNFIT.sub("-", wish).strip("-") or "root"
    return next(name for n in count(1) if (name := own if n == 1 else f"{own}-{n}") not in every)


def _name_local(
    paths: Sequence[Path],
    wanted: str | None,
    every: Mapping[str, RootPlace],
    catalogue: Catalogue,
    listed: Listed,
    withdraw: Collection[str],
) -> Naming:
    known = {name: held for name, held in every.items() if isinstance(held, Path)}
    taken = every.keys() - known.keys()
    roots: list[Root] = []
    notices: list[str] = []
    for path in paths:
        root = _name_root(path.resolve(), wanted, known, listed)
        if root.name in taken and wanted is not None:
            raise RootError(f"the root {root.name} is a URL: give the directory another name")
        if root.name in taken:
            root = replace(root, name=_unused(root.name, every))
        former = known.get(root.name)
        if wanted is None and former is not None and former != root.directory and listed.get(root.name):
            notices.append(
                f"{path} is taken as the root {root.name}: its own directory is gone, its files are here"
            )
        catalogue.register_root(root.name, root.directory)
        known[root.name] = root.directory
        roots.append(root)
    ours = {root.name for root in roots}
    places = {root.directory for root in roots}
    renamed = {name for name, held in known.items() if held in places and name not in ours}
    known = {name: held for name, held in known.items() if name not in renamed}
    roots = [each for root in roots for each in (root, *_roots_below(root, known))]
    distinct = {(root.name, root.start): root for root in roots}.values()
    return Naming(
        tuple(_with_nested(root, known) for root in distinct if not _repeats(root, distinct)),
        frozenset(withdraw) - ours,
        frozenset(renamed),
        (*notices, *_lost(known, listed)),
    )


def _check_call(
    paths: Sequence[Path],
    count_given: int,
    wanted: str | None,
    names: Collection[str],
    withdraw: Collection[str],
) -> None:
    if wanted is not None and (not wanted or _UNFIT.search(wanted)):
        raise RootError(f"the root name {wanted!r} may hold letters, digits and _ . - only")
    if wanted is not None and count_given != 1:
        raise RootError(f"--root {wanted} names one path, {count_given} were given: ingest them one by one")
    for path in paths:
        if not path.exists():
            raise RootError(f"{path}: no such file or directory")
    for name in withdraw:
        if name not in names:
            there = ", ".join(sorted(names)) or "none"
            raise RootError(f"there is no root {name!r} to withdraw; the roots are: {there}")
        if name == wanted:
            raise RootError(f"the root {name} cannot be ingested and withdrawn in one run")


def _roots_below(root: Root, known: Mapping[str, Path]) -> list[Root]:
    """Known roots that lie where this run looks, as far as they are there."""
    return [
        Root(name, held, held)
        for name, held in known.items()
        if root.start in held.parents and not _is_gone(held)
    ]


def _with_nested(root: Root, known: Mapping[str, Path]) -> Root:
    inner = [held.relative_to(root.directory) for held in known.values() if root.directory in held.parents]
    return replace(root, nested=tuple(sorted(path.as_posix() for path in inner)))


def _repeats(root: Root, roots: Collection[Root]) -> bool:
    """Whether another root of the run looks at all that this one does."""
    return any(other.name == root.name and other.start in root.start.parents for other in roots)


def _name_root(path: Path, wanted: str | None, known: Mapping[str, Path], listed: Listed) -> Root:
    directory = path if path.is_dir() else path.parent
    if wanted is not None:
        holder = known.get(wanted)
        if holder is not None and _within(path, holder):
            return Root(wanted, holder, path)
        return Root(wanted, directory, path)
    holders = [(name, held) for name, held in known.items() if _within(path, held)]
    if holders:
        name, held = max(holders, key=lambda each: len(each[1].parts))
        return Root(name, held, path)
    moved = [name for name in _gone_roots(known) if _lies_here(listed.get(name, ()), directory)]
    if len(moved) > 1:
        raise RootError(
            f"{path} holds the files of the roots {' and '.join(moved)}, whose directories are gone; "
            "say by --root which of them it is, or give a new name"
        )
    return Root(moved[0] if moved else _free_name(directory, known, listed), directory, path)


def _lies_here(files: Sequence[tuple[str, int]], directory: Path) -> bool:
    """Whether a good part of listed files lie below a directory, by relative path and size."""
    some = files[:: max(1, len(files) // _LOOKED_AT)]
    found = sum(_size_of(directory / path) == size for path, size in some)
    return bool(some) and found >= _GOOD_PART * len(some)


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _free_name(directory: Path, known: Mapping[str, Path], listed: Listed) -> str:
    """The directory's own name, with a number behind it where another root has it, be it gone or not."""
    own = _UNFIT.sub("-", directory.name).strip("-") or "root"
    name, number = own, 2
    while name in known and (not _is_gone(known[name]) or listed.get(name)):
        name, number = f"{own}-{number}", number + 1
    return name


def _lost(known: Mapping[str, Path], listed: Listed) -> Iterable[str]:
    """A line for each root whose directory is gone while its files are listed."""
    for name in _gone_roots(known):
        if listed.get(name):
            yield (
                f"the directory of the root {name} is gone; its {len(listed[name])} files stay listed until "
                f"`vo-service ingest --root {name} DIR` says where it is now, or "
                f"`vo-service ingest --withdraw {name}` takes them out"
            )


def _gone_roots(known: Mapping[str, Path]) -> list[str]:
    return sorted(name for name, held in known.items() if _is_gone(held))


def _is_gone(directory: Path) -> bool:
    """Whether there is no directory of that name; one that cannot be looked at is not gone."""
    try:
        return not stat.S_ISDIR(directory.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _within(path: Path, directory: Path) -> bool:
    return path == directory or directory in path.parents
