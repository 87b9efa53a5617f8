"""ListenBrainz dump (full or incremental, its parquet files) -> landing: all listeners' histories.

DuckDB streams the files in order with a bounded memory and spills the two groupings, so a dump of a thousand million
listens takes disk, not memory. A recording goes by its MusicBrainz id, an unmatched one by its MessyBrainz id; its
title, album and artists are those of its first listen. Artists go by MusicBrainz id, or by a hash of the name where
nothing matched. The dump names a credit ("Jah Wobble, Marconi Union"), not its artists: an artist's name is taken from
their solo credits, else from the part of a credit at their position, else the whole credit stands in and is counted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from conf.errors import LandingError
from spark_jobs.intake.importers.contract import ImportReport
from spark_jobs.intake.importers.identity import artist_id_of_name
from spark_jobs.intake.importers.landing_writer import LandingWriter
from spark_jobs.intake.importers.source_files import source_files

NAME = "listenbrainz-dump"
NEEDED = {
    "listened_at": "timestamp", "user_id": "int", "recording_msid": "string", "artist_name": "string",
    "recording_name": "string", "recording_mbid": "string", "release_name": "string", "artist_credit_mbids": "list",
}  # fmt: skip
ROWS_PER_BATCH = 100_000
MEMORY = "1GB"

# One reason per row, the first that applies; null: the row comes along.
REASON = """CASE WHEN listened_at IS NULL THEN 'no time' WHEN user_id IS NULL THEN 'no listener'
WHEN coalesce(recording_mbid, recording_msid, '') = '' THEN 'no recording id'
WHEN trim(coalesce(recording_name, '')) = '' OR trim(coalesce(artist_name, '')) = '' THEN 'no title or artist' END"""
VALID = f"""CREATE TEMP VIEW valid AS SELECT *, coalesce(recording_mbid, recording_msid) AS track_id,
coalesce(artist_credit_mbids, []) AS mbids FROM dump WHERE ({REASON}) IS NULL"""
# The first listen tells what a recording is called; a matched wording goes before an unmatched one. arg_min keeps one
# row per recording in memory, where DISTINCT ON ... ORDER BY would gather all of them.
FIRST = """CREATE TEMP TABLE recordings AS SELECT track_id, unnest(wording) FROM (SELECT track_id, arg_min(
  {'recording_name': recording_name, 'artist_name': artist_name, 'release_name': release_name, 'mbids': mbids},
  (len(mbids) = 0, listened_at, recording_name, artist_name, coalesce(release_name, ''), mbids)) AS wording
FROM valid GROUP BY track_id)"""
LISTENS = """SELECT 'listenbrainz-' || user_id AS user_id, track_id, listened_at::TIMESTAMP AS started_at FROM valid"""
USERS = "SELECT DISTINCT 'listenbrainz-' || user_id AS user_id FROM valid ORDER BY user_id"
TRACKS = """SELECT track_id, recording_name AS title, nullif(trim(release_name), '') AS album,
CASE WHEN len(mbids) > 0 THEN mbids ELSE [artist_id_of_name(artist_name)] END AS artist_ids
FROM recordings ORDER BY track_id"""
# Every artist of every recording with the name it got and how sure that is: 0 solo credit, 1 part, 2 whole credit.
NAMES = """CREATE TEMP TABLE names AS
WITH credits AS (SELECT mbids, artist_name, string_split(artist_name, ', ') AS parts, count(*) AS recordings
  FROM recordings GROUP BY ALL),
parted AS (SELECT *, unnest(mbids) AS artist_id, generate_subscripts(mbids, 1) AS place FROM credits),
called AS (SELECT artist_id, recordings,
  CASE WHEN len(mbids) = 1 THEN 0 WHEN len(mbids) = len(parts) THEN 1 ELSE 2 END AS doubt,
  CASE WHEN len(mbids) = len(parts) AND len(mbids) > 1 THEN parts[place] ELSE artist_name END AS name FROM parted
  UNION ALL SELECT artist_id_of_name(artist_name), recordings, 0, artist_name FROM credits WHERE len(mbids) = 0),
counted AS (SELECT artist_id, doubt, name, sum(recordings) AS recordings FROM called GROUP BY ALL)
SELECT DISTINCT ON (artist_id) artist_id, name, doubt FROM counted ORDER BY artist_id, doubt, recordings DESC, name"""
ARTISTS = "SELECT artist_id, name FROM names ORDER BY artist_id"


def read(source: Path, landing: Path) -> ImportReport:
    """Write the listens of a dump's folder (or of one of its parquet files) to `landing`."""
    paths = _parquet_files(source)
    with LandingWriter(landing, NAME) as writer, _connection() as database:
        database.read_parquet(paths).create_view("dump")
        for statement in (VALID, FIRST, NAMES):
            database.execute(statement)
        reasons = database.execute(f"SELECT {REASON} AS reason, count(*) FROM dump GROUP BY 1 HAVING reason IS NOT NULL")
        for reason, rows in reasons.fetchall():
            writer.leave_out(reason, rows)
        for entity, query in {"listens": LISTENS, "users": USERS, "tracks": TRACKS, "artists": ARTISTS}.items():
            for batch in database.sql(query).to_arrow_reader(ROWS_PER_BATCH):
                writer.add_batch(entity, _in_utc(batch))
        unsure = database.execute("SELECT count(*) FROM names WHERE doubt = 2").fetchone()
        writer.facts.update(files_read=len(paths), artists_named_by_whole_credit=unsure[0] if unsure else 0)
    return writer.report()


def _parquet_files(source: Path) -> list[str]:
    """Paths of the dump's parquet files, each checked to have the dump's columns."""
    with source_files(source) as files:
        names = [file.name for file in files]
    paths = [source if source.is_file() else source / name for name in names if name.endswith(".parquet")]
    if not paths:
        raise LandingError(
            f"expected a ListenBrainz dump (0.parquet, 1.parquet, ...), saw {names[:5] or 'no files'} in {source};"
            " unpack the dump's archive first"
        )
    for path in paths:
        _check_schema(path)
    return [str(path) for path in paths]


def _check_schema(path: Path) -> None:
    """Raise LandingError unless the file has the dump's columns in their types."""
    expected = "expected a ListenBrainz dump's parquet (listened_at, user_id, recording_msid, artist_name, ...)"
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise LandingError(f"{expected}, saw no parquet in {path} ({error})") from None
    if missing := [name for name in NEEDED if name not in schema.names]:
        raise LandingError(f"{expected}, saw columns {schema.names[:12]} without {missing} in {path}")
    for name, kind in NEEDED.items():
        if not str(schema.field(name).type).removeprefix("large_").startswith(kind):
            raise LandingError(f"{expected}, saw {name} of type {schema.field(name).type}, not {kind}, in {path}")


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory, spilling to a folder of its own; it loads no extension and fetches none."""
    with tempfile.TemporaryDirectory(prefix="listenbrainz-") as spill:
        settings = {"memory_limit": MEMORY, "temp_directory": spill, "autoinstall_known_extensions": False}
        with duckdb.connect(config=settings) as database:  # type: ignore[arg-type]
            database.create_function("artist_id_of_name", artist_id_of_name, ["VARCHAR"], "VARCHAR")
            yield database


def _in_utc(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` with its naive timestamps read as UTC, which they are."""
    zoned = pa.timestamp("us", tz="UTC")
    fields = [field.with_type(zoned) if pa.types.is_timestamp(field.type) else field for field in batch.schema]
    return batch.cast(pa.schema(fields))
