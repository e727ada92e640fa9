"""What STILTS remarks on and we leave as it is; `docs/conformance.md` says why, line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence

TAPLINT = (
    r"W-CAP-CULF-\d+ .*features-adql-conditional.*",
    r"W-EXA-EXVL-\d+ Validation symbol error for example (line-in-galaxy|high-redshift|two-lines): .*",
    r"W-EXA-EXVL-\d+ Validation syntax error for example coordinate-range: .*",
    r"W-UWS-UNSC-\d+ Schema from unknown namespace during validation: urn:vo-service:job",
)
VOTLINT = (
    r'Non-DALI xtype value "shape"',
    r'Non-DALI xtype value "moc"',
    r'Non-DALI xtype value "multiinterval"',
    r"Empty character value is questionable",
    r"No arraysize for character, FIELD implies single character",
    r"Bad double string ''",
)
TERMS_SINCE = ("thumbnail", "detached-header", "documentation", "coderived", "package")
"""Terms of the DataLink vocabulary that are younger than the copy which STILTS has."""
DATALINKLINT = (
    rf"E-SMCO-\d+ Unknown predicate '({'|'.join(TERMS_SINCE)})' from core DataLink vocabulary at row \d+",
)
AS_BINARY2 = (
    r"E-TDSR-\d+ Illegal serialization format BINARY2; must be TABLEDATA except by explicit request",
    r"E-DLCT-\d+ Incorrect Content-Type application/x-votable\+xml;serialization=BINARY2 for DataLink .*",
)
"""Remarks of `datalinklint` on links that were asked for in BINARY2, which it cannot know."""


def unexplained_taplint(text: str) -> list[str]:
    """Lines of errors, warnings and failures that nothing explains."""
    return _unexplained(text, TAPLINT)


def unexplained_datalinklint(text: str, *more: str) -> list[str]:
    """Lines of errors, warnings and failures that nothing explains; ``more`` explains this case. The task
    exits with 0 whatever it finds, and shows nine remarks of a kind unless ``maxrepeat`` is set.

    Raises ValueError where the text shows fewer remarks than it counts.
    """
    counts = re.search(r"^Totals: Errors: (\d+); Warnings: (\d+); .*Failures: (\d+)$", text, re.MULTILINE)
    shown = len(re.findall(r"^[EWF]-", text, re.MULTILINE))
    if counts is None or sum(map(int, counts.groups())) != shown:
        raise ValueError(f"not all remarks of datalinklint are shown: {text[-2000:]}")
    return _unexplained(text, (*DATALINKLINT, *more))


def _unexplained(text: str, explained: Sequence[str]) -> list[str]:
    found = re.findall(r"^[EWF]-.*$", text, flags=re.MULTILINE)
    return [line for line in found if not any(re.fullmatch(known, line) for known in explained)]


def unexplained_votlint(text: str) -> list[str]:
    """Remarks of any kind that nothing explains."""
    lines = [line for line in text.splitlines() if line.strip()]
    remarks = [
        re.sub(r'^\w+ \([^)]*\)(?:: (.*)| suppressing .* like "(.*)")$', r"\1\2", line) for line in lines
    ]
    return [
        line
        for line, remark in zip(lines, remarks, strict=True)
        if not any(re.fullmatch(known, remark) for known in VOTLINT)
    ]
