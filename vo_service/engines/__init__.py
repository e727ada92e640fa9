"""Run a statement within limits and hand back Arrow record batches."""

from vo_service.engines.duckdb import DuckDBEngine
from vo_service.engines.errors import (
    EngineDown,
    EngineError,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
)
from vo_service.engines.interface import Batches, Engine, Limits, Statement

__all__ = [
    "Batches",
    "DuckDBEngine",
    "Engine",
    "EngineDown",
    "EngineError",
    "Limits",
    "QueryCancelled",
    "QueryFailed",
    "QueryTimeout",
    "QueryTooLarge",
    "Statement",
]
