"""What OAI-PMH calls errors: all of them are answers with HTTP status 200 (OAI-PMH 2.0, section 3.6)."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "badVerb",
    "badArgument",
    "badResumptionToken",
    "cannotDisseminateFormat",
    "idDoesNotExist",
    "noRecordsMatch",
    "noSetHierarchy",
]


class OaiError(Exception):
    """One error of a request; ``code`` is one of the standard's, the message is for people."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def hides_arguments(self) -> bool:
        """Whether the answer does not repeat the arguments, for they were no good (REG-005)."""
        return self.code in ("badVerb", "badArgument")
