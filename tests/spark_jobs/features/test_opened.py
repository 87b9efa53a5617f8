"""Artefacts at hand: what is missing or damaged is left out and told, what is whole makes features."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.contexts import TrainContexts
from conf.feature_jobs import BuildListenerFeatures, BuildTrackFeatures
from models.contexts import ContextModel, Sound
from models.listening import Listening
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Run
from spark_jobs.features import item_arrays
from spark_jobs.features.item_tallies import COLUMNS, KINDS, Counter, laid_out
from spark_jobs.features.listener_rows import FeatureMaker, pack, unpack
from spark_jobs.features.opened import AtHand, at_hand, opened
from tests.models.ranking.features.conftest import block_of
from tests.spark_jobs.features.test_item_arrays import AUDIO, MONDAY, TRACKS
from tests.spark_jobs.features.test_listener_plays import CUT, SCHEMA, head, play

RNG = np.random.default_rng(2)
FACTORS = RNG.standard_normal((4, 6)).astype(np.float32)
MF = Artefact(
    {"item_factors": FACTORS, "gram": (FACTORS.T @ FACTORS).astype(np.float64)},
    {"alpha0": 0.1, "reg": 0.01, "nu": 1.0, "weight_scale": 1.0, "inputs": "log"},
)
CONTENT = Artefact({"vectors": RNG.standard_normal((3, 5)).astype(np.float32)}, {"inputs": "log"})


def contexts(meaning: Any) -> Artefact:
    nobody: Listening = block_of([], 0)
    saved = ContextModel.fit(nobody, Sound(meaning), TrainContexts()).save()
    return Artefact(saved.arrays, saved.params)


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, Artefact], ArtefactRef]:
    return lambda name, artefact: artefacts.save(tmp_path, name, "x", artefact)


@pytest.fixture
def items(save: Callable[[str, Artefact], ArtefactRef]) -> ArtefactRef:
    return save("feature_items", item_arrays.build(TRACKS, AUDIO, None, MONDAY))


def run(told: list[str], **held: ArtefactRef) -> Run:
    return Run(run_date=MONDAY, cut=date(2026, 9, 6), landing=Path(), warehouse=Path(), artefacts=held, warn=told.append)


def rows() -> pa.RecordBatch:
    owner = head("a", 0, 1, saves=[{"track_idx": 3, "at": CUT - 5}])
    plays = [play("a", -60, 1), play("a", -2, 0), play("a", -1.99, 3)]
    listed = [owner, *plays, head("b", 3), play("c", -1, 3, simulated=True)]
    return pa.RecordBatch.from_pylist(listed, schema=SCHEMA)


def test_what_is_missing_or_damaged_is_told_and_the_rest_is_used(items: ArtefactRef, save: Any) -> None:
    told: list[str] = []
    damaged = save("content", CONTENT)
    (Path(damaged.uri) / "vectors.npy").write_bytes(b"short")
    refs = at_hand(run(told, mf=save("mf", MF), content=damaged), ("mf", "content", "sequence"), items)
    assert (refs.mf is not None, refs.content, refs.sequence) == (True, None, None)
    assert [warning.split(":")[0] for warning in told] == ["features go without content", "features go without sequence"]


@pytest.mark.parametrize(
    ("name", "artefact"),
    [
        ("mf", Artefact({"item_factors": FACTORS}, MF.params)),
        ("mf", Artefact(MF.arrays | {"gram": np.eye(3)}, MF.params)),
        ("sequence", Artefact({"item_factors": FACTORS, "encoder": np.zeros(9, np.uint8)}, {"length": 5})),
        ("contexts", Artefact({}, {})),
    ],
)
def test_an_artefact_that_is_not_what_it_should_be_is_left_out(
    items: ArtefactRef, save: Any, name: str, artefact: Artefact
) -> None:
    told: list[str] = []
    assert at_hand(run(told, **{name: save(name, artefact)}), (name,), items) == AtHand(items)
    assert len(told) == 1 and told[0].startswith(f"features go without {name}: ")


def test_rows_of_three_tables_from_one_look(items: ArtefactRef, save: Any) -> None:
    refs = AtHand(items, mf=save("mf", MF), content=save("content", CONTENT), contexts=save("contexts", contexts(None)))
    maker = FeatureMaker(refs, BuildListenerFeatures(min_sessions=0), MONDAY, CUT)
    made = maker.tables(rows(), opened(refs))
    listeners = made["listener_features"].to_pylist()
    assert [row["user_id"] for row in listeners] == ["a", "b", "c"]
    assert [row["plays_90d"] for row in listeners] == [3, 0, 1]
    assert [row["saves_1d"] for row in listeners] == [1, 0, 0]
    assert (listeners[0]["artist_ids"], listeners[0]["genres"]) == (["a", "b"], ["jazz", "pop", "rock"])
    assert [len(row["embedding"]) for row in listeners] == [6 + 5 + 64] * 3
    assert [row["simulated"] for row in listeners] == [False, False, True]
    in_contexts, sessions = made["listener_contexts"].to_pylist(), made["session_modes"].to_pylist()
    assert {row["user_id"] for row in in_contexts} == {"a", "c"}
    assert sum(row["share"] for row in in_contexts) == pytest.approx(2.0)
    assert [(row["user_id"], row["plays"], len(row["session_embedding"])) for row in sessions] == [("a", 2, 6), ("c", 1, 6)]
    assert sum(sessions[0]["contexts"]) == pytest.approx(1.0)


def test_messages_bring_the_rows_of_each_table(items: ArtefactRef) -> None:
    maker = FeatureMaker(AtHand(items), BuildListenerFeatures(), MONDAY, CUT)
    (message,) = maker.messages(iter([rows().slice(0, 2), rows().slice(2)]))
    assert message["table"].to_pylist() == ["listener_features", "listener_contexts", "session_modes"]
    wanted = maker.tables(rows(), opened(AtHand(items)))
    for number, made in enumerate(wanted.values()):
        assert next(unpack(iter([message.slice(number, 1)]))).equals(made)
    assert list(unpack(iter([pa.RecordBatch.from_pydict({"rows": pa.array([pack(rows())], pa.binary())})]))) == [rows()]


def test_counts_leave_a_task_as_rows_and_come_back_as_tallies(items: ArtefactRef) -> None:
    counter = Counter(AtHand(items), BuildTrackFeatures(), CUT)
    wanted = counter.tallies(iter([rows()]))
    sent = pa.Table.from_batches(counter.rows(iter([rows()])))
    assert sent.num_rows == (3 + 2) + (3 + 3), "3 tracks and 2 artists; of 28 days NG played 2 and 2 of them, nowhere 1 and 1"
    total, abroad = (sent.filter(where) for where in (sent["country"].is_null(), sent["country"].is_valid()))
    for kind, size in zip(KINDS, (4, 2), strict=True):
        found = laid_out(total, abroad, kind, size)
        assert np.array_equal(found.counts, wanted[kind].counts)
        assert found.by_country.keys() == wanted[kind].by_country.keys() == {"", "NG"}
        assert all(np.array_equal(plays, wanted[kind].by_country[name]) for name, plays in found.by_country.items())
    assert wanted["track"].column("saves_90d").tolist() == [0, 0, 0, 1]
    assert wanted["artist"].counts.shape == (2, len(COLUMNS))
