from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from conf.errors import ArtefactError
from conf.settings import GenerateCandidates
from conf.trainers import TrainMf, TrainPopularity
from models.histories import COLUMNS, PER_TRACK, Histories
from models.sources.base import CATALOGUE_COLUMNS, Catalogue, Listeners
from models.sources.mf import MatrixFactorization
from models.sources.popularity import Popularity, Tally
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Run
from spark_jobs.schema import arrow_schema
from spark_jobs.serving import generate_candidates
from spark_jobs.serving.proposer import Proposer, exclusions, listeners
from spark_jobs.warehouse import Warehouse

MONDAY = date(2026, 9, 7)
PARAMS = GenerateCandidates(per_source=30, min_tracks=3, block=256)
N_TRACKS = 80


def histories() -> pa.Table:
    """Listeners u00 to u38 with two tastes; u39 completed two tracks only."""
    rng = np.random.default_rng(4)
    likes = ((np.arange(40)[:, None] + np.arange(N_TRACKS)) % 2 == 0) & (rng.random((40, N_TRACKS)) < 0.4)
    likes[39] = np.arange(N_TRACKS) < 2
    tracks = [np.flatnonzero(row).astype(np.int32) for row in likes]
    columns: dict[str, Any] = {"user_id": pa.array([f"u{i:02d}" for i in range(40)])}
    for name, kind in PER_TRACK.items():
        lists = [row if name == "track_idx" else 0 * row if name == "skips" else 0 * row + 1 for row in tracks]
        columns[name] = pa.array(lists, pa.list_(pa.from_numpy_dtype(kind)))
    return pa.table(columns).select(COLUMNS)


def tracks() -> pa.Table:
    """Track n is called t<n> and is by artist a<n // 4>; 8 is blocked by the catalogue, 9 is out next week."""
    return pa.table(
        {
            "track_idx": pa.array(range(N_TRACKS), pa.int32()),
            "track_id": [f"t{i:02d}" for i in range(N_TRACKS)],
            "artist_ids": [[f"a{i // 4}", "guest"] if i == 20 else [f"a{i // 4}"] for i in range(N_TRACKS)],
            "release_date": pa.array([date(2026, 9, 14) if i == 9 else date(2000, 1, 1) for i in range(N_TRACKS)]),
            "blocked": [i == 8 for i in range(N_TRACKS)],
        }
    )


@pytest.fixture(scope="module")
def proposer(tmp_path_factory: pytest.TempPathFactory) -> Proposer:
    folder = tmp_path_factory.mktemp("warehouse")
    log, catalogue = Histories.from_arrow(histories()), Catalogue.from_arrow(tracks().select(CATALOGUE_COLUMNS), MONDAY)
    tally = Tally(N_TRACKS, 2, 14.0)
    tally.add(Listeners(log, pa.array(["DE"] * 40)))
    sources = {
        "mf": MatrixFactorization.fit(log, catalogue, TrainMf(dimensions=2, epochs=8)),
        "popularity": Popularity.of(tally, catalogue, TrainPopularity()),
    }
    refs = [save(folder, name, Artefact(s.save().arrays, s.save().params)) for name, s in sources.items()]
    arrays = {"tie_rank": catalogue.tie_rank, "allowed": catalogue.allowed}
    weights = (("mf", 1.0), ("popularity", 0.0))
    return Proposer(save(folder, "proposable", Artefact(arrays, {})), tuple(refs), weights, PARAMS, MONDAY)


def save(folder: Path, name: str, artefact: Artefact) -> ArtefactRef:
    return artefacts.save(folder, name, MONDAY.isoformat(), artefact)


def block(
    rows: pa.Table, blocked: dict[str, list[int]] | None = None, friends: dict[str, list[list[int]]] | None = None
) -> pa.RecordBatch:
    lists = [(blocked or {}).get(user) for user in rows["user_id"].to_pylist()]
    joined = rows.append_column("country", pa.array(["DE"] * len(rows)))
    joined = joined.append_column("blocked", pa.array(lists, pa.list_(pa.int32())))
    friends = friends or {}
    loved = [[track for loves in friends.get(user, []) for track in loves] or None for user in rows["user_id"].to_pylist()]
    joined = joined.append_column("loved_tracks", pa.array(loved, pa.list_(pa.int32())))
    ones = [row and [1.0] * len(row) for row in loved]
    joined = joined.append_column("loved_weights", pa.array(ones, pa.list_(pa.float32())))
    return joined.combine_chunks().to_batches()[0]


def by_key(batches: Any) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [row for batch in batches for row in batch.to_pylist()]
    keyed = {(row["user_id"], row["source"]): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def test_one_row_per_listener_and_source_in_the_contract(proposer: Proposer) -> None:
    batches = list(proposer.rows(iter([block(histories())])))
    assert {batch.schema for batch in batches} == {arrow_schema(t.CANDIDATES)}
    found = by_key(batches)
    assert len(found) == 40 + 39 + 39  # u39 completed two tracks: popularity alone, whose weight in the blend is 0
    assert ("u39", "mf") not in found and ("u39", "blend") not in found
    assert {row["run_date"] for row in found.values()} == {MONDAY}


def test_nothing_heard_blocked_or_unreleased_is_proposed(proposer: Proposer) -> None:
    rows = histories()
    own_blocks = {"u03": [1, 11, 21], "u04": [0, 2, 40]}
    heard = dict(zip(rows["user_id"].to_pylist(), rows["track_idx"].to_pylist(), strict=True))
    for (user, _), row in by_key(proposer.rows(iter([block(rows, own_blocks)]))).items():
        assert not set(row["track_idx"]) & ({8, 9} | set(heard[user]) | set(own_blocks.get(user, [])))
        assert len(set(row["track_idx"])) == len(row["track_idx"]) == len(row["score"]) == len(row["because"])
        assert row["score"] == sorted(row["score"], reverse=True)


def test_mf_proposes_the_listeners_own_taste_with_a_heard_track_as_reason(proposer: Proposer) -> None:
    rows = histories()
    heard = dict(zip(rows["user_id"].to_pylist(), rows["track_idx"].to_pylist(), strict=True))
    found = by_key(proposer.rows(iter([block(rows)])))
    for number in range(39):
        row = found[f"u{number:02d}", "mf"]
        assert {track % 2 for track in row["track_idx"][:10]} == {number % 2}
        assert set(row["because"][:10]) <= set(heard[f"u{number:02d}"])
        assert set(found[f"u{number:02d}", "popularity"]["because"]) == {-1}


def test_the_blend_adds_the_lists_up_and_names_who_gave_most(proposer: Proposer) -> None:
    rows = histories()
    both = replace(proposer, weights=(("mf", 0.7), ("popularity", 0.3)))
    found = by_key(both.rows(iter([block(rows)])))
    for number in range(0, 39, 5):
        own, popular, best = (found[f"u{number:02d}", name] for name in ("mf", "popularity", "blend"))
        assert set(best["track_idx"]) <= {*own["track_idx"], *popular["track_idx"]}
        assert set(best["via"]) <= {"mf", "popularity"}
        assert own["via"] is None
        only_popular = set(popular["track_idx"]) - set(own["track_idx"])
        assert {via for track, via in zip(best["track_idx"], best["via"], strict=True) if track in only_popular} <= {
            "popularity"
        }
    assert set(found["u39", "blend"]["via"]) == {"popularity"}


def test_alone_the_blend_is_the_source(proposer: Proposer) -> None:
    found = by_key(proposer.rows(iter([block(histories())])))
    assert all(found[f"u{n:02d}", "blend"]["track_idx"] == found[f"u{n:02d}", "mf"]["track_idx"] for n in range(39))
    assert all(found[f"u{n:02d}", "blend"]["because"] == found[f"u{n:02d}", "mf"]["because"] for n in range(39))


def test_friends_loves_reach_the_sources_and_lone_ones_do_not() -> None:
    rows = block(histories().slice(0, 3), friends={"u01": [[4, 9], [9, 11]]})
    circle = listeners(rows, k=2).circle
    assert circle is not None
    assert (circle.indptr.tolist(), circle.ids.tolist(), circle.friends.tolist()) == ([0, 0, 1, 1], [9], [2])
    assert listeners(block(histories()), k=2).circle is None


def test_a_damaged_or_missing_source_is_left_out_and_told(proposer: Proposer, tmp_path: Path) -> None:
    told: list[str] = []
    mf, popularity = proposer.sources
    hurt = save(tmp_path, "mf", Artefact(artefacts.load_arrays(mf), artefacts.manifest(mf)["params"]))
    (Path(hurt.uri) / "item_factors.npy").write_bytes(b"torn")
    run = Run(MONDAY, date(2026, 9, 6), tmp_path, tmp_path, artefacts={"mf": hurt, "popularity": popularity}, warn=told.append)
    assert [ref.name for ref in generate_candidates.usable(proposer.catalogue, PARAMS, run)] == ["popularity"]
    assert any("mf is left out: artefact mf" in line and "train it again" in line for line in told)
    assert any("gfcf is left out: it has no artefact" in line for line in told)
    told.clear()
    few = GenerateCandidates(sources=("mf",))
    assert [ref.name for ref in generate_candidates.usable(proposer.catalogue, few, run)] == ["popularity"]
    assert len(told) == 1, "a source that nobody wants is not missed"
    with pytest.raises(ArtefactError):  # everybody's fallback
        gone = replace(popularity, uri=str(tmp_path / "gone"))
        generate_candidates.usable(proposer.catalogue, PARAMS, replace(run, artefacts={"popularity": gone}))


def test_weights_come_from_the_trained_blend_or_are_equal(proposer: Proposer, tmp_path: Path) -> None:
    run = Run(MONDAY, date(2026, 9, 6), tmp_path, tmp_path)
    assert generate_candidates.weights_of(run, ["mf", "gfcf", "popularity"]) == {"mf": 1.0, "gfcf": 1.0, "popularity": 0.0}
    ref = save(tmp_path, "blend", Artefact({}, {"weights": {"mf": 0.6, "ease": 0.4}}))
    trained = replace(run, artefacts={"blend": ref})
    assert generate_candidates.weights_of(trained, ["mf", "gfcf"]) == {"mf": 0.6, "gfcf": 0.0}


def test_any_split_into_blocks_gives_the_same_rows(proposer: Proposer) -> None:
    rows = histories()
    whole = by_key(proposer.rows(iter([block(rows)])))
    parts = [block(rows.slice(start, size)) for start, size in ((30, 10), (0, 1), (1, 29))]
    assert by_key(proposer.rows(iter(parts))) == whole


def test_exclusions_keep_to_their_listener() -> None:
    rows = block(histories().slice(0, 3), {"u01": [5, 7]})
    log = Histories.from_arrow(rows)
    made = exclusions(log, rows.column("blocked"))
    lists = [made.ids[made.indptr[i] : made.indptr[i + 1]].tolist() for i in range(3)]
    own = [log.track_idx[log.indptr[i] : log.indptr[i + 1]].tolist() for i in range(3)]
    assert lists == [own[0], [*own[1], 5, 7], own[2]]


@pytest.mark.spark
def test_transform_joins_blocks_and_countries(spark: Any, proposer: Proposer, tmp_path: Path) -> None:
    def at(hour: int) -> datetime:
        return datetime(2026, 9, 1, hour, tzinfo=UTC)

    feedback = [
        ("u02", "block", "track", "t30", at(1)),
        ("u02", "block", "artist", "guest", at(1)),  # a guest on t20
        ("u04", "block", "track", "t30", at(1)),
        ("u04", "save", "track", "t30", at(2)),  # thought better of it
        ("u06", "block", "track", "no such track", at(1)),
    ]
    run = Run(MONDAY, date(2026, 9, 6), tmp_path, tmp_path, artefacts={ref.name: ref for ref in proposer.sources}, spark=spark)
    with_extra = histories().append_column("listens", pa.array([1] * 40))
    output = generate_candidates.transform(
        histories=spark.createDataFrame(with_extra).repartition(3),
        tracks=spark.createDataFrame(tracks()),
        users=spark.createDataFrame([(f"u{i:02d}", "DE") for i in range(30)], "user_id string, country string"),
        follows=spark.createDataFrame([("u01", "u03"), ("u01", "u05"), ("u01", "u05")], "user_id string, followed_id string"),
        feedback=spark.createDataFrame(feedback, "user_id string, kind string, entity string, entity_id string, at timestamp"),
        params=PARAMS,
        run=run,
    )["candidates"]
    assert output.replace is None
    warehouse = Warehouse(tmp_path)
    warehouse.write_arrow(t.CANDIDATES, output.data, "true")
    rows = warehouse.rows(t.CANDIDATES).table()
    expected = by_key(proposer.rows(iter([block(histories(), {"u02": [20, 30]})])))
    found = by_key(rows.to_batches())
    assert {key: row["track_idx"] for key, row in found.items()} == {k: row["track_idx"] for k, row in expected.items()}
    assert 30 not in found["u02", "mf"]["track_idx"]
    assert 20 not in found["u02", "popularity"]["track_idx"]
