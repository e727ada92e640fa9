"""``python -m conformance URL``: judge a service from outside, requirement by requirement.

Exit status: 0 no MUST fails, 1 at least one does, 2 the call was wrong or requests were left without an
answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.catalogue import CHECKS, is_meant
from conformance.model import Judgement, Verdict
from conformance.report import as_html, as_json, counts, line
from conformance.runner import run
from conformance.service import Service, Unreachable


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    wanted = [s.strip() for s in options.only.split(",")] if options.only else []
    strange = [name for name in wanted if not any(is_meant(check, name) for check in CHECKS)]
    if strange:
        known = sorted({check.requirement.service for check in CHECKS})
        print(
            f"conformance: no check for {', '.join(strange)}; --only knows the services {', '.join(known)}, "
            "and requirements by their ids or the first part of them (TAP-109, OBS-, TAP-1*)",
            file=sys.stderr,
        )
        return 2
    for target in filter(None, (options.json, options.html)):
        if not target.parent.is_dir() or target.is_dir():
            print(
                f"conformance: {target} cannot be written; name a file in a directory that exists",
                file=sys.stderr,
            )
            return 2
    checks = [check for check in CHECKS if not wanted or any(is_meant(check, name) for name in wanted)]
    service = Service(options.url, timeout=options.timeout, interval=options.interval, token=options.token)
    try:
        service.get("capabilities")
    except Unreachable as error:
        print(f"conformance: the service does not answer ({error})", file=sys.stderr)
        return 2

    def show(judgement: Judgement) -> None:
        print(line(judgement), flush=True)

    judgements = run(checks, service, parallel=options.parallel, progress=None if options.quiet else show)
    summary = counts(judgements)
    print(", ".join(f"{number} {verdict}" for verdict, number in summary.items() if number))
    try:
        _write_reports(options, service, judgements)
    except OSError as error:
        print(f"conformance: {error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    if summary[str(Verdict.FAIL)]:
        return 1
    if service.unanswered:
        print(f"conformance: {service.unanswered} requests were left without an answer", file=sys.stderr)
        return 2
    return 0


def _write_reports(options: argparse.Namespace, service: Service, judgements: Sequence[Judgement]) -> None:
    if options.json:
        report = as_json(service.base_url, judgements, service.requests_made)
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.html:
        options.html.write_text(as_html(service.base_url, judgements), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance", description="Judge a Virtual Observatory service."
    )
    parser.add_argument("url", help="base URL of the service, or of its TAP service")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one HTML page")
    parser.add_argument(
        "--only",
        metavar="NAMES",
        help="judge these services or requirements only, for example tap,OBS-065,VOSI-0*",
    )
    parser.add_argument(
        "--parallel", type=int, default=1, help="checks running at a time (default 1: be polite)"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds to wait for an answer (default 30)"
    )
    parser.add_argument("--interval", type=float, default=0.0, help="seconds to leave between two requests")
    parser.add_argument("--token", help="bearer token to send")
    parser.add_argument("--quiet", action="store_true", help="print the counts only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
