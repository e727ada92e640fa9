"""What a build remembers for the next one, beside its tree: ``build.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from hips.images.survey import Brightness
from hips.tiles.pictures import Transfer

FACTS = "build.json"
_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a build: the digest of its tiles and of what it says of itself, its transfer function and unit,
    which of the fields that were asked for were left out and why, how bright the others are.
    ``transfer_from``: names of the fields that the transfer function was found from; none where it was
    given."""

    contents: str
    said: str
    unit: str
    transfer: Transfer
    order: int
    created: datetime
    released: datetime
    left_out: dict[str, str]
    transfer_from: list[str]
    brightness: dict[str, Brightness]


def write_facts(directory: Path, facts: Facts) -> None:
    """Raises OSError."""
    values = asdict(facts) | {
        "format": _FORMAT,
        "created": facts.created.isoformat(),
        "released": facts.released.isoformat(),
    }
    (directory / FACTS).write_text(json.dumps(values, indent=1), encoding="utf-8")


def read_facts(directory: Path) -> Facts:
    """Raises OSError for facts that are not there, or not such as are written today."""
    try:
        values = json.loads((directory / FACTS).read_text(encoding="utf-8"))
        if values.pop("format") != _FORMAT:
            raise OSError(f"{FACTS} of {directory.name} is of another version")
        return Facts(
            **values
            | {
                "transfer": Transfer(**values["transfer"]),
                "brightness": {name: Brightness(**told) for name, told in values["brightness"].items()},
                "created": datetime.fromisoformat(values["created"]),
                "released": datetime.fromisoformat(values["released"]),
            }
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OSError(f"{FACTS} of {directory.name} cannot be read: {error}") from error
