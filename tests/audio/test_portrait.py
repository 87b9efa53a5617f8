"""A portrait shows what was planted: beats where the clicks are, notes in their rows, the window where it lay; all legible."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from audio.constants import FRAMES_PER_SECOND
from audio.decode import decode
from audio.hearing import Heard, hear
from audio.portrait import EXCERPT_S, beat_grid, chromagram, figure_of, in_words, portrait, window_start
from conf.errors import AudioError

RATE = 22_050


def clicks(bpm: float, seconds: float, first: float = 0.25) -> np.ndarray:
    """Simulated: a burst of noise a beat, over an A and its fifth."""
    t = np.arange(round(seconds * RATE)) / RATE
    since = (t - first) % (60 / bpm)
    burst = 0.5 * np.random.default_rng(3).standard_normal(len(t)) * np.exp(-80 * since)
    return (burst + 0.1 * np.sin(2 * np.pi * 440 * t) + 0.05 * np.sin(2 * np.pi * 659.26 * t)).astype(np.float32)


@pytest.fixture(scope="module")
def song() -> tuple[np.ndarray, Heard]:
    y = clicks(125.0, 30.0)
    return y, hear(y)


def test_beats_fall_on_planted_peaks() -> None:
    """Peaks every 20.5 frames from frame 7 on, in noise; only the second half has them."""
    rng = np.random.default_rng(0)
    strength = rng.random(2000).astype(np.float32) * 0.3
    planted = np.arange(1000 + 7, 2000, 20.5)
    strength[np.rint(planted).astype(int)] = 3.0
    grid = beat_grid(strength, 60.0 * FRAMES_PER_SECOND / 20.5)
    assert grid.start >= 900
    assert grid.stop - grid.start == round(EXCERPT_S * FRAMES_PER_SECOND)
    inside = grid.beats[grid.beats >= 1007]
    away = np.abs(inside[:, None] - planted).min(axis=1)
    assert away.max() < 1.0
    assert np.all((grid.beats >= grid.start) & (grid.beats < grid.stop))


def test_without_a_tempo_the_middle_is_shown_and_a_short_clip_whole() -> None:
    strength = np.ones(3000, np.float32)
    grid = beat_grid(strength, None)
    assert abs((grid.start + grid.stop) / 2 - 1500) <= 1 and len(grid.beats) == 0
    short = beat_grid(np.ones(70, np.float32), 40.0)
    assert (short.start, short.stop) == (0, 70)
    assert len(short.beats) >= 1


def test_notes_are_bright_in_their_row_while_they_sound() -> None:
    """C for two seconds, then silence, then A."""
    t = np.arange(2 * RATE) / RATE
    tone = [np.sin(2 * np.pi * hz * t) for hz in (261.63, 440.0)]
    y = np.concatenate([tone[0], np.zeros(2 * RATE), tone[1]]).astype(np.float32)
    chroma = chromagram(y)
    thirds = np.array_split(chroma, 3, axis=1)
    assert chroma.shape[0] == 12 and chroma.min() >= 0 and chroma.max() <= 1
    assert thirds[0].mean(axis=1).argmax() == 0
    assert thirds[2].mean(axis=1).argmax() == 9
    assert thirds[1][:, 3:-3].max() < 0.05


def test_the_window_is_the_decoders() -> None:
    assert [window_start(s) for s in (1000.0, 106.0, 95.0, 90.0, 3.0)] == pytest.approx([150.0, 15.9, 5.0, 0.0, 0.0])


def test_the_grid_of_a_heard_song_meets_its_clicks(song: tuple[np.ndarray, Heard]) -> None:
    y, heard = song
    onsets = next(axes for axes in figure_of(y, heard, 30.0, "song").axes if axes.get_title(loc="left").startswith("onsets"))
    (lines,) = [c for c in onsets.collections if hasattr(c, "get_segments")]
    seconds = np.array([segment[0][0] for segment in lines.get_segments()])
    assert heard.tempo.bpm is not None
    off = (seconds - 0.25 + 0.24) % 0.48 - 0.24
    assert len(seconds) > 10 and np.abs(off).max() < 0.05


def test_the_words_say_what_was_heard(song: tuple[np.ndarray, Heard]) -> None:
    first, second = in_words(song[1])
    assert first.startswith("125.0 beats per minute") and "LUFS" in first
    assert "energy 0." in second and "-" not in first + second, "minus signs are minus signs"
    rng = np.random.default_rng(2)
    noise = in_words(hear(0.1 * rng.standard_normal(5 * RATE).astype(np.float32)))
    assert "no beat found" in noise[0] or "(a guess)" in noise[0]


@pytest.mark.parametrize("title", ["song", "$x_1$ [remastered] " + "W" * 300, "日本語"])
@pytest.mark.filterwarnings("error")
def test_any_title_gives_a_picture(song: tuple[np.ndarray, Heard], title: str) -> None:
    y, heard = song
    pixels = image.imread(BytesIO(portrait(y, heard, 200.0, title)), format="png")
    assert pixels.shape[:2] == (1320, 1440)
    assert 0.3 < float(pixels[..., :3].mean()) < 0.95, "neither black nor blank"


@pytest.mark.parametrize("duration_s", [30.0, 4000.0])
def test_no_text_lies_over_another(song: tuple[np.ndarray, Heard], duration_s: float) -> None:
    figure = figure_of(*song, duration_s, "a title of the usual length")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = list(figure.texts)
    for axes in figure.axes:
        texts += [axes.xaxis.label, axes.yaxis.label, axes._left_title, *shown_ticks(axes)]
    boxes = [(t.get_text(), t.get_window_extent(canvas.get_renderer())) for t in texts if t.get_visible() and t.get_text()]
    clashes = [(a, b) for i, (a, one) in enumerate(boxes) for b, other in boxes[:i] if one.overlaps(other) and a != b]
    assert [pair for pair in clashes if not all(text in TICKS for text in pair)] == []
    width, height = canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for _, box in boxes)


def shown_ticks(axes: Axes) -> list[Text]:
    """Labels of the ticks in view: matplotlib keeps others just outside, which it does not draw."""
    shown = []
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        shown += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_visible()]
        shown += [tick.label2 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label2.get_visible()]
    return shown


# Neighbouring rows of pitch classes touch by a pixel of their line height, not of their letters.
TICKS = {"C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"}


def test_every_axis_has_its_unit(song: tuple[np.ndarray, Heard]) -> None:
    labels = {axes.get_ylabel() for axes in figure_of(*song, 30.0, "song").axes} - {""}
    assert labels == {
        *("amplitude\n(full scale 1)", "frequency (Hz)", "pitch class", "onset strength\n(deviations)"),
        *("dB below the loudest", "share of the loudest"),
    }


def test_a_second_of_sound_is_enough() -> None:
    y = clicks(120, 1.0)
    assert portrait(y, hear(y), 1.0, "short").startswith(b"\x89PNG")


def test_real_recordings(real_audio: Path) -> None:
    drawn = 0
    for path in sorted((real_audio / "music").iterdir())[:4]:
        try:
            clip = decode(path)
        except AudioError:
            continue
        drawn += portrait(clip.y, hear(clip.y), clip.duration_s, path.name).startswith(b"\x89PNG")
    assert drawn >= 3
