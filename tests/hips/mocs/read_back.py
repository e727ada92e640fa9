"""Maps of files as the service reads what is uploaded."""

from __future__ import annotations

from pathlib import Path

from vo_service.dali.multipart import Part
from vo_service.dali.uploads import Coverage, ReadLimits, read_map
from vo_service.sky import Moc


def read_space_map(content: bytes) -> Moc:
    """The coverage map that a file holds. Raises UploadFault."""
    part = Part("map", content, len(content))
    found = read_map(part, ReadLimits(10_000, 1 << 28, Path("no such place"), lambda: None))
    assert isinstance(found, Coverage)
    return found.moc
