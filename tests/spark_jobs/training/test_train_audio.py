"""The trainer on planted sounds: four tastes, each of which hears one kind of sound."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import soundfile

from audio.cnn.embedding import Embedder
from audio.cnn.patches import patches_of
from audio.constants import SAMPLE_RATE
from conf import tables as t
from conf.ears import TrainAudio
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Run
from spark_jobs.hearing.ear import Ear
from spark_jobs.hearing.network import network_of
from spark_jobs.schema import arrow_schema
from spark_jobs.training import train_audio

MONDAY = date(2026, 9, 7)
TRACKS, LISTENERS, TASTES = 80, 60, 4
TASTE = np.arange(TRACKS) // 2 % TASTES  # two tracks an artist, and artists take turns
UNHEARD = np.arange(TRACKS) >= 64  # artists of which the trainer gets to hear nothing
PARAMS = TrainAudio(
    min_tracks=40, min_listeners=3, taste_dimensions=4, dimensions=16, stem=(4, 8, 8), channels=16, blocks=0,
    patches=2, epochs=15, batch=16, learning_rate=1e-2, watched=0.0,
)  # fmt: skip


@dataclass
class World:
    landing: Path
    histories: Any
    tracks: Any
    artefact: Artefact


def sound(track: int) -> npt.NDArray[np.float32]:
    """4 s of a low tone, a high one, white noise or dark noise."""
    rng = np.random.default_rng(track)
    noise, at = rng.standard_normal(4 * SAMPLE_RATE), np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    dark = np.cumsum(noise) - np.linspace(0, noise.sum(), len(noise))
    low, high = (0.3 * np.sin(2 * np.pi * (pitch + rng.uniform(0, 0.2 * pitch)) * at) + 0.01 * noise for pitch in (200, 2_000))
    return np.asarray((low, high, 0.2 * noise, 0.3 * dark / np.abs(dark).max())[TASTE[track]], np.float32)


def histories() -> pa.Table:
    rng = np.random.default_rng(5)
    heard = (np.arange(LISTENERS)[:, None] % TASTES == TASTE) & (rng.random((LISTENERS, TRACKS)) < 0.6)
    tracks = [np.flatnonzero(row).astype(np.int32) for row in heard]
    ones = [np.ones(len(row), np.int32) for row in tracks]
    columns: dict[str, Any] = {name: ones for name in ("plays", "completions", "skips", "last_day")}
    columns |= {"track_idx": tracks, "weight": [np.ones(len(row), np.float32) for row in tracks]}
    columns |= {"run_date": [MONDAY] * LISTENERS, "user_id": [f"u{n:02d}" for n in range(LISTENERS)]}
    columns |= {"bucket": [0] * LISTENERS, "listens": [9] * LISTENERS, "simulated": [True] * LISTENERS}
    schema = arrow_schema(t.HISTORIES)
    return pa.table({f.name: pa.array(columns.get(f.name, [None] * LISTENERS), f.type) for f in schema})


def tracks() -> pa.Table:
    numbers = range(TRACKS)
    return pa.table(
        {
            "track_id": [f"t{n:02d}" for n in numbers],
            "track_idx": pa.array(numbers, pa.int32()),
            "audio": [f"{n}.wav" for n in numbers],
            "artist_ids": [[f"a{n // 2:02d}"] for n in numbers],
            "genres": pa.array([None] * TRACKS, pa.list_(pa.string())),
        }
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, as_rows: Any) -> World:
    """The files, and the artefact of the artists that may be heard."""
    landing = tmp_path_factory.mktemp("landing")
    (landing / "audio").mkdir()
    for n in range(TRACKS):
        soundfile.write(landing / "audio" / f"{n}.wav", sound(n), SAMPLE_RATE)
    known = as_rows(tracks().filter(pa.array(~UNHEARD)))
    log = as_rows(histories())
    made = train_audio.train(histories=log, tracks=known, params=PARAMS, run=a_run(landing))
    return World(landing, log, known, made)


def a_run(landing: Path, monday: date = MONDAY, last: ArtefactRef | None = None, **more: Any) -> Run:
    given = {"audio": last} if last else {}
    return Run(run_date=monday, cut=monday, landing=landing, warehouse=landing, artefacts=given, **more)


def test_the_factors_of_artists_that_were_never_heard_are_told_by_their_sound(world: World) -> None:
    network = Embedder(world.artefact.arrays["fp32"].tobytes())
    found, embedded = [], []
    with Ear() as ear:
        for n in np.flatnonzero(UNHEARD):
            heard = ear.hear_file(world.landing / "audio" / f"{n}.wav").heard
            assert heard is not None
            made = network.embed(patches_of(heard.mel))
            found.append(made.factors)
            embedded.append(made.embedding)
    truth = np.eye(TASTES)[TASTE[UNHEARD]]
    # Factors are an image of the tastes: their cosines tell who belongs together.
    alike, same = np.stack(found) @ np.stack(found).T, truth @ truth.T > 0
    shuffled = np.random.default_rng(0).permutation(len(truth))
    own, blind = alike[same].mean(), alike[same[shuffled]].mean()
    assert own > 0.8 > blind + 0.3
    np.fill_diagonal(likeness := np.stack(embedded) @ np.stack(embedded).T, -1)
    assert (TASTE[UNHEARD][likeness.argmax(axis=1)] == TASTE[UNHEARD]).all(), "the nearest sound is of the same taste"


def test_the_artefact_names_its_networks_by_their_bytes(world: World, tmp_path: Path) -> None:
    ref = artefacts.save(tmp_path, "audio", MONDAY.isoformat(), world.artefact)
    for precision in ("fp32", "int8"):
        network = network_of(ref, precision)
        assert network is not None
        assert network.sha256 == hashlib.sha256(world.artefact.arrays[precision].tobytes()).hexdigest()
        assert network.embedder().sizes["embedding"] == PARAMS.dimensions
    assert world.artefact.metrics["trained_tracks"] == 64
    assert world.artefact.metrics["int8_cosine_min"] > 0.9


def train(world: World, last: ArtefactRef | None, monday: date, params: TrainAudio = PARAMS, **more: Any) -> Artefact:
    run = a_run(world.landing, monday, last, **more)
    return train_audio.train(histories=world.histories, tracks=world.tracks, params=params, run=run)


class Trained(Exception):
    """A new network was asked for."""


@pytest.fixture
def registered(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtefactRef:
    """Last week's artefact; from here on nothing may be trained."""

    def learnt(*_: Any) -> Artefact:
        raise Trained

    monkeypatch.setattr(train_audio, "learnt", learnt)
    monkeypatch.setattr(train_audio, "listened", lambda root, paths, params: (np.arange(len(paths)), None, None))
    return artefacts.save(tmp_path, "audio", MONDAY.isoformat(), world.artefact)


def test_a_network_serves_for_retrain_weeks(world: World, registered: ArtefactRef, tmp_path: Path) -> None:
    params, last = PARAMS.model_copy(update={"retrain_weeks": 3}), registered
    old = world.artefact.params | {"settings": params.model_dump(mode="json")}
    last = artefacts.save(tmp_path, "audio", "2026-09-07", replace(world.artefact, params=old))
    for week in (1, 2):
        monday = MONDAY + timedelta(weeks=week)
        kept = train(world, last, monday, params)
        last = artefacts.save(tmp_path, "audio", monday.isoformat(), kept)
        assert network_of(last, "fp32").sha256 == network_of(registered, "fp32").sha256  # type: ignore[union-attr]
        assert kept.params["trained_for"] == MONDAY.isoformat(), "it ages from the week that trained it"
        assert kept.metrics == world.artefact.metrics
    with pytest.raises(Trained):
        train(world, last, MONDAY + timedelta(weeks=3), params)


def test_other_settings_need_another_network(world: World, registered: ArtefactRef) -> None:
    with pytest.raises(Trained):
        train(world, registered, MONDAY + timedelta(weeks=1), PARAMS.model_copy(update={"epochs": 16}))


def test_a_damaged_one_is_told_and_trained_anew(world: World, registered: ArtefactRef) -> None:
    (Path(registered.uri) / "int8.npy").write_bytes(b"torn")
    told: list[str] = []
    with pytest.raises(Trained):
        train(world, registered, MONDAY + timedelta(weeks=1), warn=told.append)
    assert len(told) == 1
    assert told[0].startswith("a new network is trained, and all tracks are heard with it: artefact audio: ")


@pytest.mark.parametrize("missing", ["listeners", "files", "audio column", "tracks", "histories"])
def test_too_little_to_learn_from_is_an_artefact_without_a_network(
    world: World, tmp_path: Path, as_rows: Any, missing: str
) -> None:
    told: list[str] = []
    rows = {"histories": world.histories, "tracks": world.tracks}
    landing, params = world.landing, PARAMS
    if missing == "listeners":
        params = params.model_copy(update={"min_listeners": 1_000})
    elif missing == "files":
        landing = tmp_path / "nowhere"
    elif missing == "audio column":
        rows["tracks"] = as_rows(tracks().set_column(2, "audio", pa.nulls(TRACKS, pa.string())))
    else:
        rows[missing] = as_rows(rows[missing].data.slice(0, 0))
    made = train_audio.train(**rows, params=params, run=a_run(landing, warn=told.append))
    ref = artefacts.save(tmp_path, "audio", MONDAY.isoformat(), made)
    assert network_of(ref, "fp32") is network_of(ref, "int8") is None
    assert made.metrics["trained_tracks"] == 0
    assert told == []


def test_an_artefact_without_a_network_is_tried_again_every_week(world: World, registered: ArtefactRef, tmp_path: Path) -> None:
    bare = Artefact({}, world.artefact.params | {"networks": {}}, {"trained_tracks": 3.0})
    last = artefacts.save(tmp_path, "audio", "2026-08-31", bare)
    with pytest.raises(Trained):
        train(world, last, MONDAY)


def test_the_week_knows_no_network_where_there_is_no_artefact() -> None:
    assert network_of(None, "fp32") is None
