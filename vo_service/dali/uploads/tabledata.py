"""Rows of TABLEDATA from the events of an XML parse, in batches (VOT-070 to VOT-078)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from vo_service.dali.uploads.cells import read_texts
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import CELL_BYTES, Field

_ROWS = 1 << 14
_CHARACTERS = 4 << 20  # of the cells that are read together
_PIECES = 100  # that the text of a cell may come in before it is measured
_IN_TABLE, _IN_ROW, _IN_CELL = range(3)


class TableDataRows:
    """Handlers between ``<TABLEDATA>`` and its end; ``put`` gets the columns of some rows each.

    ``names`` gives the local names of elements of ours, empty ones for others. All methods raise UploadFault.
    """

    def __init__(
        self,
        fields: tuple[Field, ...],
        names: Mapping[str, str],
        put: Callable[[list[pa.Array]], None],
        ended: Callable[[], None],
    ) -> None:
        self._fields = fields
        self._names = names
        self._put = put
        self._ended = ended
        self._cells: list[str] = []
        self._texts: list[str] = []
        self._characters = 0
        self._wanted = len(fields)  # cells that there are when the row ends
        self._rows = 0
        self._where = _IN_TABLE

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Element begins."""
        local = self._names[name]
        if local == "TD" and self._where == _IN_ROW:
            self._where = _IN_CELL
            if attributes and attributes.get("encoding", "none").lower() != "none":
                raise UploadFault("a cell is encoded, which is not read; send plain text", row=self._row)
        elif local == "TR" and self._where == _IN_TABLE:
            self._where = _IN_ROW
        else:
            raise UploadFault(f"the element {local or name!r} has no place here", row=self._row)

    def end(self, name: str) -> None:
        """Element ends."""
        if self._where == _IN_CELL:
            self._where = _IN_ROW
            texts = self._texts
            cell = texts[0] if len(texts) == 1 else "".join(texts)
            self._cells.append(cell)
            self._characters += len(cell)
            texts.clear()
            if len(self._cells) > self._wanted:
                self._miscounted()
        elif self._where == _IN_ROW:
            self._where = _IN_TABLE
            if len(self._cells) != self._wanted:
                self._miscounted()
            self._wanted += len(self._fields)
            if self._wanted > _ROWS * len(self._fields) or self._characters > _CHARACTERS:
                self._flush()
        else:
            self._flush()
            self._ended()

    def text(self, text: str) -> None:
        """Characters."""
        if self._where == _IN_CELL:
            self._texts.append(text)
            if len(self._texts) > _PIECES and sum(map(len, self._texts)) > CELL_BYTES:
                raise UploadFault(f"a cell of more than {CELL_BYTES} characters", row=self._row)
        elif not text.isspace():
            raise UploadFault(f"there is text outside of the cells: {text.strip()[:40]!r}", row=self._row)

    @property
    def _row(self) -> int:
        """The row that is being read, counted from 1."""
        return self._rows + self._wanted // len(self._fields)

    def _miscounted(self) -> None:
        got, wanted = len(self._cells) - self._wanted + len(self._fields), len(self._fields)
        if got > wanted:
            raise UploadFault(f"the row has more cells than the {wanted} columns of the table", row=self._row)
        raise UploadFault(f"the row has {got} cells, the table has {wanted} columns", row=self._row)

    def _flush(self) -> None:
        width = len(self._fields)
        rows = len(self._cells) // width
        if rows:
            arrays = []
            for index, field in enumerate(self._fields):
                try:
                    arrays.append(read_texts(field, self._cells[index::width]))
                except UploadFault as fault:
                    raise fault.of(field.name).after(self._rows) from None
            self._put(arrays)
        self._rows += rows
        self._cells.clear()
        self._characters = 0
        self._wanted = width
