"""Ingest roots: directories with names that outlive a move.

Published paths are relative to a root (design 4.7). A path that lies within a known root belongs to it; a
directory that is new takes the name given, or its own; where that name belongs to a directory that is no
longer there, the tree has moved and keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vo_service.store import Catalogue

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


class RootError(ValueError):
    """A path that cannot be ingested as it is: the text says why and what would be right."""


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


def name_roots(paths: Sequence[Path], wanted: str | None, catalogue: Catalogue) -> tuple[Root, ...]:
    """The roots of this run, remembered in the catalogue.

    Raises RootError for a path that does not exist, an unfit name, or one name for several directories.
    """
    if wanted is not None and (not wanted or _UNFIT.search(wanted)):
        raise RootError(f"the root name {wanted!r} may hold letters, digits and _ . - only")
    if wanted is not None and len(paths) > 1:
        raise RootError(f"--root {wanted} names one path, {len(paths)} were given: ingest them one by one")
    roots: list[Root] = []
    for path in paths:
        if not path.exists():
            raise RootError(f"{path}: no such file or directory")
        root = _name_root(path.resolve(), wanted, catalogue.roots())
        catalogue.register_root(root.name, root.directory)
        roots += [root, *_roots_below(root, catalogue.roots())]
    distinct = {(root.name, root.start): root for root in roots}.values()
    return tuple(_with_nested(root, catalogue.roots()) for root in distinct if not _repeats(root, distinct))


def _roots_below(root: Root, known: Mapping[str, Path]) -> list[Root]:
    """Known roots that lie where this run looks."""
    return [Root(name, held, held) for name, held in known.items() if root.start in held.parents]


def _with_nested(root: Root, known: Mapping[str, Path]) -> Root:
    inner = [held.relative_to(root.directory) for held in known.values() if root.directory in held.parents]
    return replace(root, nested=tuple(sorted(path.as_posix() for path in inner)))


def _repeats(root: Root, roots: Collection[Root]) -> bool:
    """Whether another root of the run looks at all that this one does."""
    return any(other.name == root.name and other.start in root.start.parents for other in roots)


def _name_root(path: Path, wanted: str | None, known: Mapping[str, Path]) -> Root:
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
    return Root(_free_name(directory, known), directory, path)


def _free_name(directory: Path, known: Mapping[str, Path]) -> str:
    """The directory's own name, with a number behind it where another directory that exists has it."""
    own = _UNFIT.sub("-", directory.name).strip("-") or "root"
    name, number = own, 2
    while name in known and known[name].exists():
        name, number = f"{own}-{number}", number + 1
    return name


def _within(path: Path, directory: Path) -> bool:
    return path == directory or directory in path.parents
