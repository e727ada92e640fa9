"""What can be wrong with an uploaded table: where, and what would be right."""

from __future__ import annotations

from vo_service.dali.parameters import shortened


class UploadFault(ValueError):
    """A table that cannot be taken: ``row`` counts from 1, ``column`` is a name as it was sent."""

    def __init__(
        self,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column
        self.hint = hint

    def of(self, column: str) -> UploadFault:
        """The same fault, with the column it was found in."""
        return UploadFault(self.message, row=self.row, column=column, hint=self.hint)

    def after(self, rows: int) -> UploadFault:
        """The same fault, with its row counted from the beginning of the table, ``rows`` being before it."""
        row = None if self.row is None else self.row + rows
        return UploadFault(self.message, row=row, column=self.column, hint=self.hint)

    @property
    def place(self) -> str:
        """Row and column, as far as they are known: ``row 5, column flux``."""
        known = [] if self.row is None else [f"row {self.row}"]
        if self.column is not None:
            known.append(f"column {shortened(self.column)}")
        return ", ".join(known)
