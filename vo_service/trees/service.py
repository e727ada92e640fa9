"""The trees of one process: their parts put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from hips.trees.versions import Trees
from vo_service.access import Rights
from vo_service.dali.addresses import Addresses
from vo_service.dali.current import Current
from vo_service.engines import Engine
from vo_service.trees.gate import Gate
from vo_service.trees.handlers import TreeService
from vo_service.trees.served import ServedTrees

_FOLDER = "hips"


def open_trees(
    home: Path,
    current: Current[Engine],
    newest: Callable[[], int | None],
    rights: Rights,
    clock: Callable[[], datetime],
    addresses: Addresses,
) -> TreeService:
    """The trees below a home directory. What they may show is decided by the ``current`` snapshot, whose
    number ``newest`` tells or raises StoreError, and by the ``clock``."""
    gate = Gate(current, newest, rights, clock)
    return TreeService(ServedTrees(Trees(home / _FOLDER)), gate, addresses)
