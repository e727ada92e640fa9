"""Reports: JSON for machines, lines for the terminal, one page of HTML for operators."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from conformance.model import Judgement, Verdict


def as_json(url: str, judgements: Sequence[Judgement], requests_made: int) -> dict[str, object]:
    """The report as plain data: ``format service time requests counts requirements``."""
    return {
        "format": 1,
        "service": url,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "requests": requests_made,
        "counts": counts(judgements),
        "requirements": [_judgement(j) for j in judgements],
    }


def counts(judgements: Sequence[Judgement]) -> dict[str, int]:
    """How many requirements got each verdict; all five verdicts are present."""
    found = Counter(str(j.verdict) for j in judgements)
    return {str(v): found.get(str(v), 0) for v in Verdict}


def _judgement(j: Judgement) -> dict[str, object]:
    return {
        "id": j.requirement.id,
        "title": j.requirement.title,
        "clause": j.requirement.clause,
        "level": str(j.requirement.level),
        "service": j.requirement.service,
        "verdict": str(j.verdict),
        "seconds": round(j.seconds, 3),
        "findings": [
            {"verdict": str(f.verdict), "message": f.message, "request": f.request, "answer": f.answer}
            for f in j.findings
        ],
    }


def line(j: Judgement) -> str:
    """One line for the terminal, with the reason where the verdict is not a plain pass."""
    text = f"{j.verdict:<14} {j.requirement.id:<9} {j.requirement.level:<8} {j.requirement.title}"
    if j.verdict is Verdict.PASS:
        return text
    reasons = [f.message for f in j.findings if f.verdict is j.verdict]
    return text + "".join(f"\n{'':24}{reason}" for reason in reasons[:3])


def as_html(url: str, judgements: Sequence[Judgement]) -> str:
    """One self-contained page: counts, then a row a requirement. All texts of the service are escaped."""
    rows = "\n".join(_row(j) for j in judgements)
    summary = ", ".join(f"{n} {v}" for v, n in counts(judgements).items() if n)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Conformance of {html.escape(url)}</title>
<style>body{{font-family:sans-serif;margin:2em}}td,th{{text-align:left;vertical-align:top;padding:.3em .8em}}
.fail{{background:#f6d5d0}}.warn{{background:#fbeecb}}.pass{{background:#dcefdc}}</style></head>
<body><h1>Conformance of {html.escape(url)}</h1><p>{summary}</p>
<table><tr><th>verdict<th>id<th>level<th>clause<th>requirement<th>findings</tr>
{rows}
</table></body></html>
"""


def _row(j: Judgement) -> str:
    notes = "<br>".join(html.escape(f.message) for f in j.findings if f.verdict is not Verdict.PASS)
    cells = (
        str(j.verdict),
        j.requirement.id,
        str(j.requirement.level),
        j.requirement.clause,
        j.requirement.title,
    )
    return (
        f'<tr class="{j.verdict}">'
        + "".join(f"<td>{html.escape(c)}</td>" for c in cells)
        + f"<td>{notes}</td></tr>"
    )
