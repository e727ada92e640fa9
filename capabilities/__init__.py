"""What each service says of itself: VOSI capabilities, availability and tables, built with vo-models.

Functions, formats, limits and addresses come in as plain values; documents go out as bytes (UTF-8 XML).
"""

from capabilities.availability import availability
from capabilities.tables import table_document, tables_document
from capabilities.tap import (
    OBSCORE,
    DataModel,
    OutputFormat,
    TapLimits,
    TapService,
    UserFunction,
    tap_capabilities,
)

__all__ = [
    "OBSCORE",
    "DataModel",
    "OutputFormat",
    "TapLimits",
    "TapService",
    "UserFunction",
    "availability",
    "table_document",
    "tables_document",
    "tap_capabilities",
]
