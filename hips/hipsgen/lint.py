"""LINT, the check of a whole tree that hipsgen has, and what its verdict is worth (CHK-H21)."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mocpy import MOC

from hips.hipsgen.errors import HipsgenFailed
from hips.hipsgen.lines import Kind
from hips.hipsgen.process import SILENCE_SECONDS, Stopped, never
from hips.hipsgen.run import Report, listen
from hips.hipsgen.tool import Tool

MOC_NAME = "Moc.fits"
_DEEPEST = 29
_VERDICT = re.compile(r"(?:!!! |\*\*\* )?HiPS \S+ is (.*)")
_TILES = "Lint: tile test hierarchy"


class Compatible(Enum):
    """What its last line says of the tree."""

    FULLY = "fully IVOA HiPS 1.0 compatible"
    WITH_WARNINGS = "IVOA HiPS 1.0 compatible but with warnings"
    NOT = "not IVOA HiPS 1.0 compatible"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What LINT says of a tree. Its own words may be milder than its errors: `passed` goes by both."""

    compatible: Compatible
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    tile_tests: int
    """How often the tiles of a cell were looked at from the deepest order up to the lowest: up to three cells
    in each format, found or not. Of a directory, the deepest order is the deepest that is there."""

    @property
    def passed(self) -> bool:
        """Fully compatible, and no error. A tree without properties gets that verdict and an error."""
        return self.compatible is Compatible.FULLY and not self.errors


def lint(
    tool: Tool, tree: Path | str, scratch: Path, stopped: Stopped = never, silence: float = SILENCE_SECONDS
) -> Verdict:
    """Judge a tree in a directory, or behind a URL. ``scratch`` is a directory for what is needed meanwhile.

    Aladin 12.001 looks at tiles only where Moc.fits has order 29. A directory is judged with its Moc.fits
    deepened to that, of the same cells; a URL as it is, so that `tile_tests` is 0 for most. Raises
    HipsgenFailed where LINT gives up or has no verdict, HipsgenStopped, and OSError for a directory that
    cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="lint-", dir=scratch) as place:
        folder = Path(place)
        named = tree if isinstance(tree, str) else _deepened(tree, folder / "tree")
        return _verdict(listen(tool, ["LINT"], {"out": named}, folder, stopped=stopped, silence=silence))


def deepen(moc: Path, deepened: Path) -> None:
    """Write the MOC of a file with order 29 and the same cells. Raises OSError and ValueError."""
    MOC.from_fits(str(moc)).refine_to_order(_DEEPEST).save(str(deepened), format="fits")


def _deepened(tree: Path, copy: Path) -> str:
    """A directory of links to all that is in the tree, with another Moc.fits; its name beside it."""
    copy.mkdir()
    for entry in tree.iterdir():
        if entry.name == MOC_NAME:
            _deepen_or_link(entry, copy / MOC_NAME)
        else:
            (copy / entry.name).symlink_to(entry.absolute())
    return copy.name


def _deepen_or_link(moc: Path, copy: Path) -> None:
    try:
        deepen(moc, copy)
    except (ValueError, OSError):  # not a MOC: that is for LINT to find
        copy.unlink(missing_ok=True)
        copy.symlink_to(moc.absolute())


def _verdict(report: Report) -> Verdict:
    faults = report.texts(Kind.ABORT) + report.texts(Kind.FAULT)
    errors, notes = report.texts(Kind.ERROR), report.texts(Kind.NOTE)
    said = [found[1] for found in map(_VERDICT.fullmatch, notes) if found is not None]
    if faults or not report.ended or not said:
        reason = [*errors, *faults, *notes[-1:], "it said nothing"][0]
        raise HipsgenFailed(f"hipsgen LINT gave up: {reason}")
    try:
        compatible = Compatible(said[-1])
    except ValueError:
        raise HipsgenFailed(f"hipsgen LINT has a verdict that is not known: {said[-1]}") from None
    tests = sum(note.startswith(_TILES) for note in notes)
    return Verdict(compatible, errors, report.texts(Kind.WARNING), tests)
