"""Rows of one table version without a JVM, and the conditions that choose among them.

A version from before a column was added reads as the contract says: older rows get the column's default.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from conf.contract import Table
from spark_jobs.schema import arrow_schema

Condition = tuple[str, str, Any]  # column, one of = < <= > >=, value


@dataclass(frozen=True)
class TableRows:
    """Rows of `files` that meet `conditions`; see `spark_jobs.contract.Rows`."""

    contract: Table
    files: ds.Dataset
    conditions: tuple[Condition, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the contract."""
        return arrow_schema(self.contract)

    def table(self, columns: list[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """All rows as one Arrow table."""
        return self.dataset().to_table(columns=self._projection(columns), filter=self._filter(where))

    def batches(self, columns: list[str] | None = None, where: pc.Expression | None = None) -> Iterator[pa.RecordBatch]:
        """Rows as record batches, one file after the other: constant memory."""
        wanted = self._projection(columns)
        scanner = self.dataset().scanner(columns=wanted, filter=self._filter(where), batch_size=4096, batch_readahead=2)
        return iter(scanner.to_batches())

    def count(self) -> int:
        """Number of rows."""
        return int(self.files.count_rows(filter=self._filter(None)))

    def dataset(self) -> ds.Dataset:
        """The version's files, for engines that push columns and conditions into the scan themselves."""
        return self.files

    def _projection(self, columns: list[str] | None) -> list[str] | dict[str, pc.Expression]:
        """Column names, or expressions where the version lacks a column."""
        names = list(self.contract.column_names) if columns is None else columns
        if set(names) <= set(self.files.schema.names):
            return names
        return {name: self._column(name) for name in names}

    def _column(self, name: str) -> pc.Expression:
        if name in self.files.schema.names:
            return pc.field(name)
        kind, default = self.schema.field(name).type, self.contract.column(name).default
        return pc.scalar(pa.scalar(None, kind) if default is None else pa.scalar(default).cast(kind))

    def _filter(self, where: pc.Expression | None) -> pc.Expression | None:
        parts = [_expression(c) for c in self.conditions] + ([where] if where is not None else [])
        return reduce(and_, parts) if parts else None


def sql(condition: Condition) -> str:
    """SQL text of a condition.

    >>> sql(("run_date", "=", date(2026, 9, 7)))
    "run_date = DATE '2026-09-07'"
    """
    column, how, value = condition
    if isinstance(value, date):
        return f"{column} {how} DATE '{value.isoformat()}'"
    escaped = str(value).replace("'", "''")
    return f"{column} {how} '{escaped}'"


def equalities(text: str) -> list[tuple[str, str]]:
    """(column, value) of each part of a text that `sql` made of conditions with `=`, joined by AND.

    >>> equalities("run_date = DATE '2026-09-07' AND surface = 'd''or'")
    [('run_date', '2026-09-07'), ('surface', "d'or")]
    """
    parts = re.findall(r"(\w+) = (?:DATE )?'((?:[^']|'')*)'(?: AND |$)", text)
    return [(column, value.replace("''", "'")) for column, value in parts]


def _expression(condition: Condition) -> pc.Expression:
    column, how, value = condition
    expression: pc.Expression = _COMPARISONS[how](pc.field(column), value)
    return expression


_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
