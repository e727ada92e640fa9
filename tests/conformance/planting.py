"""How faults are planted: which requests they are of, and what becomes of these or of their answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from faulty_proxy import Asked, Fault, Told

Planted = tuple[str, str, Fault]
"""The id of the check that has to find a fault, words for it, and the fault."""
Condition = Callable[[Asked], bool]


def at(path: str, method: str = "", word: bytes = b"") -> Condition:
    """Requests whose path with query fits a pattern, of that method, with that word in their bodies."""
    return lambda asked: (
        re.search(path, asked.target) is not None and asked.method.startswith(method) and word in asked.body
    )


def told(where: Condition, change: Callable[[Told], Told]) -> Fault:
    """A fault of some answers."""
    return Fault(tell=lambda asked, told: change(told) if where(asked) else told)


def swapped(where: Condition, old: bytes, new: bytes, count: int = -1) -> Fault:
    """Other bytes in some answers."""
    return told(where, lambda told: told.swap(old, new, count))


def edited(where: Condition, pattern: bytes, new: bytes, count: int = 0) -> Fault:
    """Other bytes where a pattern fits in some answers."""
    return told(
        where, lambda told: replace(told, body=re.sub(pattern, new, told.body, count=count, flags=re.S))
    )


def status(where: Condition, number: int) -> Fault:
    """Another status of some answers."""
    return told(where, lambda told: replace(told, status=number))


def kept(where: Condition, number: int) -> Fault:
    """Some requests never get to the service, and are answered with a status all the same."""
    return Fault(ask=lambda asked: Told(number) if where(asked) else asked)


def misheard(where: Condition, change: Callable[[Asked], Asked]) -> Fault:
    """Some requests are understood as others."""
    return Fault(ask=lambda asked: change(asked) if where(asked) else asked)


def deaf(where: Condition, name: str) -> Fault:
    """A header of some requests is not heard."""

    def without(asked: Asked) -> Asked:
        return replace(asked, headers={k: v for k, v in asked.headers.items() if k.lower() != name})

    return misheard(where, without)


def turned(where: Condition, old: str, new: str) -> Fault:
    """Another value, or another name, is understood."""
    return misheard(where, lambda asked: replace(asked, target=asked.target.replace(old, new)))


def ignored(where: Condition, name: str) -> Fault:
    """A parameter, whose name fits a pattern, is passed over, however often it comes."""
    return misheard(
        where, lambda asked: replace(asked, target=re.sub(rf"(?<=[?&]){name}=[^&]*&?", "", asked.target))
    )


def first_alone(where: Condition, name: str) -> Fault:
    """Of several values of a parameter the first alone is heard."""

    def once(asked: Asked) -> Asked:
        head, sign, rest = asked.target.partition(f"{name}=")
        return replace(asked, target=head + sign + re.sub(rf"&{name}=[^&]*", "", rest))

    return misheard(where, once)


def forgiven(where: Condition) -> Fault:
    """No mistake is one."""
    return told(where, lambda told: replace(told, status=200) if told.status == 400 else told)


def misdeclared(check: str, capabilities: Condition, standard: bytes) -> list[Planted]:
    """Capabilities that do not have the standard, or have it with an interface of another type."""
    return [
        (check, "no such standard", swapped(capabilities, standard, b"nothing")),
        (check, "another interface", swapped(capabilities, b"vs:ParamHTTP", b"vr:WebBrowser")),
    ]
