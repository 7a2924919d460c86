"""One row of a sheet as read: values by field, the cell of each, and the faults found in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl.utils import get_column_letter

from service.registry import cells
from service.registry.cells import Finding
from service.registry.columns import Form
from service.registry.records import Fault
from service.registry.sheets import Sheet


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the workbook."""

    sheet: str
    row: int = 0
    column: str = ""
    cell: str = ""


class Findings:
    """Collects faults and hints in the order of reading."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.hints: list[Fault] = []

    def add(self, place: Place, finding: Finding, value: str = "") -> None:
        """Record `finding` at `place`."""
        found = Fault(
            code=finding.code,
            sheet=place.sheet,
            row=place.row,
            column=place.column,
            cell=place.cell,
            value=value,
            problem=finding.problem,
            remedy=finding.remedy,
        )
        (self.hints if finding.hint else self.faults).append(found)


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet with its heading row found: column index and heading as written, per field."""

    sheet: Sheet
    form: Form
    heading_row: int
    found: dict[str, tuple[int, str]]
    fields: dict[str, int]
    """The place of every field of the form in a row's parsed values."""

    def place(self, row: int, name: str) -> Place:
        """Return where the field `name` of a row stands."""
        if name in self.found:
            index, heading = self.found[name]
            return Place(self.sheet.name, row, heading, f"{get_column_letter(index + 1)}{row}")
        heading = next(column.heading for column in self.form.columns if column.name == name)
        return Place(self.sheet.name, row, heading)


class Line:
    """One filled row: parsed values by field, as `line["name"]`; fields without a column have their default.

    A workbook has tens of thousands of them: a row keeps two tuples, and its sheet's table says what they mean.
    """

    __slots__ = ("_findings", "_parsed", "_table", "_written", "bad", "row")

    def __init__(
        self, table: Table, findings: Findings, row: int, written: Sequence[Any], parsed: list[Any]
    ) -> None:
        self.row = row
        self.bad: frozenset[str] = frozenset()
        """The fields that have a fault."""
        self._table, self._findings = table, findings
        self._written, self._parsed = written, parsed

    def __getitem__(self, name: str) -> Any:
        return self._parsed[self._table.fields[name]]

    def __setitem__(self, name: str, value: Any) -> None:
        self._parsed[self._table.fields[name]] = value

    @property
    def failed(self) -> bool:
        """Whether this row has any fault."""
        return bool(self.bad)

    @property
    def sheet(self) -> str:
        """The name of the sheet, as written."""
        return self._table.sheet.name

    @property
    def values(self) -> dict[str, Any]:
        """The parsed values by field; changing them changes nothing here."""
        return dict(zip(self._table.fields, self._parsed, strict=True))

    @property
    def cells(self) -> dict[str, Any]:
        """The row as written, by field, as far as the sheet has the columns."""
        return {name: at(self._written, index) for name, (index, _) in self._table.found.items()}

    def fault(self, name: str, finding: Finding) -> None:
        """Report a finding about one field of this row."""
        written = cells.as_text(self.cells.get(name))
        self._findings.add(self._table.place(self.row, name), finding, written)
        if not finding.hint:
            self.bad |= {name}


def at(values: Sequence[Any], index: int) -> Any:
    """Return the value at a place of a row, None behind its end."""
    return values[index] if index < len(values) else None
