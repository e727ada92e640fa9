"""All checks in the order they are run and reported."""

from __future__ import annotations

from conformance.checks import adql, dali, obscore, radio, schema, tap, vosi
from conformance.model import Check

CHECKS: tuple[Check, ...] = (
    *vosi.CHECKS,
    *schema.CHECKS,
    *dali.CHECKS,
    *tap.CHECKS,
    *adql.CHECKS,
    *obscore.CHECKS,
    *radio.CHECKS,
)
