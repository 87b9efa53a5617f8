"""Upserts of the catalogue on Spark, from planted files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pytest

from conf.pipeline import BY_NAME
from conf.settings import IngestCatalogue
from conf.tables import TABLES
from spark_jobs.contract import Output, Refused, Run
from spark_jobs.intake.ingest_catalogue import transform
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
READS = [read.table.name for read in BY_NAME["ingest_catalogue"].reads]
ANY_DIRT = IngestCatalogue(max_quarantined=1.0)


class Shelf:
    """Tables as Arrow; each output replaces its table, or is added where its condition names files."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self.rows = {name: arrow_schema(TABLES[name]).empty_table() for name in [*READS, "quarantine"]}

    def take_in(self, landing: Path, params: IngestCatalogue = ANY_DIRT) -> dict[str, Output]:
        frames = {name: self.spark.createDataFrame(self.rows[name]) for name in READS}
        day = date(2026, 9, 5)
        outputs = transform(**frames, params=params, run=Run(run_date=day, cut=day, landing=landing, warehouse=landing))
        for name, output in outputs.items():
            data = output.data if isinstance(output.data, pa.Table) else output.data.toArrow()
            typed = data.cast(arrow_schema(TABLES[name]))
            self.rows[name] = pa.concat_tables([self.rows[name], typed]) if output.replace else typed
        return outputs

    def by(self, table: str, key: str, value: str) -> dict[Any, Any]:
        return dict(zip(self.rows[table][key].to_pylist(), self.rows[table][value].to_pylist(), strict=True))


def landed(landing: Path, name: str, *rows: dict[str, Any]) -> None:
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))


def track(track_id: str, title: str = "T", **more: Any) -> dict[str, Any]:
    return {"track_id": track_id, "title": title, "artist_ids": ["a1"], **more}


def test_tracks_keep_their_number_and_new_ones_follow(spark: SparkSession, tmp_path: Path) -> None:
    shelf = Shelf(spark)
    landed(tmp_path, "tracks/1.jsonl", track("m"), track("c", blocked=True), track("m", "later line"))
    landed(tmp_path, "artists/1.jsonl", {"artist_id": "a1", "name": "Ada"})
    shelf.take_in(tmp_path)
    assert shelf.by("tracks", "track_id", "track_idx") == {"c": 0, "m": 1}
    assert shelf.by("tracks", "track_id", "title") == {"c": "T", "m": "later line"}
    landed(tmp_path, "tracks/2.jsonl", track("b", artist_ids=["a1", "guest"]), track("c", "new title"))
    outputs = shelf.take_in(tmp_path)
    assert list(outputs) == ["quarantine", "tracks", "artists", "landing_files"]
    assert shelf.by("tracks", "track_id", "track_idx") == {"c": 0, "m": 1, "b": 2}
    assert shelf.by("tracks", "track_id", "title")["c"] == "new title"
    assert shelf.by("tracks", "track_id", "blocked")["c"] is False  # the last word on a track is the whole row
    assert shelf.by("artists", "artist_id", "name") == {"a1": "Ada", "guest": "guest"}
    assert shelf.take_in(tmp_path) == {}


def test_every_other_entity_finds_its_table_and_bad_values_the_quarantine(spark: SparkSession, tmp_path: Path) -> None:
    at = "2026-09-01T10:00:00Z"
    landed(tmp_path, "users/1.jsonl", {"user_id": "u", "timezone": "Europe/Berlin", "country": "DE"},
           {"user_id": "v", "timezone": "Mars/Olympus"}, {"user_id": "w", "country": "Germany"})  # fmt: skip
    landed(tmp_path, "follows/1.jsonl", {"user_id": "u", "followed_id": "v"}, {"user_id": "u", "followed_id": "v"})
    landed(tmp_path, "tags/1.jsonl", {"entity": "track", "entity_id": "t", "tag": "Late Night"},
           {"entity": "album", "entity_id": "t", "tag": "x"})  # fmt: skip
    save = {"user_id": "u", "kind": "save", "entity": "track", "entity_id": "t", "at": at}
    landed(tmp_path, "feedback/1.jsonl", save, save | {"kind": "love"}, save | {"at": "2026-09-02T10:00:00Z"})
    landed(tmp_path, "playlists/1.jsonl", {"playlist_id": "p", "user_id": "u", "track_ids": ["t", "t2"]})
    shown = {"user_id": "u", "track_id": "t", "surface": "home", "shown_at": at}
    landed(tmp_path, "exposures/1.jsonl", shown | {"propensity": 0.5}, shown | {"propensity": 0}, shown | {"position": 0})
    landed(tmp_path, "tracks/1.jsonl", track("ok", audio="a/b..c.flac"), track("up", audio="a/../../etc"),
           track("root", audio="/etc/passwd"), track("lone", countries=["DE", "germany"]))  # fmt: skip
    shelf = Shelf(spark)
    shelf.take_in(tmp_path)
    refused = sorted(zip(*(shelf.rows["quarantine"][c].to_pylist() for c in ("entity", "line", "reason")), strict=True))
    assert refused == [("exposures", 2, "bad_value"), ("exposures", 3, "bad_value"), ("feedback", 2, "bad_value"),
                       ("tags", 2, "bad_value"), ("tracks", 2, "bad_value"), ("tracks", 3, "bad_value"),
                       ("tracks", 4, "bad_value"), ("users", 2, "bad_value"), ("users", 3, "bad_value")]  # fmt: skip
    assert shelf.by("users", "user_id", "timezone") == {"u": "Europe/Berlin"}
    assert shelf.rows["follows"].num_rows == 1
    assert shelf.by("tags", "tag", "weight") == {"late night": 1.0}
    assert [t.day for t in shelf.rows["feedback"]["at"].to_pylist()] == [2]
    assert shelf.by("listener_playlists", "playlist_id", "track_ids") == {"p": ["t", "t2"]}
    assert shelf.by("foreign_exposures", "user_id", "propensity") == {"u": 0.5}
    with pytest.raises(Refused, match="refuses 9 of 18"):
        Shelf(spark).take_in(tmp_path, IngestCatalogue(max_quarantined=0.2))


def test_a_bare_log_names_its_tracks(spark: SparkSession, tmp_path: Path) -> None:
    play = {"user_id": "u", "track_id": "t9", "started_at": "2026-09-01T10:00:00Z"}
    landed(tmp_path, "listens/1.jsonl", play, play | {"track_id": "t1"}, {"track_id": "no listener"})
    shelf = Shelf(spark)
    shelf.take_in(tmp_path)
    assert shelf.by("tracks", "track_id", "track_idx") == {"t1": 0, "t9": 1}
    landed(tmp_path, "listens/2.jsonl", play | {"track_id": "t0"}, play)
    shelf.take_in(tmp_path)
    assert shelf.by("tracks", "title", "track_idx") == {"t1": 0, "t9": 1, "t0": 2}
    assert set(shelf.rows["landing_files"]["entity"].to_pylist()) == {"listens"}
    landed(tmp_path, "tracks/1.jsonl", track("t9", "Real title"))
    shelf.take_in(tmp_path)
    landed(tmp_path, "listens/3.jsonl", play | {"track_id": "typo"})
    assert shelf.take_in(tmp_path) == {}  # there is a catalogue now
    assert shelf.by("tracks", "title", "track_idx") == {"t1": 0, "Real title": 1, "t0": 2}
