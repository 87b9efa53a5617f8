"""tracks, histories, audio files -> artefact `audio`: a network that hears whose taste a track may meet.

It learns from the catalogue itself: from the sound of tracks that people play it predicts the taste factors of their
listeners (van den Oord, Dieleman & Schrauwen 2013, see models/sources/content.py), keeps moments of one track and of tracks
heard together close, and names genres and readings. extract_audio embeds every track with it, those that nobody played too.

A network serves `retrain_weeks`, since another one means hearing everything again; until then last week's is registered again.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from audio.cnn.batches import Catalogue
from audio.cnn.embedding import Embedder
from audio.cnn.graph import network_graph
from audio.cnn.patches import dequantised
from audio.cnn.quantise import calibration_patches, quantised_graph
from conf.ears import TrainAudio
from conf.errors import ArtefactError
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Rows, Run
from spark_jobs.training.audio_lessons import Lessons, lessons, listened
from spark_jobs.training.listener_sample import sample

log = logging.getLogger(__name__)
_COMPARED = 500  # tracks on which the small network is held against the large one
_NEIGHBOURS = 10


def train(*, histories: Rows, tracks: Rows, params: TrainAudio, run: Run) -> Artefact:
    """Last week's network while it serves, else a new one; one without a network where there is too little to learn from."""
    last = run.artefacts.get("audio")
    if last and (kept := _kept(last, params, run)):
        return kept
    wanted = lessons(tracks, sample(histories, params.max_listeners), params)
    if len(wanted.path) < params.min_tracks:
        return _without(params, run, len(wanted.path))
    rows, patches, readings = listened(run.landing / "audio", wanted.path, params)
    if len(rows) < params.min_tracks:
        return _without(params, run, len(rows))
    return learnt(wanted.of(rows), patches, readings, params, run)


def learnt(known: Lessons, patches: Any, readings: npt.NDArray[np.float32], params: TrainAudio, run: Run) -> Artefact:
    """The artefact of a network trained on `patches`, in both precisions, and how alike those hear."""
    from audio.cnn.training import train as train_network  # JAX takes two seconds to import

    catalogue = Catalogue.of(patches, known.artist, known.factors, tags=known.genres, readings=readings, pairs=known.pairs)
    trained = train_network(catalogue, params)
    large = network_graph(trained.weights)
    small = quantised_graph(large, calibration_patches(patches, seed=params.seed))
    graphs = {"fp32": large, "int8": small}
    metrics = trained.metrics | precision_kept(large, small, patches[:_COMPARED])
    log.info("job=train_audio %s", " ".join(f"{name}={value:.6g}" for name, value in metrics.items()))
    arrays: dict[str, npt.NDArray[Any]] = {name: np.frombuffer(graph, np.uint8) for name, graph in graphs.items()}
    networks = {name: hashlib.sha256(graph).hexdigest() for name, graph in graphs.items()}
    return Artefact(arrays, _params(params, run.run_date, networks), metrics)


def _kept(last: ArtefactRef, params: TrainAudio, run: Run) -> Artefact | None:
    """Last week's artefact while it serves; None with a warning where it is damaged: a new one mends that."""
    try:
        return still_serving(last, params, run.run_date)
    except ArtefactError as damaged:
        run.warn(f"a new network is trained, and all tracks are heard with it: {damaged}")
        return None


def still_serving(last: ArtefactRef, params: TrainAudio, run_date: date) -> Artefact | None:
    """Last week's artefact, where it holds a network of these settings that is not too old."""
    manifest = artefacts.manifest(last)
    made = manifest["params"]
    age = (run_date - date.fromisoformat(made["trained_for"])).days
    if not made["networks"] or made["settings"] != params.model_dump(mode="json") or age >= 7 * params.retrain_weeks:
        return None
    arrays = {name: np.array(array) for name, array in artefacts.load_arrays(last).items()}
    return Artefact(arrays, made, manifest["metrics"])


def precision_kept(large: bytes, small: bytes, patches: Any) -> dict[str, float]:
    """Least cosine between what both networks make of a clip, and the share of ten nearest clips that they agree on."""
    clips = [dequantised(clip) for clip in patches]
    ours, theirs = (np.stack([ear.embed(clip).embedding for clip in clips]) for ear in (Embedder(large), Embedder(small)))
    near = [np.argsort(-(each @ each.T) + 9.0 * np.eye(len(clips)), axis=1)[:, :_NEIGHBOURS] for each in (ours, theirs)]
    shared = [len(set(a) & set(b)) / max(1, min(_NEIGHBOURS, len(clips) - 1)) for a, b in zip(*near, strict=True)]
    return {"int8_cosine_min": float((ours * theirs).sum(axis=1).min()), "int8_neighbours": float(np.mean(shared))}


def _without(params: TrainAudio, run: Run, tracks: int) -> Artefact:
    log.info("job=train_audio tracks=%d fewer than min_tracks=%d: no network", tracks, params.min_tracks)
    return Artefact({}, _params(params, run.run_date, {}), {"trained_tracks": float(tracks)})


def _params(params: TrainAudio, run_date: date, networks: dict[str, str]) -> dict[str, Any]:
    return {"settings": params.model_dump(mode="json"), "trained_for": run_date.isoformat(), "networks": networks}
