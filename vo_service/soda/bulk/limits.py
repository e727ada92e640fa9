"""How large a job of a table may be, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BulkLimits:
    """``cuts`` that one job may have; where the request does not say, the ``part_bytes`` after which the next
    part begins, and how many data sets at ``most`` one row is cut from."""

    cuts: int
    part_bytes: int
    most: int
