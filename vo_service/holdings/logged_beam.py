"""The restoring beam that imaging programs wrote into HISTORY: for images that have lost its cards, or are
older than they."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

CARD = 80
_TEXT = 72
"""Letters of a HISTORY card behind its keyword."""
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?)"
# Only what restoring writes: AIPS notes beams of other tasks, and the beams it was asked for, in other words.
_LINES = (
    (re.compile(rf"AIPS +CLEAN +BMAJ= *{_NUMBER} +BMIN= *{_NUMBER} +BPA= *{_NUMBER}"), 3600.0),
    (
        re.compile(
            rf"[Bb]eam used in restoration: *{_NUMBER} by {_NUMBER} \(arcsec\) at pa {_NUMBER} \(deg\)"
        ),
        1.0,
    ),
    (re.compile(rf"RESTOR: Beam = *{_NUMBER} x +{_NUMBER} arcsec, pa = *{_NUMBER} degrees"), 1.0),
)
_WORDS = (b"CLEAN BMAJ=", b"restoration", b"RESTOR: Beam")


@dataclass(frozen=True, slots=True)
class LoggedBeam:
    """Axes in arcsec, position angle in degrees, and the words of the log."""

    major: float
    minor: float
    angle: float
    text: str


def find_logged_beam(remarks: bytes) -> LoggedBeam | None:
    """The last beam in the HISTORY among ``remarks`` (80 bytes a card), None where none is told or it is no
    beam."""
    if not any(word in remarks for word in _WORDS):
        return None
    log = _read_log(remarks)
    found = [(match.start(), scale, match) for line, scale in _LINES for match in line.finditer(log)]
    if not found:
        return None
    _place, scale, match = max(found, key=lambda each: each[0])
    major, minor, angle = (float(part.replace("D", "E").replace("d", "e")) for part in match.groups())
    if not (0.0 < minor <= major and math.isfinite(major) and abs(angle) <= 360.0):
        return None
    return LoggedBeam(major * scale, minor * scale, angle, re.sub(r"\s+", " ", match.group(0)))


def _read_log(remarks: bytes) -> str:
    """The HISTORY as lines; CASA continues a line behind ``>`` on the next card."""
    text = remarks.decode("latin-1")
    lines: list[str] = []
    for start in range(0, len(text), CARD):
        card = text[start : start + CARD]
        if not card.startswith("HISTORY "):
            continue
        line = card[CARD - _TEXT :]
        if line.startswith(">") and lines:
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return "\n".join(lines)
