"""Columns of uploaded tables: what a FIELD says, checked, and the column that queries see of it.

Types stay VOTable's own here. ADQL has none for bits, bytes and truth values; `vo_service.query` turns them
into small integers. Complex numbers become pairs of floats: an array whose first dimension is 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa

from tap_schema import Column
from vo_service.dali.uploads.faults import UploadFault

NAME_CHARACTERS: Final = 64
COLUMNS: Final = 1600
"""Columns of a table at most; what PostgreSQL takes."""
CELL_BYTES: Final = 16 << 20
"""Bytes that one cell may take, `Field.bytes_each` for each of its elements."""
_ARRAYSIZE = re.compile(r"(?:([1-9]\d*(?:x[1-9]\d*)*)(?:(x\*)|(\*))?|(\*))")
_SCALARS: Final = {
    "boolean": pa.bool_(),
    "bit": pa.uint8(),
    "unsignedByte": pa.uint8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "char": pa.string(),
    "unicodeChar": pa.string(),
    "float": pa.float32(),
    "double": pa.float64(),
    "floatComplex": pa.float32(),
    "doubleComplex": pa.float64(),
}
_BYTES: Final = {
    "boolean": 1,
    "unsignedByte": 1,
    "short": 2,
    "int": 4,
    "long": 8,
    "char": 1,
    "unicodeChar": 2,
    "float": 4,
    "double": 8,
    "floatComplex": 8,
    "doubleComplex": 16,
}
_LENGTHS: Final = {"point": "2", "interval": "2", "circle": "3", "range": "4", "polygon": "*"}
_NUMBERS: Final = frozenset({"short", "int", "long", "float", "double"})


@dataclass(frozen=True, slots=True)
class Extent:
    """How many elements a cell has: a multiple of ``step``, ``most`` at most (None: any number).

    ``fixed``: always ``most`` of them. A single value is no extent.
    """

    step: int
    most: int | None
    fixed: bool


ONE: Final = Extent(1, 1, True)
"""The extent of an array that is as long as a single value."""


@dataclass(frozen=True)
class Field:
    """One column as its table describes it. ``null`` is the text that stands for NULL. Raises UploadFault."""

    name: str
    datatype: str
    arraysize: str | None = None
    xtype: str | None = None
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    description: str = ""
    null: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise UploadFault("a column has no name; give each FIELD one")
        if len(self.name) > NAME_CHARACTERS:
            raise UploadFault(f"the name is longer than {NAME_CHARACTERS} characters", column=self.name)
        if self.datatype not in _SCALARS:
            known = ", ".join(_SCALARS)
            raise UploadFault(
                f"the datatype {self.datatype!r} is none of VOTable's",
                column=self.name,
                hint=f"Known: {known}.",
            )
        try:
            self._check_xtype()
        except UploadFault as fault:
            raise fault.of(self.name) from None

    def _check_xtype(self) -> None:
        """DALI-080, DALI-091: shapes are arrays of numbers of their length, moments and maps are text."""
        extent = self.extent
        if self.xtype in _LENGTHS:
            wanted = _LENGTHS[self.xtype]
            most = None if extent is None else extent.most
            if self.datatype not in _NUMBERS or extent is None or wanted not in ("*", str(most)):
                raise UploadFault(
                    f"unsupported-xtype: {self.xtype} of datatype {self.datatype} and arraysize "
                    f"{self.arraysize or 'none'}; double and {wanted} are wanted"
                )
        elif self.xtype in ("timestamp", "moc") and not self.is_text:
            raise UploadFault(f"unsupported-xtype: {self.xtype} of datatype {self.datatype}; char is wanted")

    @property
    def is_text(self) -> bool:
        """Whether cells are character strings."""
        return self.datatype in ("char", "unicodeChar")

    @property
    def is_grid(self) -> bool:
        """Whether a cell is an array of texts, all of one length, one behind another (VOT-038)."""
        return self.is_text and "x" in (self.arraysize or "")

    @property
    def is_complex(self) -> bool:
        """Whether numbers are pairs."""
        return self.datatype in ("floatComplex", "doubleComplex")

    @cached_property
    def extent(self) -> Extent | None:
        """How many elements a cell has, None for a single value (VOT-035, VOT-036). Raises UploadFault."""
        if self.arraysize is None or self.arraysize.strip() == "1":
            return None
        text = self.arraysize.strip()
        found = _ARRAYSIZE.fullmatch(text)
        if found is None:
            raise UploadFault(
                f"arraysize {self.arraysize!r} is not VOTable's",
                column=self.name,
                hint="Right are 5, *, 5*, 2x3 and 2x*.",
            )
        sizes = [int(size) for size in (found[1] or "1").split("x") if len(size) < 12]
        product = 1
        for size in sizes:
            product *= size
        if len(sizes) != len((found[1] or "1").split("x")) or product * self.bytes_each > CELL_BYTES:
            raise UploadFault(
                f"arraysize {self.arraysize!r} makes cells above {CELL_BYTES} bytes", column=self.name
            )
        if found[2] or found[4]:
            return Extent(product, None, False)
        if found[3]:
            return Extent(product // sizes[-1], product, False)
        return Extent(product, product, True)

    @property
    def bytes_each(self) -> int:
        """Bytes that an element takes in the binary serialisations; a bit counts for one."""
        return _BYTES.get(self.datatype, 1)

    @property
    def scalar_type(self) -> pa.DataType:
        """Arrow type of an element; of each half, for complex numbers."""
        return _SCALARS[self.datatype]

    @property
    def arrow_type(self) -> pa.DataType:
        """Arrow type of a cell."""
        if self.is_text:
            return pa.string()
        if self.extent is None and not self.is_complex:
            return self.scalar_type
        return pa.list_(self.scalar_type)

    def column(self, ascii: bool) -> Column:
        """The column that queries see. ``ascii`` False: a text of it holds characters that char has not."""
        datatype, arraysize = self.datatype, self.arraysize
        if self.extent is None:
            arraysize = None
        if self.is_complex:
            datatype = "float" if datatype == "floatComplex" else "double"
            arraysize = "2" if arraysize is None else f"2x{arraysize}"
        elif datatype == "char" and not ascii:
            datatype = "unicodeChar"
        if self.xtype == "timestamp":
            datatype, arraysize = "char", "*"
        return Column(
            self.name,
            datatype,
            arraysize if arraysize is None else arraysize.strip(),
            self.xtype,
            self.unit,
            self.ucd,
            self.utype,
            self.description,
        )


def check_names(fields: list[Field] | tuple[Field, ...]) -> None:
    """Raises UploadFault for no column, too many, and for two of exactly the same name (VOT-183)."""
    if not fields:
        raise UploadFault("the table has no columns")
    if len(fields) > COLUMNS:
        raise UploadFault(f"the table has {len(fields)} columns, more than the {COLUMNS} allowed")
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise UploadFault("two columns have this name; give each its own", column=field.name)
        seen.add(field.name)
