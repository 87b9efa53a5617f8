"""What a table's contract is made of; `conf/tables.py` lists the contracts themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Engine = Literal["spark", "delta-rs"]


@dataclass(frozen=True)
class Column:
    """One column: its Spark SQL type, what it means (with unit), and the literal that older rows get when it is added."""

    name: str
    type: str
    meaning: str
    nullable: bool = True
    default: str | None = None


@dataclass(frozen=True)
class Table:
    """One Delta table's contract.

    Attributes
    ----------
    engine : which library writes it; every reader may read it. Never both, so that one log protocol holds.
    partition : partition columns; a write replaces exactly its partitions.
    keep_days : rows older than this many days before the newest partition are dropped by `plant vacuum`; None keeps all.
    checks : name -> SQL condition, made a Delta CHECK constraint.
    scope : `week` when each row belongs to one `run_date` of the weekly line, `event` when the table holds what came in.
        A re-run of a week reads event tables at the version that week recorded.
    clock : date or timestamp column that says when an event happened; `before_cut` reads compare it.
    """

    name: str
    meaning: str
    engine: Engine
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition: tuple[str, ...] = ()
    keep_days: int | None = None
    checks: dict[str, str] = field(default_factory=dict)
    scope: Literal["event", "week", "book"] = "event"
    clock: str | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in contract order."""
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> Column:
        """Column called `name`; KeyError where the contract has none."""
        for candidate in self.columns:
            if candidate.name == name:
                return candidate
        raise KeyError(f"table {self.name} has no column {name}")
