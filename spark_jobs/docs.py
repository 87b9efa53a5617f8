"""Contracts, features, landing format -> docs/tables.md, features.md, landing.md: `python -m spark_jobs.docs` writes them.

A test compares the files with what this module would write, so they cannot fall behind the contracts.
"""

from __future__ import annotations

from pathlib import Path

from conf import landing
from conf.contract import Column, Table
from conf.features.catalogue import CATALOGUE
from conf.features.feature import TABLE_OF, Entity, Feature
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


def features_page() -> str:
    """docs/features.md: every feature of the catalogue, by what it belongs to."""
    entities = dict.fromkeys(feature.entity for feature in CATALOGUE)
    parts = [_WARNING.format(source="conf/features"), "# Features", _FEATURES_INTRO, *map(_features, entities)]
    return "\n\n".join(parts) + "\n"


def write(folder: Path = DOCS) -> list[Path]:
    """Write the pages; returns their paths."""
    made = {"tables.md": tables_page(), "features.md": features_page(), "landing.md": landing_page()}
    pages = {folder / name: text for name, text in made.items()}
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


_FEATURES_INTRO = """\
What the ranker knows, as of the Sunday before the Monday served: nothing that happened at or after the cut enters. Layers are
`raw` (counts and shares), `derived` (from them), `embedding` (vectors) and `pair` (of a listener and a candidate, made when
they are ranked and kept nowhere). A reader takes the default where a row or a value is missing. `plant features` prints this
list, `plant features --check` compares the tables with what is promised here: newest rows younger than so many days, no larger
a share of nulls, every value within its domain, and no distribution that moved far since last week (PSI above .25)."""


def _features(entity: Entity) -> str:
    where = f"Table [{TABLE_OF[entity]}](tables.md#{TABLE_OF[entity]})." if entity in TABLE_OF else "In no table."
    head = "| feature | layer | type | unit | domain | default | promise | meaning |"
    rows = [head, "|---|---|---|---|---|---|---|---|", *(_feature(f) for f in CATALOGUE if f.entity == entity)]
    owners = ", ".join(dict.fromkeys(f.owner for f in CATALOGUE if f.entity == entity))
    return f"## {entity}\n\n{where} Made by {owners}.\n\n" + "\n".join(rows)


def _feature(feature: Feature) -> str:
    size = f" [{feature.size}]" if feature.size else ""
    promise = f"{feature.fresh_days} d, null <= {feature.max_null:.0%}" + (", hot" if feature.hot else "")
    meaning = feature.meaning.replace("|", "\\|")
    facts = (f"`{feature.name}`", feature.layer, f"{feature.type}{size}", feature.unit, feature.domain, f"{feature.default:g}")
    return f"| {' | '.join((*facts, promise, meaning))} |"


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
