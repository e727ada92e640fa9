"""What a client asks of the links service (DataLink 1.1 section 2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from vo_service.dali.errors import usage
from vo_service.dali.parameters import MAXREC, RUNID, Form, Parameter, plain, shortened

MOST_IDS: Final = 5000
"""Identifiers that one answer has links of."""
MOST_VALUES: Final = 1_000_000
"""Values that a request may have: far beyond the identifiers that are answered, so that these are, with the
word that there were more; what bounds a request is the bytes of its form."""
_ID: Final = Parameter(
    "ID", plain, "identifier of a data set, a file or a member", many=True, keep_empty=True
)


@dataclass(frozen=True, slots=True)
class Asked:
    """``ids``: the identifiers that are answered, as they were sent, each once, in their order. ``cut``:
    there were more. ``maxrec``: rows wanted at most."""

    ids: Sequence[str]
    cut: bool
    maxrec: int | None
    runid: str | None

    @property
    def describes(self) -> bool:
        """Whether nothing but what the service is was asked for (DL-004, DL-011)."""
        return not self.ids or self.maxrec == 0


def read_request(form: Form, parts: Mapping[str, object] | None = None) -> Asked:
    """What is asked by the parameters of a request, with the files that came along. Raises ServiceError
    (400)."""
    for name in parts or ():
        raise usage(f"{shortened(name)} came as a file.", "Send it as a parameter.")
    sent = dict.fromkeys(
        text for text in form.every(_ID) if text
    )  # an empty one is as good as none (DALI-043)
    answered = tuple(islice(sent, MOST_IDS))
    return Asked(answered, len(sent) > len(answered), form.one(MAXREC), form.one(RUNID))
