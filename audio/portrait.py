"""clip, what was heard in it -> a picture: waveform, mel spectrogram, pitch classes and beat, with the findings in words.

Colours are Okabe & Ito's and matplotlib's perceptually uniform maps: they differ in lightness, for eyes that see fewer hues.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from audio import key, tempo
from audio.chroma import Peaks, pitch_classes, spectral_peaks, tuning_cents
from audio.constants import CHROMA_FRAME, CHROMA_HOP, FRAME, FRAMES_PER_SECOND, HOP, SAMPLE_RATE, WINDOW_S, WINDOW_START
from audio.hearing import Heard
from audio.onsets import onset_strength
from audio.spectrogram import bin_frequencies, decibels, mel_filters, power_spectrum

if TYPE_CHECKING:  # half a second, for the one option that draws
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

EXCERPT_S = 12.0  # seconds of onsets that are shown: 90 s of beats would be a grey wall
_BLUE, _VERMILLION, _ORANGE = "#0072B2", "#D55E00", "#E69F00"
_INK, _GREY, _FAINT, _PALE = "#222222", "#5b6270", "#9ca3af", "#e5e7eb"
_SIZE, _DPI = (12.0, 11.0), 120  # inches
_WAVE_COLUMNS = 1_500
_DEEPEST_DB = -80.0
_FADE_DB = 50.0  # so far below the loudest moment a pitch is not shown: a pause's noise has pitches too
_TOGETHER = 3  # chroma frames to a column: one alone flickers
_PHASES = 48  # of a beat: at 60 bpm they are 21 ms apart, about a frame
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_HZ = (250, 500, 1000, 2000, 4000, 8000)


@dataclass(frozen=True)
class Grid:
    """Where beats fall in an excerpt.

    Attributes
    ----------
    start, stop : the excerpt, in frames. beats : float64 [b], in frames, within it; empty where there is no tempo.
    """

    start: int
    stop: int
    beats: Float64s


def portrait(y: Floats, heard: Heard, duration_s: float, title: str) -> bytes:
    """PNG of a clip.

    Parameters
    ----------
    y : float32 [n], mono, 22,050 Hz, as it was heard. duration_s : seconds of its whole file. title : what to call it.
    """
    drawn = BytesIO()
    figure = figure_of(y, heard, duration_s, title)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # titles in scripts that the font lacks: boxes do
        figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    return drawn.getvalue()


def figure_of(y: Floats, heard: Heard, duration_s: float, title: str) -> Figure:
    """The figure that `portrait` prints; parameters as there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor="white")
    sides = {"width_ratios": (1, 0.012), "left": 0.075, "right": 0.935, "wspace": 0.02}
    rows = figure.add_gridspec(4, 2, height_ratios=(0.07, 1, 1.75, 1.55), top=0.868, bottom=0.27, hspace=0.3, **sides)
    strip, wave, mel, chroma = (figure.add_subplot(rows[row, 0]) for row in range(4))
    onsets = figure.add_subplot(figure.add_gridspec(1, 2, top=0.185, bottom=0.05, **sides)[0, 0])
    start = window_start(duration_s)
    span = start, start + len(y) / SAMPLE_RATE
    strength = onset_strength(heard.mel)[3]
    grid = beat_grid(strength, heard.tempo.bpm)
    _draw_strip(strip, span, duration_s)
    _draw_wave(wave, y, span, grid)
    _draw_mel(mel, figure.add_subplot(rows[2, 1]), heard.mel, span)
    _draw_chroma(chroma, figure.add_subplot(rows[3, 1]), chromagram(y), heard.key, span)
    _draw_onsets(onsets, strength, grid, heard.tempo, start)
    figure.text(0.075, 0.965, _shortened(title), fontsize=16, fontweight="bold", color=_INK, va="center", parse_math=False)
    for height, line in zip((0.937, 0.915), in_words(heard), strict=True):
        figure.text(0.075, height, line, fontsize=11.5, color=_INK, va="center")
    return figure


def in_words(heard: Heard) -> tuple[str, str]:
    """The findings in two lines: beat and key, then what it feels like."""
    found: dict[str, Any] = heard.findings()
    beat = "no beat found"
    if heard.tempo.bpm is not None:
        other = heard.tempo.alternative_bpm
        beat = f"{heard.tempo.bpm:.1f} beats per minute" + (f" (or {other:.1f})" if other else "") + _guess(heard.tempo)
    pitch = "no pitch found"
    if heard.key is not None:
        cents = round(heard.key.tuning_cents)
        unit = "cent" if abs(cents) == 1 else "cents"
        tuned = f", {abs(cents)} {unit} {'sharp' if cents > 0 else 'flat'}" if cents else ""
        pitch = f"{heard.key.name}{_guess(heard.key)}{tuned}"
    mood, share = max(found["moods"].items(), key=lambda pair: float(pair[1]))
    first = f"{beat}  ·  {pitch}  ·  {found['loudness_db']:.1f} LUFS  ·  {mood} ({100 * share:.0f} %)"
    named = ("energy", "acousticness", "instrumentalness", "valence", "arousal")
    second = "  ·  ".join(f"{name} {found[name]:.2f}" for name in named)
    return first.replace("-", "−"), second.replace("-", "−")


def window_start(duration_s: float) -> float:
    """Second of the file at which listening starts, as `audio.decode` chooses it.

    >>> window_start(200.0), window_start(100.0), window_start(60.0)
    (30.0, 10.0, 0.0)
    """
    return min(WINDOW_START * duration_s, max(0.0, duration_s - WINDOW_S))


def beat_grid(strength: Floats, bpm: float | None) -> Grid:
    """Beats in the EXCERPT_S in which they stand out most, at the phase that meets the onsets best.

    Parameters
    ----------
    strength : float32 [frames], overall onset strength. bpm : None where there is no beat: then the middle is shown.
    """
    length = min(len(strength), round(EXCERPT_S * FRAMES_PER_SECOND))
    last = len(strength) - length
    if bpm is None:
        return Grid(last // 2, last // 2 + length, np.empty(0))
    period = 60.0 * FRAMES_PER_SECOND / bpm
    starts = np.arange(0, last + 1, max(1, round(FRAMES_PER_SECOND)))
    fits = [_best_phase(strength[start : start + length], period) for start in starts]
    best = int(np.argmax([fit for fit, _ in fits]))
    start = int(starts[best])
    return Grid(start, start + length, start + np.arange(fits[best][1], length, period))


def _best_phase(strength: Floats, period: float) -> tuple[float, float]:
    """(mean strength on the beats, first beat in frames) at the best of _PHASES."""
    phases = np.arange(_PHASES) * (period / _PHASES)
    beats = phases[:, None] + period * np.arange(max(1, int((len(strength) - period) / period)))
    met = np.interp(beats, np.arange(len(strength)), strength).mean(axis=1)
    return float(met.max()), float(phases[met.argmax()])


def chromagram(y: Floats) -> Float64s:
    """How much of each pitch class sounds when, float64 [12, frames of CHROMA_HOP], in [0, 1]; quiet moments are faint."""
    power = power_spectrum(y, CHROMA_FRAME, CHROMA_HOP)
    peaks = spectral_peaks(power)
    cents = tuning_cents(peaks)
    edges = np.searchsorted(
        peaks.frame, [np.arange(peaks.frames) - _TOGETHER // 2, np.arange(peaks.frames) + _TOGETHER // 2 + 1]
    )
    columns = []
    for frame, (first, last) in enumerate(edges.T):
        part = slice(int(first), int(last))
        near = Peaks(peaks.frame[part] - (frame - _TOGETHER // 2), peaks.midi[part], peaks.size[part], _TOGETHER)
        columns.append(pitch_classes(near, cents) ** 2)  # it flattens its profile by a root, which greys a picture
    level = decibels(power.sum(axis=1), 1e-12)
    return np.asarray(np.stack(columns, axis=1) * np.clip(1 + (level - level.max()) / _FADE_DB, 0, 1), np.float64)


def _draw_strip(axes: Axes, span: tuple[float, float], duration_s: float) -> None:
    """The whole file as a bar, with what of it was heard."""
    duration_s = max(duration_s, span[1])
    axes.axvspan(0, duration_s, color=_PALE, lw=0)
    axes.axvspan(*span, color=_BLUE, lw=0)
    axes.set(xlim=(0, duration_s), yticks=[], xticks=[])
    axes.spines[:].set_visible(False)
    part = "all of it" if span[1] - span[0] > duration_s - 0.1 else f"{_clock(span[0])} to {_clock(span[1])}"
    _head(axes, f"the file, {_clock(duration_s)}; heard: {part}")


def _draw_wave(axes: Axes, y: Floats, span: tuple[float, float], grid: Grid) -> None:
    step = max(1, len(y) // _WAVE_COLUMNS)
    columns = y[: len(y) // step * step].reshape(-1, step)
    seconds = span[0] + (np.arange(len(columns)) + 0.5) * step / SAMPLE_RATE
    axes.fill_between(seconds, columns.min(axis=1), columns.max(axis=1), color=_BLUE, lw=0.3)
    reach = 1.05 * float(np.abs(y).max())
    axes.set(xlim=span, ylim=(-reach, reach), ylabel="amplitude\n(full scale 1)")
    axes.tick_params(labelbottom=False)
    if grid.stop - grid.start < len(y) // HOP:
        shown = span[0] + np.array([grid.start, grid.stop]) / FRAMES_PER_SECOND
        axes.axvspan(shown[0], shown[1], color=_ORANGE, alpha=0.3, lw=0)
    _head(axes, "waveform")


def _draw_mel(axes: Axes, bar: Axes, mel: Floats, span: tuple[float, float]) -> None:
    level = decibels(mel / mel.max(), 10 ** (_DEEPEST_DB / 10))
    bands = mel.shape[1]
    image = axes.imshow(
        level.T, origin="lower", aspect="auto", cmap="magma", vmin=_DEEPEST_DB, vmax=0, extent=(*span, -0.5, bands - 0.5)
    )
    centres = bin_frequencies(FRAME, SAMPLE_RATE)[mel_filters(FRAME).argmax(axis=0)]
    axes.set_yticks(np.interp(_HZ, centres, np.arange(bands)), [f"{hz:,}" for hz in _HZ])
    axes.set(xlim=span, ylabel="frequency (Hz)")
    axes.tick_params(labelbottom=False)
    _scale(image, bar, "dB below the loudest", np.arange(_DEEPEST_DB, 1, 20))
    _head(axes, "mel spectrogram")


def _draw_chroma(axes: Axes, bar: Axes, chroma: Float64s, found: key.Key | None, span: tuple[float, float]) -> None:
    image = axes.imshow(chroma, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=1, extent=(*span, -0.5, 11.5))
    axes.set_yticks(range(12), key.NAMES)
    axes.set(xlim=span, ylabel="pitch class", xlabel="seconds of the file")
    told = "" if found is None else f"; bold: the scale of {found.name}{_guess(found)}, red its tonic"
    _scale(image, bar, "share of the loudest", np.arange(0, 1.1, 0.5))
    _head(axes, "pitch classes over time" + told)
    for step, label in enumerate(axes.get_yticklabels() if found else []):
        assert found is not None
        away = (step - found.pitch_class) % 12
        inside = away in _SCALES[found.mode]
        label.set(color=_VERMILLION if away == 0 else _INK if inside else _FAINT, fontweight="bold" if inside else "normal")


def _draw_onsets(axes: Axes, strength: Floats, grid: Grid, found: tempo.Tempo, start: float) -> None:
    seconds = start + np.arange(grid.start, grid.stop) / FRAMES_PER_SECOND
    shown = strength[grid.start : grid.stop]
    beats = start + grid.beats / FRAMES_PER_SECOND
    sure = found.confidence >= tempo.TRUSTED
    axes.vlines(beats, 0, 1, transform=axes.get_xaxis_transform(), color=_VERMILLION, lw=1.3, ls="-" if sure else ":")
    axes.fill_between(seconds, 0, shown, color=_BLUE, alpha=0.85, lw=0)
    axes.set(xlim=(seconds[0], seconds[-1]), ylim=(0, 1.08 * max(float(shown.max()), 1.0)))
    axes.set(ylabel="onset strength\n(deviations)", xlabel="seconds of the file")
    part = "" if len(shown) == len(strength) else f" in {EXCERPT_S:.0f} s of it (shaded above)"
    beat = "no beat found" if found.bpm is None else f"lines: a grid of {found.bpm:.1f} beats per minute{_guess(found)}"
    _head(axes, f"onsets{part}; {beat}")


def _head(axes: Axes, text: str) -> None:
    """Title at the left, and a quiet frame."""
    axes.set_title(text, loc="left", fontsize=11, color=_INK, pad=5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, colors=_GREY)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=10, color=_GREY)


def _scale(image: Any, bar: Axes, text: str, ticks: Sequence[float] | Float64s) -> None:
    made = image.figure.colorbar(image, cax=bar, ticks=ticks)
    made.set_label(text, fontsize=9, color=_GREY)
    made.outline.set_visible(False)
    bar.tick_params(labelsize=8.5, colors=_GREY)


def _guess(found: tempo.Tempo | key.Key) -> str:
    trusted = tempo.TRUSTED if isinstance(found, tempo.Tempo) else key.TRUSTED
    return "" if found.confidence >= trusted else " (a guess)"


def _clock(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def _shortened(title: str, most: int = 68) -> str:
    """A title that fits on one line, without its middle.

    >>> _shortened("abcdefghij", 7)
    'abc…hij'
    """
    half = (most - 1) // 2
    return title if len(title) <= most else f"{title[:half]}…{title[-half:]}"
