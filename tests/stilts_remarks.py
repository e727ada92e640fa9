"""What STILTS remarks on and we leave as it is; `docs/conformance.md` says why, line by line."""

from __future__ import annotations

import re

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


def unexplained_taplint(text: str) -> list[str]:
    """Lines of errors, warnings and failures that nothing explains."""
    found = re.findall(r"^[EWF]-.*$", text, flags=re.MULTILINE)
    return [line for line in found if not any(re.fullmatch(known, line) for known in TAPLINT)]


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
