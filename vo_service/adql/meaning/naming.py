"""Names of output columns: what users see, and aliases that no engine confuses (ADQL-034, ADQL-035)."""

from __future__ import annotations

from vo_service.adql.nodes.resolved import (
    Value,
)
from vo_service.adql.nodes.resolved_queries import Output


class Namer:
    """Hands out the columns of one select list; aliases differ even where case does not count."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self.outputs: list[Output] = []

    def add(self, name: str | None, base: str, value: Value, exact: bool = False) -> None:
        """One more column; without a label it gets ``base``, or ``base2`` where that is taken."""
        if name is None:
            name = self._free(base)
        alias = self._free(name)
        self._taken.add(alias.lower())
        self.outputs.append(Output(name, alias, value, exact))

    def _free(self, wanted: str) -> str:
        candidate, number = wanted, 1
        while candidate.lower() in self._taken:
            number += 1
            candidate = f"{wanted}{number}"
        return candidate
