"""Run a statement within limits and hand back Arrow record batches."""

from vo_service.engines.counted import CountedEngine, Tally
from vo_service.engines.duckdb import DuckDBEngine
from vo_service.engines.errors import (
    EngineAway,
    EngineDown,
    EngineError,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
)
from vo_service.engines.interface import Batches, Engine, Limits, Statement
from vo_service.engines.postgresql import PostgreSQLEngine
from vo_service.engines.selection import (
    Engines,
    SnapshotNotLoaded,
    SnapshotOutdated,
    dialect_of,
    mirror_for,
)
from vo_service.engines.stored_rows import StoredRows

__all__ = [
    "Batches",
    "CountedEngine",
    "DuckDBEngine",
    "Engine",
    "EngineAway",
    "EngineDown",
    "EngineError",
    "Engines",
    "Limits",
    "PostgreSQLEngine",
    "QueryCancelled",
    "QueryFailed",
    "QueryTimeout",
    "QueryTooLarge",
    "SnapshotNotLoaded",
    "SnapshotOutdated",
    "Statement",
    "StoredRows",
    "Tally",
    "dialect_of",
    "mirror_for",
]
