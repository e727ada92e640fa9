"""``/packages/script``: what fetches the files of a package one by one, and goes on where it broke off."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from vo_service.asking.queries import Asker
from vo_service.dali.faults import link_faulted
from vo_service.dali.streams import Cancellation
from vo_service.packages.contents import Item, Package, Packer
from vo_service.packages.listing import archive_address, file_address
from vo_service.packages.request import Request, ScriptForm
from vo_service.packages.shell_script import shell_script
from vo_service.packages.wish_list import FileWanted, WishList
from vo_service.products.digests import Digests
from vo_service.shown_names import shown_name

_PYTHON: Final = Path(__file__).resolve().parent / "download.py"
_PLACE: Final = 'PACKAGE = json.loads("{}")'


@dataclass(frozen=True, slots=True)
class Script:
    """A script as it is sent."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Scripts:
    """Writes scripts of packages."""

    packer: Packer
    digests: Digests

    def write(self, asked: Request, kind: ScriptForm, asker: Asker, cancellation: Cancellation) -> Script:
        """The script for whoever asks: files that he may not have now are in it too, for those with a token.
        Nothing that only he may know of other files is. Raises ServiceError as `Packer`."""
        package = self.packer.pack(asked, asker, cancellation)
        self.packer.require_bearable(package)
        package = self.packer.looked_at(package, cancellation)
        written, media_type = _WRITERS[kind]
        text = written(self._wish_list(package, asker))
        return Script(f"{package.name}.{kind}", media_type, text.encode("utf-8", "surrogateescape"))

    def _wish_list(self, package: Package, asker: Asker) -> WishList:
        wanted = [item for item in package.items if item.fault is None or item.is_closed]
        digests = self.digests.known_of(item.file for item in wanted if not item.is_closed)
        absent = [(item.path, _told(item)) for item in package.items if item.fault and not item.is_closed]
        known = {item.id for item in package.items}
        elsewhere: list[tuple[str, str]] = []
        for each in package.absent:
            place = None if each.row is None else archive_address(asker.base_url, each.row)
            line = (shown_name(each.id), _one_line(link_faulted(each.fault), place))
            (elsewhere if each.row is not None and each.id in known else absent).append(line)
        return WishList(
            package.name,
            [_wanted(package.name, item, digests, asker) for item in wanted],
            list(dict.fromkeys(absent)),
            list(dict.fromkeys(elsewhere)),
        )


def python_script(wanted: WishList) -> str:
    """The script for Python."""
    told = {
        "files": [
            [each.path, each.url, each.size, each.sha256, each.etag, each.reason] for each in wanted.files
        ],
        "absent": [list(each) for each in wanted.absent],
        "elsewhere": [list(each) for each in wanted.elsewhere],
    }
    # JSON in ASCII, which Python's own writing of it keeps in one line, within quotes
    return _template().replace(_PLACE, f"PACKAGE = json.loads({json.dumps(told)!r})", 1)


@cache
def _template() -> str:
    return _PYTHON.read_text(encoding="utf-8")


def _wanted(folder: str, item: Item, digests: Mapping[str, str], asker: Asker) -> FileWanted:
    file = item.file
    return FileWanted(
        f"{folder}/{item.path}",
        f"{file_address(asker.base_url, file)}?version={file.version}",
        file.size_bytes,
        None if item.is_closed else digests.get(file.product_id),
        None if item.is_closed else file.etag,
        _one_line(item.fault.message) if item.fault is not None else "",
    )


def _told(item: Item) -> str:
    return "" if item.fault is None else _one_line(link_faulted(item.fault))


def _one_line(text: str, place: str | None = None) -> str:
    line = shown_name(text.replace("\n", " "))
    return line if place is None else f"{line} See {place}"


_WRITERS: Final[Mapping[ScriptForm, tuple[Callable[[WishList], str], str]]] = {
    "sh": (shell_script, "text/x-shellscript; charset=utf-8"),
    "py": (python_script, "text/x-python; charset=utf-8"),
}
