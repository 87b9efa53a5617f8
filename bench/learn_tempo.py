"""simulated songs -> audio/learned/tempo.npz: how people count, and when there is nothing to count.

    python bench/learn_tempo.py [--songs 1500]

The network sees songs of `validation_set` alone, cut to 12 to 30 s; the frozen test set and every recording stay unseen. Six
networks of other seeds are laid side by side and averaged: one alone gives 1 to 3 points less on rendered songs, by luck. The
confidence is a logistic regression of "right, up to two or three times as fast or slow" on those songs against noise, chirps
and speech (espeak-ng; left out where it is not on PATH).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import soundfile
import soxr
from sklearn.linear_model import LogisticRegression

from audio import tempo
from audio.constants import FRAME, FRAMES_PER_SECOND, HOP, SAMPLE_RATE
from audio.onsets import onset_strength
from audio.periodicity import SLOWEST, STEPS_PER_OCTAVE, TEMPI, periodicity
from audio.spectrogram import mel_bands, power_spectrum
from audio.synth import synthesise
from audio.synth.test_set import validation_set

HIDDEN, NETWORKS, EPOCHS, BATCH, DROPPED = 24, 6, 25, 32, 0.35
BLUR = 2.0  # steps of the tempo grid: 1.4 %
SECONDS = (4.0, 8.0, 14.0, 20.0, 30.0)
VOICES = ("en", "en-us", "de", "fr", "it", "es", "pl", "en+f3", "en+m4", "fr+f2", "de+f1")
SENTENCE = (
    "the river was cold that year and nobody spoke of it when they came home because outside a train went by slowly carrying "
    "salt letters and two sleeping soldiers who dreamt of bread however our neighbour said that winters used to be longer"
)


def strengths(songs: int) -> tuple[list[Any], np.ndarray]:
    """Onset strength of each simulated song, and its tempo."""
    rng, found, bpm = np.random.default_rng(1), [], []
    for song in validation_set(songs, seed=1):
        found.append(strength_of(synthesise(replace(song, seconds=float(rng.choice([12, 16, 20, 30]))))))
        bpm.append(song.tempo)
    return found, np.array(bpm)


def strength_of(y: np.ndarray) -> np.ndarray:
    return onset_strength(mel_bands(power_spectrum(y, FRAME, HOP)))


def fit(evidence: np.ndarray, bpm: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """One network, on standardised evidence [songs, tempi, features]."""
    place = np.log2(bpm / SLOWEST) * STEPS_PER_OCTAVE
    wanted = np.exp(-0.5 * ((np.arange(len(TEMPI)) - place[:, None]) / BLUR) ** 2).astype(np.float32)
    wanted /= wanted.sum(axis=1, keepdims=True)
    rng, d = np.random.default_rng(seed), evidence.shape[-1]
    weights = {
        "in": jnp.asarray(rng.normal(0, d**-0.5, (d, HIDDEN)), jnp.float32),
        "in_bias": jnp.zeros(HIDDEN),
        "out": jnp.asarray(rng.normal(0, HIDDEN**-0.5, (HIDDEN, 1)), jnp.float32),
    }
    steps = len(evidence) // BATCH
    optimiser = optax.adamw(optax.cosine_decay_schedule(3e-3, EPOCHS * steps), weight_decay=1e-3)

    def loss(weights: Any, seen: Any, target: Any, key: Any) -> Any:
        kept = jax.random.uniform(key, (len(seen), 1, d)) > DROPPED  # a feature drops out for all tempi of a song alike
        hidden = jax.nn.relu(jnp.where(kept, seen / (1 - DROPPED), 0.0) @ weights["in"] + weights["in_bias"])
        return -(target * jax.nn.log_softmax((hidden @ weights["out"])[..., 0])).sum(axis=-1).mean()

    @jax.jit
    def step(weights: Any, state: Any, seen: Any, target: Any, key: Any) -> Any:
        updates, state = optimiser.update(jax.grad(loss)(weights, seen, target, key), state, weights)
        return optax.apply_updates(weights, updates), state

    state, key = optimiser.init(weights), jax.random.PRNGKey(seed)
    for _ in range(EPOCHS):
        order = rng.permutation(len(evidence))
        for chosen in np.array_split(order[: steps * BATCH], steps):
            key, own = jax.random.split(key)
            weights, state = step(weights, state, evidence[chosen], wanted[chosen], own)
    return {name: np.asarray(value) for name, value in weights.items()}


def together(networks: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One network that answers the mean of several."""
    return {
        "in": np.concatenate([n["in"] for n in networks], axis=1),
        "in_bias": np.concatenate([n["in_bias"] for n in networks]),
        "out": np.concatenate([n["out"] for n in networks]) / len(networks),
    }


def nothing_to_count() -> list[np.ndarray]:
    """Onset strengths of 300 noises, chirps and, where espeak-ng is there, sentences."""
    made = []
    for seed in range(100):
        seconds = float(np.random.default_rng(seed).choice(SECONDS))
        made += [noise(seconds, seed), chirps(seconds, seed)]
        if shutil.which("espeak-ng"):
            made.append(speech(seconds, seed))
    return [strength_of(y) for y in made]


def noise(seconds: float, seed: int) -> np.ndarray:
    """White, pink or brown noise."""
    n = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
    y = np.fft.irfft(spectrum / np.maximum(np.fft.rfftfreq(n), 1e-4) ** (0.5 * (seed % 3)), n)
    return np.asarray(0.1 * y / y.std(), np.float32)


def chirps(seconds: float, seed: int) -> np.ndarray:
    """Whistles of a bird at random times over a little noise."""
    rng, n = np.random.default_rng(seed), round(seconds * SAMPLE_RATE)
    y, start = 0.02 * noise(seconds, 3 * seed + 1)[:n], 0.0
    while (start := start + 0.1 + rng.exponential(0.6)) < seconds - 0.6:
        length = int(rng.uniform(0.05, 0.5) * SAMPLE_RATE)
        hz = rng.uniform(1500, 6000) * np.exp(np.cumsum(rng.normal(0, 0.0008, length)))
        whistle = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE) * np.hanning(length) * rng.uniform(0.1, 0.5)
        y[int(start * SAMPLE_RATE) :][:length] += whistle.astype(np.float32)
    return y


def speech(seconds: float, seed: int) -> np.ndarray:
    """Somebody reads made-up sentences."""
    rng = np.random.default_rng(seed)
    ends = rng.choice(["", ", ", ". "], int(seconds * 4), p=[0.78, 0.1, 0.12])
    text = " ".join(word + end for word, end in zip(rng.choice(SENTENCE.split(), int(seconds * 4)), ends, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        speed, pitch = str(rng.integers(110, 210)), str(rng.integers(20, 80))
        subprocess.run(
            ["espeak-ng", "-v", str(rng.choice(VOICES)), "-s", speed, "-p", pitch, "-w", str(path), text],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        y, rate = soundfile.read(path, dtype="float32")
    return np.asarray(soxr.resample(y, rate, SAMPLE_RATE)[: round(seconds * SAMPLE_RATE)], np.float32)


def confidence(weights: dict[str, Any], found: list[np.ndarray], bpm: np.ndarray, others: list[np.ndarray]) -> dict[str, Any]:
    """The logistic regression of `audio.tempo.confidence_features`."""
    seen, right = [], []
    for strength, true in [*zip(found, bpm, strict=True), *((strength, None) for strength in others)]:
        evidence = periodicity(strength)
        near = tempo.gathered(tempo.tempo_weights(evidence, weights))
        best = int(near.argmax())
        seen.append(tempo.confidence_features(evidence[best], float(near[best]), strength.shape[1] / FRAMES_PER_SECOND))
        ratio = TEMPI[best] / true if true else 0.0
        right.append(any(abs(ratio / by - 1) < 0.04 for by in (1, 2, 3, 1 / 2, 1 / 3)))
    seen, right = np.array(seen), np.array(right)
    mean, spread = seen.mean(axis=0), seen.std(axis=0)
    told = LogisticRegression().fit((seen - mean) / spread, right)
    sure = told.predict_proba((seen - mean) / spread)[:, 1] > tempo.TRUSTED
    print(f"sure of {sure[right].mean():.3f} of what is right, of {sure[len(bpm) :].mean():.3f} of what is no music")
    return {"seen_mean": mean, "seen_spread": spread, "seen_slope": told.coef_[0], "seen_level": told.intercept_}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=1500)
    found, bpm = strengths(parser.parse_args().songs)
    evidence = np.stack([periodicity(strength) for strength in found]).reshape(len(found), len(TEMPI), -1)
    scale = {"mean": evidence.mean(axis=(0, 1)), "spread": evidence.std(axis=(0, 1)) + 1e-3}
    standardised = (evidence - scale["mean"]) / scale["spread"]
    weights = scale | together([fit(standardised, bpm, seed) for seed in range(NETWORKS)])
    weights |= confidence(weights, found, bpm, nothing_to_count())
    np.savez(tempo.WEIGHTS, **{name: np.asarray(value, np.float32) for name, value in weights.items()})


if __name__ == "__main__":
    main()
