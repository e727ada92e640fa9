"""Something of the service's own with which it is judged: where there is none, a refusal says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Generic, TypeVar

from conformance.findings import not_checked
from conformance.model import CheckFunction, Finding
from conformance.service import Service

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sample(Generic[T]):
    """What ``find`` finds of a service, or None: asked for once, and remembered by its ``name``. ``missing``
    is said where there is none, ``served`` judges only where there is such a service at all."""

    name: str
    find: Callable[[Service], T | None]
    missing: str
    served: Callable[[CheckFunction], CheckFunction]

    def of(self, service: Service) -> T:
        """The sample. Raises ValueError where there is none, which `where_found` sees to."""
        found = self._found(service)
        if found is None:
            raise ValueError(f"{self.name} was asked for where there is none")
        return found

    def where_found(self, function: CheckFunction) -> CheckFunction:
        """Judge only where there is one."""

        @wraps(function)
        def judge(service: Service) -> Iterator[Finding]:
            if self._found(service) is None:
                yield not_checked(f"{self.missing} here, so that this says nothing")
            else:
                yield from function(service)

        return self.served(judge)

    def _found(self, service: Service) -> T | None:
        return service.remember(self.name, lambda: self.find(service))
