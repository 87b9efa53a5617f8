"""`plant similar` on planted embeddings."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from conf.tables import AUDIO_QUARANTINE, TRACK_AUDIO, TRACKS
from spark_jobs.cli.similar import nearest
from spark_jobs.warehouse import Warehouse

MONDAY = date(2026, 9, 7)


def test_the_nearest_come_first_and_the_track_itself_is_left_out(plant: Any) -> None:
    answer = plant("similar", "t0", "--json").json
    assert (answer["track_id"], answer["title"], answer["artists"]) == ("t0", "Song t0", ["Ada"])
    assert (answer["run_date"], answer["simulated"], answer["key"]) == ("2026-09-07", True, "A minor")
    assert [(row["track_id"], row["cosine"]) for row in answer["similar"]] == [("t1", 0.8), ("t2", -1.0)]
    assert answer["similar"][0]["artists"] == ["Ada", "Bix"]
    assert "embedding" not in answer["similar"][0]


def test_people_read_titles_tempo_key_and_that_it_is_simulated(plant: Any, planted: Warehouse) -> None:
    replant(planted, {"t1": {"tempo_conf": 0.2, "key_pc": None, "key_mode": None, "key_conf": 0.0}})
    answer = plant("similar", "t0")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "Song t0 by Ada, as heard for 2026-09-07 (simulated sound):"
    assert lines[1] == "120.0 bpm, A minor, energy 0.50"
    assert lines[-2].split() == ["0.800", "Song", "t1", "Ada,", "Bix", "120.0?", "-", "0.50", "t1"]
    assert "A minor" in lines[-1]


def test_so_many_as_were_asked_for(plant: Any) -> None:
    assert [row["track_id"] for row in plant("similar", "t2", "--count", "1", "--json").json["similar"]] == ["t1"]
    assert plant("similar", "t2", "--count", "0").code == 64


def test_a_past_week(plant: Any) -> None:
    """t0 was alone then."""
    answer = plant("similar", "t0", "--run-date", "2026-08-31")
    assert "no other track was heard by the same network" in answer.out
    assert plant("similar", "t0", "--run-date", "2026-08-31", "--json").json["similar"] == []


def test_embeddings_of_another_network_are_no_neighbours(plant: Any, planted: Warehouse) -> None:
    replant(planted, {"t1": {"network": "n2", "embedding": [1.0, 0.0, 0.0]}})
    assert [row["track_id"] for row in plant("similar", "t0", "--json").json["similar"]] == ["t2"]


def test_a_track_that_left_the_catalogue_keeps_its_id(plant: Any, planted: Warehouse) -> None:
    tracks = planted.rows(TRACKS).table(where=pc.field("track_id") != "t1")
    planted.write_arrow(TRACKS, tracks, "true")
    first = plant("similar", "t0", "--json").json["similar"][0]
    assert (first["track_id"], first["title"], first["artists"]) == ("t1", None, [])
    assert "t1" in plant("similar", "t0").out


def test_an_unknown_track_gets_the_nearest_ids_and_titles(plant: Any) -> None:
    answer = plant("similar", "t9")
    assert (answer.code, answer.out) == (64, "")
    assert "no track is called 't9': nearest are t0 (Song t0), t1 (Song t1), t2 (Song t2)" in answer.err
    assert "nearest are t2 (Song t2)" in plant("similar", "song T2").err


def test_a_broken_file_says_why(plant: Any) -> None:
    answer = plant("similar", "t3")
    assert (answer.code, answer.out) == (65, "")
    assert "the audio of t3 could not be heard: empty (0 bytes): t3.ogg: 0 bytes" in answer.err


def test_a_track_without_a_file_says_so(plant: Any, planted: Warehouse) -> None:
    planted.drop_rows(AUDIO_QUARANTINE, "true")
    assert "t3 was not heard for 2026-09-07, its file came later: run `plant run extract_audio" in plant("similar", "t3").err
    tracks = planted.rows(TRACKS).table()
    place = tracks.column_names.index("audio")
    planted.write_arrow(TRACKS, tracks.set_column(place, "audio", pa.nulls(len(tracks), pa.string())), "true")
    answer = plant("similar", "t3")
    assert answer.code == 65
    assert "t3 has no audio file: give its path below LANDING/audio as `audio`" in answer.err


def test_before_the_network_is_there_it_says_what_is_missing(plant: Any, planted: Warehouse) -> None:
    replant(planted, {"t1": {"embedding": None, "network": None}})
    assert "t1 was heard without a network: run `plant run extract_audio --run-date 2026-09-07`" in plant("similar", "t1").err
    replant(planted, {name: {"embedding": None, "network": None} for name in ("t0", "t1", "t2")})
    answer = plant("similar", "t0")
    assert answer.code == 65
    assert "no track has an embedding for 2026-09-07: the network learns from tracks with audio" in answer.err


def test_before_anything_was_heard_nothing_is_made(plant: Any, planted: Warehouse) -> None:
    planted.drop_rows(TRACK_AUDIO, "true")
    assert "no track was listened to yet: bring audio files below LANDING/audio" in plant("similar", "t0").err


def replant(warehouse: Warehouse, changes: dict[str, dict[str, Any]]) -> None:
    """The planted week with other values for some tracks."""
    rows = [row | changes.get(row["track_id"], {}) for row in warehouse.rows(TRACK_AUDIO).table().to_pylist()]
    table = warehouse.rows(TRACK_AUDIO)
    warehouse.write_arrow(TRACK_AUDIO, pa.Table.from_pylist(rows, schema=table.schema), "true")


# --- the search -----------------------------------------------------------------------------------------------------


def batches(vectors: Any, size: int = 4_096) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(vectors), size):
        rows = vectors[start : start + size]
        lists = pa.ListArray.from_arrays(np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32), rows.ravel())
        names = pa.array([f"t{n:06d}" for n in range(start, start + len(rows))])
        yield pa.RecordBatch.from_arrays([names, lists], ["track_id", "embedding"])


def units(many: int, dimensions: int = 16) -> Any:
    vectors = np.random.default_rng(2).standard_normal((many, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("size", [1, 7, 64, 500])
@pytest.mark.parametrize("count", [1, 10, 499, 1_000])
def test_batches_find_what_sorting_all_finds(size: int, count: int) -> None:
    vectors = units(500)
    cosines = vectors @ vectors[17]
    expected = [n for n in np.argsort(-cosines) if n != 17][:count]
    found = nearest(batches(vectors, size), vectors[17].tolist(), "t000017", count)
    assert list(found) == [f"t{n:06d}" for n in expected]
    assert list(found.values()) == pytest.approx(cosines[expected], abs=1e-6)


def test_of_equal_ones_the_lower_id_comes_first_wherever_it_stands() -> None:
    vectors = np.tile(np.array([[0.0, 1.0]], np.float32), (50, 1))
    for size in (3, 50):
        assert list(nearest(list(batches(vectors, size))[::-1], [0.0, 1.0], "t000001", 3)) == ["t000000", "t000002", "t000003"]


def test_memory_does_not_grow_with_the_catalogue() -> None:
    """60,000 embeddings of 256 numbers have 61 MB; a batch has 4 MB."""
    vectors = units(4_096, 256)

    def many(repeats: int) -> Iterator[pa.RecordBatch]:
        for _ in range(repeats):
            yield from batches(vectors)

    tracemalloc.start()
    nearest(many(15), vectors[0].tolist(), "t000000", 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
