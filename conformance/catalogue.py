"""All checks in the order they are run and reported.

``python -m conformance.catalogue`` prints them as the table of ``docs/conformance.md``.
"""

from __future__ import annotations

import sys

from conformance.checks import (
    adql,
    auth,
    dali,
    datalink,
    obscore,
    radio,
    registry,
    schema,
    scs,
    sia,
    sia_constraints,
    soda,
    tap,
    uploads,
    uws,
    vosi,
)
from conformance.model import Check, Requirement

CHECKS: tuple[Check, ...] = (
    *vosi.CHECKS,
    *schema.CHECKS,
    *dali.CHECKS,
    *tap.CHECKS,
    *uws.CHECKS,
    *uploads.CHECKS,
    *auth.CHECKS,
    *adql.CHECKS,
    *obscore.CHECKS,
    *radio.CHECKS,
    *registry.CHECKS,
    *soda.CHECKS,
    *sia.CHECKS,
    *sia_constraints.CHECKS,
    *scs.CHECKS,
    *datalink.CHECKS,
)


def is_meant(check: Check, name: str) -> bool:
    """Whether a name in ``--only`` means this check, without regard to case.

    A name is a service (``tap``), a requirement's id (``TAP-109``), or the first part of ids: a family with
    its hyphen (``TAP-``), or anything that ends in an asterisk (``TAP-1*``).
    """
    asked = name.lower()
    own = check.requirement.id.lower()
    if asked.endswith(("-", "*")):
        beginning = asked.rstrip("*")
        return bool(beginning) and own.startswith(beginning)
    return asked in (check.requirement.service, own)


def as_markdown() -> str:
    """A table of all requirements that have a check, by their ids."""
    rows = sorted((check.requirement for check in CHECKS), key=_place)
    lines = [f"| `{r.id}` | {r.level} | {r.service} | {r.clause} | {_cell(r.title)} |" for r in rows]
    return "\n".join(
        ["| id | level | service | clause | requirement |", "| --- | --- | --- | --- | --- |", *lines, ""]
    )


def _place(requirement: Requirement) -> tuple[str, int]:
    family, _, number = requirement.id.partition("-")
    return family, int(number)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
