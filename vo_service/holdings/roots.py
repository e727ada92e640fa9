"""Ingest roots: directories with names that outlive a move.

Published paths are relative to a root (design 4.7). A path that lies within a known root belongs to it. A
directory that is new takes the name given; without one it is looked at whether it is a known root that has
moved: one whose own directory is gone and whose files lie here. Else it is called after itself.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vo_service.store import Catalogue

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

    def below(self, path: str) -> str:
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


@dataclass(frozen=True, slots=True)
class Naming:
    """The roots that a run looks at; those whose files leave the holdings, either because the operator
    withdrew them or because their directory bears another name now; and what the operator should know."""

    roots: tuple[Root, ...]
    withdrawn: frozenset[str] = frozenset()
    renamed: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()

    @property
    def leaving(self) -> frozenset[str]:
        """Names that are no roots any more once the run is published."""
        return self.withdrawn | self.renamed


def name_roots(
    paths: Sequence[Path],
    wanted: str | None,
    catalogue: Catalogue,
    listed: Listed,
    withdraw: Collection[str] = (),
) -> Naming:
    """The roots of this run, remembered in the catalogue; the roots ``withdraw`` count as unknown.

    Raises RootError for a path that does not exist, an unfit name, one name for several directories, a root
    to withdraw that is not there, a directory that may be either of two moved roots.
    """
    known = dict(catalogue.roots())
    _check_call(paths, wanted, known.keys() | listed.keys(), withdraw)
    known = {name: held for name, held in known.items() if name not in withdraw}
    roots: list[Root] = []
    notices: list[str] = []
    for path in paths:
        root = _name_root(path.resolve(), wanted, known, listed)
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
    paths: Sequence[Path], wanted: str | None, names: Collection[str], withdraw: Collection[str]
) -> None:
    if wanted is not None and (not wanted or _UNFIT.search(wanted)):
        raise RootError(f"the root name {wanted!r} may hold letters, digits and _ . - only")
    if wanted is not None and len(paths) != 1:
        raise RootError(f"--root {wanted} names one path, {len(paths)} were given: ingest them one by one")
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
