"""What files are called in a package: relative, unique, and in an order that is always the same."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Final

from vo_service.products.stored import StoredFile
from vo_service.shown_names import shown_name

_NOWHERE: Final = "other"
"""The folder of files of which neither member nor project is known."""


def member_folder(uid: str) -> str:
    """A uid as the archive's file names have it: ``uid___A001_X1_X2``."""
    return _component(uid.replace(":", "_").replace("/", "_"))


def paths_of(files: Mapping[str, StoredFile], projects: Mapping[str, str]) -> dict[str, str]:
    """The path of each file in a package, ``member or project/root/path``, in the order of the package; files
    by their names, projects by those of data sets.

    They are in the order of their paths, but for members of a packed tar, which are in that in which they lie
    in it: else each of them would cost a pass of its own. Beside a tar that is in the package itself its
    members lie in a folder ``NAME.members``. A file where others need a folder, or which is another's
    namesake, goes into a folder that is called after its product_id; names that some file systems do not tell
    apart, by their case or the Unicode form of their letters, are namesakes.
    """
    folders = {name: _folder(file, projects) for name, file in files.items()}
    tars = {(file.found.root, file.found.path) for file in files.values() if file.found.container is None}
    ordered = sorted(files, key=lambda name: _order(folders[name], files[name]))
    plain = [f"{folders[name]}/{_safe(_below(files[name], tars))}" for name in ordered]
    needed = {_sameness(folder) for folder in {each for path in plain for each in _folders(path)}}
    others = needed | set(map(_sameness, plain))
    taken: set[str] = set()
    found: dict[str, str] = {}
    for name, path in zip(ordered, plain, strict=True):
        if (same := _sameness(path)) in needed or same in taken:
            path = _aside(path, name, others)
            made = set(map(_sameness, _folders(path)))
            needed |= made
            others |= made | {_sameness(path)}
        taken.add(_sameness(path))
        found[name] = path
    return found


def package_name(ids: Sequence[str], uids: Sequence[str], names: Iterable[str]) -> str:
    """The folder of a package: the member or the one thing that it was asked for by, else by a digest of the
    ``names`` of all its files. ``uids`` are the different members of all files."""
    known = sorted(names)
    if len(ids) == 1 and len(uids) == 1 and len(known) > 1:
        return f"member.{member_folder(uids[0])}"
    if len(known) == 1:
        return known[0]
    return f"package-{hashlib.blake2b(' '.join(known).encode(), digest_size=5).hexdigest()}"


def _folder(file: StoredFile, projects: Mapping[str, str]) -> str:
    project = projects.get(file.dataset_id or "")
    above = member_folder(file.member) if file.member else _component(project or _NOWHERE)
    return f"{above}/{_component(file.found.root)}"


def _order(folder: str, file: StoredFile) -> tuple[str, int, str]:
    found = file.found
    if found.packing is None:
        return f"{folder}/{found.path}", 0, ""
    return f"{folder}/{found.container}/", found.offset or 0, found.path


def _below(file: StoredFile, tars: Collection[tuple[str, str]]) -> str:
    """The path below the root; of a member of one of the tars that one beside it."""
    found = file.found
    if found.container is None or (found.root, found.container) not in tars:
        return found.path
    return f"{found.container}.members{found.path.removeprefix(found.container)}"


def _safe(path: str) -> str:
    return "/".join(_component(part) for part in path.split("/") if part not in ("", ".")) or "_"


def _component(name: str) -> str:
    """A name that leads nowhere else and steers no terminal."""
    shown = shown_name(name).replace("/", "_")
    return "_" * len(shown) if shown in ("", ".", "..") else shown


def _sameness(path: str) -> str:
    """What is equal for paths that one file system or another takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _aside(path: str, product_id: str, others: set[str]) -> str:
    folder, _, name = path.rpartition("/")
    for number in count():
        aside = f"{folder}/{product_id}{'_' * number}"
        if _sameness(aside) not in others and _sameness(f"{aside}/{name}") not in others:
            return f"{aside}/{name}"
    raise AssertionError  # count() does not end
