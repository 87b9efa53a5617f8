"""Contracts and landing format -> docs/tables.md, docs/landing.md: `python -m spark_jobs.docs` writes both.

A test compares the files with what this module would write, so they cannot fall behind the contracts.
"""

from __future__ import annotations

from pathlib import Path

from conf import landing
from conf.contract import Column, Table
from conf.pipeline import JOBS
from conf.tables import TABLES
from spark_jobs.example_queries import EXAMPLES

DOCS = Path(__file__).parents[1] / "docs"
_WARNING = "<!-- written by `python -m spark_jobs.docs`: change {source} instead -->"
# What happens to a second row of one key.
_REPEATED = {"listens": "a repeated id goes to quarantine, the first row stands"}


def tables_page() -> str:
    """docs/tables.md: every contract, and ten example queries."""
    parts = [
        _WARNING.format(source="conf/tables.py or spark_jobs/example_queries.py"),
        "# Tables",
        _TABLES_INTRO,
        _overview(),
        "## Ten questions",
        *(f"**{i}. {e.question}**\n\n```sql\n{e.statement.strip()}\n```" for i, e in enumerate(EXAMPLES, 1)),
        "## Contracts",
        *map(_contract, TABLES.values()),
    ]
    return "\n\n".join(parts) + "\n"


def landing_page() -> str:
    """docs/landing.md: what a user brings."""
    parts = [
        _WARNING.format(source="conf/landing.py"),
        "# Landing format",
        _LANDING_INTRO.format(endings=", ".join(f"`{ending}`" for ending in landing.ENDINGS)),
        *map(_entity, landing.ENTITIES.values()),
    ]
    return "\n\n".join(parts) + "\n"


def write(folder: Path = DOCS) -> list[Path]:
    """Write both pages; returns their paths."""
    pages = {folder / "tables.md": tables_page(), folder / "landing.md": landing_page()}
    for path, text in pages.items():
        path.write_text(text)
    return list(pages)


_TABLES_INTRO = """\
Delta tables, one folder each below the warehouse, reader version 1: Spark, delta-rs, DuckDB and Polars read the same rows
(a test compares them). `plant tables` shows what is there; `plant sql "select ..."` asks in DuckDB's SQL and needs no JVM;
from Python, `deltalake.DeltaTable(folder).to_pyarrow_dataset()` or `polars.scan_delta(folder)`.

Times are UTC. `_id` names come from outside; `track_idx` is internal, dense and never reused. Rows with `simulated = true`
come from a simulated world or a simulated spread over time: say so wherever they are quoted."""

_LANDING_INTRO = """\
A folder with one sub-folder per entity, holding files that end in {endings}, in sub-folders too; names that start with `.`
or `_` are ignored, and so is a path that leaves the folder. Only a listener, a track and a time are required: everything
else makes the lists better. Audio files lie below `audio/`, addressed by a track's `audio` path.

Times are RFC 3339 with an offset in JSON (`2026-09-07T08:15:30Z`) and timestamps in Parquet. A row made by a simulation
carries `simulated: true` through to every table. Each file's content is taken exactly once, however often it is brought;
rows that break a rule go to the table `quarantine` with a reason (docs/operations.md lists them)."""


def _overview() -> str:
    lines = ["| table | written by | meaning |", "|---|---|---|"]
    lines += [f"| [{t.name}](#{t.name}) | {', '.join(_writers(t))} | {t.meaning} |" for t in TABLES.values()]
    return "\n".join(lines)


def _contract(table: Table) -> str:
    facts = [
        f"key: {', '.join(f'`{name}`' for name in table.key)}",
        f"written by {', '.join(_writers(table))} ({'Spark' if table.engine == 'spark' else 'delta-rs'})",
        f"read by {', '.join(_readers(table)) or 'nobody in the line'}",
    ]
    if table.partition:
        facts.append(f"partitioned by {', '.join(f'`{name}`' for name in table.partition)}")
    facts.append(f"kept {table.keep_days} days" if table.keep_days else "kept for good")
    facts += [f"check {name}: `{condition}`" for name, condition in table.checks.items()]
    rows = ["| column | type | null | meaning |", "|---|---|---|---|", *map(_column, table.columns)]
    return f"### {table.name}\n\n{_sentence(table.meaning)}\n\n" + "\n".join([*(f"- {f}" for f in facts), "", *rows])


def _column(column: Column) -> str:
    default = f" (rows of older contracts: {column.default})" if column.default is not None else ""
    return f"| `{column.name}` | `{column.type}` | {'yes' if column.nullable else 'no'} | {_cell(column.meaning)}{default} |"


def _entity(entity: landing.Entity) -> str:
    rows = ["| field | type | required | meaning |", "|---|---|---|---|"]
    rows += [f"| `{f.name}` | `{f.type}` | {'yes' if f.required else ''} | {_cell(f.meaning)} |" for f in entity.fields]
    key = ", ".join(f"`{name}`" for name in entity.key)
    return (
        f"## {entity.name}\n\nUnique by {key}; {_REPEATED.get(entity.name, 'the last row of a key stands')}.\n\n"
        + "\n".join(rows)
    )


def _writers(table: Table) -> list[str]:
    return [job.name for job in JOBS if table in job.writes] or ["the runner"]


def _readers(table: Table) -> list[str]:
    return [job.name for job in JOBS if any(read.table is table for read in job.reads)]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for page in write():
        print(page.relative_to(DOCS.parent))
