"""Files of a tree: their names (HIPS-001, -005, -040, -100), and how they are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vo_service.store.disk import link_file

PROPERTIES = "properties"
COVERAGE = "Moc.fits"
PAGE = "index.html"
PREVIEW = "preview.jpg"
EXTENSIONS = {"png": "png", "fits": "fits", "jpeg": "jpg", "tsv": "tsv"}
"""How tiles of a format (a word of hips_tile_format) end."""
_FOLDER = 10_000
# digits as many as the cells of order 29 take, and no more: a number of thousands of them is none to int()
_CELL = r"(0|[1-9][0-9]{0,18})"
_FRAME = r"(?:_([1-9][0-9]{0,7}))?\.(png|fits|jpg|tsv)"
_TILE = re.compile(rf"Norder(0|[1-9][0-9]?)/Dir{_CELL}/Npix{_CELL}{_FRAME}")
_ALLSKY = re.compile(rf"Norder([0-3])/Allsky{_FRAME}")


@dataclass(frozen=True, slots=True)
class TileName:
    """A tile by order, cell, how its name ends, and for cubes its frame."""

    order: int
    cell: int
    extension: str
    frame: int = 0

    def __str__(self) -> str:
        folder = self.cell // _FOLDER * _FOLDER
        return f"Norder{self.order}/Dir{folder}/Npix{self.cell}{_frame(self.frame)}.{self.extension}"


@dataclass(frozen=True, slots=True)
class AllskyName:
    """All tiles of an order in one file."""

    order: int
    extension: str
    frame: int = 0

    def __str__(self) -> str:
        return f"Norder{self.order}/Allsky{_frame(self.frame)}.{self.extension}"


def _frame(frame: int) -> str:
    return f"_{frame}" if frame else ""


def parse_name(path: str) -> TileName | AllskyName | None:
    """What a path below the root of a tree names; None for all that no tile can have as its name, be it that
    the cell does not exist or stands in the wrong folder."""
    match = _TILE.fullmatch(path)
    if match is not None:
        order, folder, cell = (int(match.group(at)) for at in (1, 2, 3))
        if order > 29 or cell >= 12 << (2 * order) or folder != cell // _FOLDER * _FOLDER:
            return None
        return TileName(order, cell, match.group(5), int(match.group(4) or 0))
    match = _ALLSKY.fullmatch(path)
    if match is None:
        return None
    return AllskyName(int(match.group(1)), match.group(3), int(match.group(2) or 0))


def keep_file(tree: Path, before: Path | None, name: str, content: bytes | bytearray) -> None:
    """Write a file of a tree whose directory is there. One that the build before has to the byte is taken
    over, so that its time, and with it its ETag, stays (HIPS-124). Raises OSError."""
    known = None if before is None else before / name
    if known is not None and known.is_file() and known.read_bytes() == content:
        link_file(known, tree / name)
    else:
        (tree / name).write_bytes(content)
