"""Values put in the place of others, at any depth of values, conditions and queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from vo_service.adql.nodes.kinds import Facts
from vo_service.adql.nodes.resolved import Value


def substituted(node: Any, values: Mapping[Value, Value]) -> Any:
    """The node with what ``values`` has for the values in it; itself where there is nothing to change."""
    if isinstance(node, tuple):
        changed = tuple(substituted(part, values) for part in node)
        return changed if any(one is not other for one, other in zip(changed, node)) else node
    if not is_node(node):
        return node
    found = values.get(node) if isinstance(getattr(node, "facts", None), Facts) else None
    if found is not None:
        return found
    changes = {}
    for each in fields(node):
        part = getattr(node, each.name)
        changed = substituted(part, values)
        if changed is not part:
            changes[each.name] = changed
    return replace(node, **changes) if changes else node


def is_node(item: Any) -> bool:
    """Whether something is a part of the resolved tree that has parts."""
    return is_dataclass(item) and not isinstance(item, type | Facts)
