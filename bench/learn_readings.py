"""simulated songs (and sounds of known kind) -> audio/learned/readings.npz: acousticness, voice and valence by texture.

    python bench/learn_readings.py [--songs 1500] [--kinds FOLDER]

Without --kinds the simulated songs alone teach. FOLDER holds sound files and kinds.jsonl, a line a file: {"file": path, and
"acousticness" or "voice" in [0, 1], or both}; each counts twice. The weights in the repository were made with 357 rendered and
recorded excerpts and 100 sentences of espeak-ng beside the songs: songs alone do not tell a string quartet from a synthesiser.
A fifth is kept back; held-out correlations are printed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from audio.constants import FRAME, HOP
from audio.decode import decode
from audio.readings import FARTHEST, LEARNED, WEIGHTS
from audio.spectrogram import mel_bands, power_spectrum
from audio.synth import synthesise, truth
from audio.synth.test_set import validation_set
from audio.texture import texture

RIDGE, TWICE, LEAST_SPREAD = 300.0, 2.0, 1e-3


def songs(many: int) -> list[tuple[np.ndarray, dict[str, float], float]]:
    """(texture, truth, weight) of simulated songs; one that nobody sings has no voice whatever it was asked for."""
    made = []
    for song in validation_set(many, seed=31):
        true = truth(song)
        known = {"acousticness": true.acousticness, "voice": 0.8 * true.voice if true.sung else 0.05, "valence": true.valence}
        made.append((texture_of(synthesise(song)), known, 1.0))
    return made


def kinds(folder: Path) -> list[tuple[np.ndarray, dict[str, float], float]]:
    """(texture, what is known, weight) of the files that kinds.jsonl names."""
    rows = map(json.loads, (folder / "kinds.jsonl").read_text().splitlines())
    return [(texture_of(decode(folder / row.pop("file")).y), row, TWICE) for row in rows]


def texture_of(y: np.ndarray) -> np.ndarray:
    return texture(mel_bands(power_spectrum(y, FRAME, HOP)))


def ridge(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Weighted ridge regression: (slope, level)."""
    mean, level = np.average(x, axis=0, weights=weight), float(np.average(y, weights=weight))
    root = np.sqrt(weight)[:, None]
    rows = (x - mean) * root
    slope = np.linalg.solve(rows.T @ rows + RIDGE * np.eye(x.shape[1]), rows.T @ ((y - level) * root[:, 0]))
    return slope, level - float(mean @ slope)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=1500)
    parser.add_argument("--kinds", type=Path)
    given = parser.parse_args()
    rows = songs(given.songs) + (kinds(given.kinds) if given.kinds else [])
    x = np.array([row[0] for row in rows])
    mean, spread = x.mean(axis=0), x.std(axis=0) + LEAST_SPREAD
    seen = np.clip((x - mean) / spread, -FARTHEST, FARTHEST)
    kept_back = np.random.default_rng(0).random(len(rows)) < 0.2
    found = []
    for name in LEARNED:
        told = np.array([name in row[1] for row in rows])
        y = np.array([row[1].get(name, np.nan) for row in rows])
        weight = np.array([row[2] for row in rows])
        slope, level = ridge(seen[told & ~kept_back], y[told & ~kept_back], weight[told & ~kept_back])
        judged = told & kept_back
        print(f"{name}: held-out correlation {np.corrcoef(seen[judged] @ slope + level, y[judged])[0, 1]:.3f}")
        found.append(ridge(seen[told], y[told], weight[told]))
    learned = {"mean": mean, "spread": spread, "slope": np.stack([f[0] for f in found], axis=1), "level": [f[1] for f in found]}
    np.savez(WEIGHTS, **{name: np.asarray(value, np.float32) for name, value in learned.items()})


if __name__ == "__main__":
    main()
