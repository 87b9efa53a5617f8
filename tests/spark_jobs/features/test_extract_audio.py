"""Weeks of extract_audio over planted files: what is heard, what is copied, and what a killed run leaves."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from conf import tables as t
from conf.ears import ExtractAudio, TrainAudio
from conf.pipeline import BY_NAME
from conf.settings import Settings
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Output, Run
from spark_jobs.features.extract_audio import transform
from spark_jobs.runner import Plant, run_job
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

FIRST = date(2026, 9, 7)
SECOND, THIRD, FOURTH = (FIRST + timedelta(weeks=n) for n in (1, 2, 3))
Write = Callable[..., Path]
_TABLES = (t.TRACK_AUDIO, t.AUDIO_QUARANTINE)


@dataclass
class Line:
    """Weeks of the job over tables in memory; `heard` has the number of files that each run listened to."""

    spark: SparkSession
    root: Path
    caplog: pytest.LogCaptureFixture
    paths: dict[str, str | None] = field(default_factory=dict)
    rows: dict[str, pa.Table] = field(default_factory=lambda: {x.name: arrow_schema(x).empty_table() for x in _TABLES})
    warnings: list[str] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    writes: int = 0

    def run(self, monday: date, network: ArtefactRef | None = None, stop_before: int = 99, **params: Any) -> None:
        """A week; it is killed before its write number `stop_before`."""
        self.writes = 0
        self.caplog.clear()
        given = {"audio": network} if network else {}
        run = Run(
            run_date=monday, cut=monday, landing=self.root, warehouse=self.root, artefacts=given, warn=self.warnings.append,
            write=lambda name, output: self._write(name, output, monday, stop_before),
        )  # fmt: skip
        tracks = [{"track_id": name, "audio": path, "simulated": True} for name, path in self.paths.items()]
        frames = {name: self.spark.createDataFrame(rows) for name, rows in self.rows.items()}
        tracks_frame = self.spark.createDataFrame(tracks, "track_id string, audio string, simulated boolean")
        with self.caplog.at_level(logging.INFO, "spark_jobs.features.extract_audio"):
            assert transform(tracks=tracks_frame, **frames, params=ExtractAudio(**params), run=run) == {}
        self.heard += [record.args[0] for record in self.caplog.records if "files_heard" in record.msg]  # type: ignore[index]
        self.spark.catalog.clearCache()

    def _write(self, name: str, output: Output, monday: date, stop_before: int) -> None:
        """As the runner does: the week's own rows make room, or rows are appended."""
        self.writes += 1
        if self.writes > stop_before:
            raise KeyboardInterrupt
        new = output.data.toArrow().select(t.TABLES[name].column_names).cast(self.rows[name].schema)
        old = self.rows[name]
        kept = old if output.replace == "" else old.filter(pc.not_equal(old["run_date"], pa.scalar(monday)))
        self.rows[name] = pa.concat_tables([kept, new]).combine_chunks()  # Spark reads no further than an empty chunk

    def week(self, monday: date, table: str = "track_audio") -> dict[str, dict[str, Any]]:
        """Rows of a week by track; each stands there once."""
        rows = self.rows[table].filter(pc.equal(self.rows[table]["run_date"], pa.scalar(monday))).to_pylist()
        assert len({row["track_id"] for row in rows}) == len(rows)
        return {row["track_id"]: row for row in rows}

    def heard_on(self, monday: date) -> dict[str, date]:
        """When each track of a week was heard, or found broken; it stands in one of the two tables."""
        good, broken = self.week(monday), self.week(monday, "audio_quarantine")
        assert not good.keys() & broken.keys()
        return {name: row["heard_on"] for name, row in (good | broken).items()}


@pytest.fixture
def line(spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture, song: Write) -> Line:
    """Three songs, a text that says it is one, and a file that is not there."""
    for n in range(3):
        song(tmp_path / "audio" / f"{n}.ogg", 300.0 * (n + 1))
    (tmp_path / "audio" / "text.mp3").write_text("404 not found\n" * 100)
    paths: dict[str, str | None] = {f"t{n}": f"{n}.ogg" for n in range(3)}
    return Line(spark, tmp_path, caplog, paths | {"text": "text.mp3", "gone": "gone.ogg", "wordless": None})


@pytest.fixture
def networks(tmp_path: Path) -> list[ArtefactRef]:
    """Two artefacts `audio` with other weights: nobody has taught them anything."""
    return [_network(tmp_path, seed) for seed in (1, 2)]


def _network(folder: Path, seed: int) -> ArtefactRef:
    from audio.cnn.graph import network_graph
    from audio.cnn.network import as_numpy, parameters  # JAX: a JVM is better forked without its threads

    weights = as_numpy(*parameters(TrainAudio(dimensions=8, stem=(2, 2, 2), channels=4, blocks=0, seed=seed), {}))
    graph = network_graph(weights)
    made = {"networks": {"fp32": hashlib.sha256(graph).hexdigest()}}
    return artefacts.save(folder, "audio", FIRST.isoformat(), Artefact({"fp32": np.frombuffer(graph, np.uint8)}, made))


def test_a_file_is_heard_once_until_its_bytes_change(line: Line, song: Write) -> None:
    line.run(FIRST)
    assert line.heard == [5]
    assert line.week(FIRST).keys() == {"t0", "t1", "t2"}, "a track without a file has no row"
    assert {k: row["reason"] for k, row in line.week(FIRST, "audio_quarantine").items()} == {
        "text": "unrecognised", "gone": "missing"
    }  # fmt: skip
    line.run(FIRST)  # the same week again
    line.run(SECOND)
    assert line.heard == [5, 0, 0]
    for table in ("track_audio", "audio_quarantine"):
        copied = {name: row | {"run_date": FIRST} for name, row in line.week(SECOND, table).items()}
        assert copied == line.week(FIRST, table)

    os.utime(line.root / "audio" / "0.ogg", ns=(10**18, 10**18))  # touched
    song(line.root / "audio" / "1.ogg", 1500.0)  # changed
    song(line.root / "audio" / "gone.ogg")  # brought at last
    (line.root / "audio" / "2.ogg").write_bytes(b"")  # broken since
    line.run(THIRD)
    assert line.heard[-1] == 3
    assert line.heard_on(THIRD) == {"t0": FIRST, "t1": THIRD, "gone": THIRD, "t2": THIRD, "text": FIRST}
    assert line.week(THIRD)["t0"]["modified_ns"] == 10**18
    assert line.week(THIRD)["t1"]["centroid_hz"] > line.week(SECOND)["t1"]["centroid_hz"]
    assert line.week(THIRD, "audio_quarantine")["t2"]["reason"] == "empty"

    # Last week's table has no row of t2 any more, the one before has: the newer word is that it is broken.
    line.run(THIRD)
    line.run(FOURTH)
    assert line.heard[-2:] == [0, 0]
    assert line.heard_on(FOURTH) == line.heard_on(THIRD)


def test_other_ears_hear_everything_again(line: Line) -> None:
    line.run(FIRST)
    for name, rows in line.rows.items():  # as an older version would have left them
        place = rows.column_names.index("extractor")
        line.rows[name] = rows.set_column(place, "extractor", pa.array(["0"] * len(rows)))
    line.run(SECOND)
    assert line.heard == [5, 5]
    assert set(line.heard_on(SECOND).values()) == {SECOND}


def test_another_network_hears_all_but_the_broken_and_none_leaves_all_as_it_was(
    line: Line, networks: list[ArtefactRef], song: Write
) -> None:
    line.run(FIRST, networks[0])
    row = line.week(FIRST)["t0"]
    assert len(row["embedding"]) == 8
    assert np.linalg.norm(row["embedding"]) == pytest.approx(1.0, abs=1e-5)
    assert row["network"] == artefacts.manifest(networks[0])["params"]["networks"]["fp32"]
    line.paths["t3"] = song(line.root / "audio" / "3.ogg", 700.0).name
    line.run(SECOND)  # a week without a network
    assert line.heard_on(SECOND)["t0"] == FIRST
    assert line.week(SECOND)["t0"]["embedding"] == row["embedding"]
    assert line.week(SECOND)["t3"]["embedding"] is None
    line.run(THIRD, networks[0])  # back again: what has none yet gets its embedding
    assert line.heard_on(THIRD) == {"t0": FIRST, "t1": FIRST, "t2": FIRST, "text": FIRST, "gone": FIRST, "t3": THIRD}
    line.run(FOURTH, networks[1])
    assert line.heard == [5, 1, 1, 4]
    assert line.heard_on(FOURTH) == dict.fromkeys(("t0", "t1", "t2", "t3"), FOURTH) | {"text": FIRST, "gone": FIRST}
    assert line.week(FOURTH)["t0"]["embedding"] != row["embedding"]


def test_a_damaged_network_leaves_the_embeddings_out_and_tells(line: Line, networks: list[ArtefactRef]) -> None:
    (Path(networks[0].uri) / "fp32.npy").write_bytes(b"torn")
    line.run(FIRST, networks[0])
    assert {row["embedding"] for row in line.week(FIRST).values()} == {None}
    assert len(line.warnings) == 1
    assert line.warnings[0].startswith("new tracks get no embedding: artefact audio: ")
    assert "train it again" in line.warnings[0]


def test_a_disk_that_is_not_mounted_changes_nothing(line: Line) -> None:
    line.run(FIRST)
    (line.root / "audio").rename(line.root / "elsewhere")
    line.run(SECOND)
    assert line.heard_on(SECOND) == line.heard_on(FIRST)
    (told,) = line.warnings
    assert "is empty or not there: what was heard before stands" in told
    (line.root / "elsewhere").rename(line.root / "audio")
    line.run(THIRD)
    assert line.heard == [5, 0, 0]


@pytest.mark.parametrize("stop_before", [0, 1, 2, 3, 5])
def test_a_killed_run_goes_on_where_it_was(line: Line, song: Write, stop_before: int) -> None:
    """Its writes: two of what is known, then two a commit."""
    line.run(FIRST)
    song(line.root / "audio" / "0.ogg", 1100.0)
    line.paths |= {"t3": song(line.root / "audio" / "3.ogg", 700.0).name, "gone2": "gone2.ogg"}
    start = dict(line.rows)
    line.run(SECOND, files_per_commit=1)
    whole = {table: line.week(SECOND, table) for table in line.rows}
    line.rows = start
    with pytest.raises(KeyboardInterrupt):
        line.run(SECOND, stop_before=stop_before, files_per_commit=1)
    line.run(SECOND, files_per_commit=1)
    assert {table: line.week(SECOND, table) for table in line.rows} == whole
    assert line.heard[1] == 3
    assert (line.heard[-1] < 3) is (stop_before == 5), "a commit that came through is not heard again"


def test_nothing_to_hear_is_fine(line: Line) -> None:
    line.paths = {"t0": None}
    line.run(FIRST)  # no track has a file
    line.paths = {}
    line.run(FIRST)  # nor is there a track
    (line.root / "audio").rename(line.root / "elsewhere")
    line.paths = {"t0": "0.ogg"}
    line.run(SECOND)  # nor an audio folder
    assert line.heard == [0, 0, 1]
    assert line.week(SECOND, "audio_quarantine")["t0"]["reason"] == "missing"
    assert line.warnings == [], "nothing was ever heard here that could be lost"


def test_the_batch_ends_whatever_the_files_are(line: Line, broken_files: dict[str, str]) -> None:
    named: dict[str, str | None] = {f"b{n}": path for n, path in enumerate(broken_files) if "\0" not in path}
    line.paths |= named
    line.run(FIRST, files_per_task=2, timeout_s=60.0)
    found = {name: row["reason"] for name, row in line.week(FIRST, "audio_quarantine").items()}
    assert {name: found[name] for name in named} == {name: broken_files[path] for name, path in named.items() if path}
    assert line.week(FIRST).keys() == {"t0", "t1", "t2"}


def test_two_weeks_on_real_tables(spark: SparkSession, tmp_path: Path, song: Write) -> None:
    """The job as the line runs it: contracts, CHECK constraints and partitions of Delta tables, and what the books say."""
    for n in range(2):
        song(tmp_path / "audio" / f"{n}.wav", 300.0 * (n + 1))
    plant = Plant(Settings(warehouse=tmp_path / "warehouse", landing=tmp_path))
    blank = dict.fromkeys(t.TRACKS.column_names) | {"title": "", "artist_ids": [], "blocked": False, "simulated": True}
    rows = [blank | {"track_id": f"t{n}", "track_idx": n, "audio": f"{n}.wav"} for n in range(3)]
    tracks = pa.Table.from_pylist(rows, schema=arrow_schema(t.TRACKS))
    plant.warehouse.write_frame(t.TRACKS, spark.createDataFrame(tracks), "true")
    job = BY_NAME["extract_audio"]
    written = [run_job(plant, job, monday).rows for monday in (FIRST, SECOND, SECOND)]
    assert written == [{"track_audio": 2, "audio_quarantine": 1}] * 3
    for table, tracks_of_it in ((t.TRACK_AUDIO, {"t0", "t1"}), (t.AUDIO_QUARANTINE, {"t2"})):
        found = plant.warehouse.rows(table).table().to_pylist()
        assert {(row["run_date"], row["track_id"]) for row in found} == {
            (monday, track) for monday in (FIRST, SECOND) for track in tracks_of_it
        }
        assert len(found) == 2 * len(tracks_of_it)
        assert {row["heard_on"] for row in found} == {FIRST}
