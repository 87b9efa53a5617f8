"""What is heard of good files: the right window, the same sound whatever the codec, nothing believed that a header says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from audio.constants import SAMPLE_RATE
from audio.decode import Clip, Limits, decode, inside
from conf.errors import AudioError


def ramp(folder: Path, seconds: float) -> Path:
    """A float file at 22,050 Hz whose samples say at which share of it they stand."""
    n = round(seconds * SAMPLE_RATE)
    soundfile.write(folder / "ramp.wav", np.arange(n, dtype=np.float32) / n, SAMPLE_RATE, subtype="FLOAT")
    return folder / "ramp.wav"


def shares(clip: Clip) -> tuple[float, float]:
    """At which shares of a ramp a clip begins and ends, measured away from the resampler's edges."""
    margin = 1000
    step = (clip.y[-margin] - clip.y[margin]) / (len(clip.y) - 2 * margin)
    return float(clip.y[margin] - margin * step), float(clip.y[-margin] + margin * step)


# --- the window -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "begin", "end"),
    [
        (200.0, 0.15, 0.15 + 90 / 200),
        (100.0, 0.10, 1.00),  # 15 % in, 85 s would be left: it begins earlier
        (30.0, 0.0, 1.0),
    ],
)
def test_window_is_90_seconds_from_15_percent_where_the_file_has_them(
    tmp_path: Path, seconds: float, begin: float, end: float
) -> None:
    clip = decode(ramp(tmp_path, seconds))
    assert len(clip.y) == round(min(seconds, 90.0) * SAMPLE_RATE)
    assert shares(clip) == pytest.approx((begin, end), abs=1e-4)
    assert clip.duration_s == pytest.approx(seconds)
    assert (clip.container, clip.y.dtype, clip.y.ndim) == ("wav", np.float32, 1)


def test_limits_move_the_window(tmp_path: Path) -> None:
    clip = decode(ramp(tmp_path, 40.0), Limits(window_s=10.0, start_share=0.5))
    assert shares(clip) == pytest.approx((0.5, 0.75), abs=1e-4)


def test_what_lies_behind_the_cap_is_not_heard(tmp_path: Path) -> None:
    clip = decode(ramp(tmp_path, 200.0), Limits(window_s=10.0, start_share=0.5, max_decoded_s=50.0))
    assert shares(clip) == pytest.approx((0.2, 0.25), abs=1e-4)


def test_nothing_is_read_behind_the_window(tmp_path: Path) -> None:
    """Samples that would be refused stand just behind the block in which the window ends."""
    y = np.full(60 * SAMPLE_RATE, 0.1, np.float32)
    y[40 * SAMPLE_RATE :] = np.nan
    soundfile.write(tmp_path / "a.wav", y, SAMPLE_RATE, subtype="FLOAT")
    assert len(decode(tmp_path / "a.wav", Limits(window_s=10.0, start_share=0.3)).y) == 10 * SAMPLE_RATE


def test_channels_are_averaged(tmp_path: Path) -> None:
    y = np.tile(np.array([0.6, 0.0, 0.3, -0.1, 0.2, 0.2], np.float32), (2 * SAMPLE_RATE, 1))
    soundfile.write(tmp_path / "six.wav", y, SAMPLE_RATE, subtype="FLOAT")
    assert decode(tmp_path / "six.wav").y[5000:-5000] == pytest.approx(0.2, abs=1e-5)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_keeps_its_pitch_at_every_rate(tmp_path: Path, rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(4 * rate) / rate)
    soundfile.write(tmp_path / "tone.flac", tone, rate)
    y = decode(tmp_path / "tone.flac").y
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    assert len(y) == 4 * SAMPLE_RATE
    assert np.argmax(spectrum) / 4 == pytest.approx(1000, abs=0.5)
    assert np.sqrt(np.mean(y**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


# --- codecs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "container", "error"),
    [
        ("wav", "wav", 1e-3),
        ("aiff", "aiff", 1e-3),
        ("rf64", "wav", 1e-3),
        ("w64", "w64", 1e-3),
        ("caf", "caf", 1e-3),
        ("au", "au", 1e-3),
        ("flac", "flac", 1e-3),
        ("ogg", "ogg", 0.2),
        ("opus", "ogg", 0.4),
        ("mp3", "mp3", 0.2),
    ],
)
def test_the_same_music_sounds_the_same_in_every_format(
    music: Callable[..., Any], music_file: Callable[..., Path], kind: str, container: str, error: float
) -> None:
    """Relative error of the waveform: rounding to 16 bits, or what the codec leaves out."""
    path = music_file(kind)
    rate = soundfile.info(path).samplerate
    wanted = soxr.resample(music(5.0, rate).mean(axis=1), rate, SAMPLE_RATE)
    clip = decode(path)
    n = min(len(clip.y), len(wanted))
    assert clip.container == container
    assert abs(len(clip.y) - len(wanted)) < 0.05 * SAMPLE_RATE
    assert clip.duration_s == pytest.approx(5.0, abs=0.05)
    assert np.linalg.norm(clip.y[:n] - wanted[:n]) < error * np.linalg.norm(wanted)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg on PATH, and only it decodes m4a")
def test_m4a_and_flac_of_one_piece_sound_alike(real_audio: Path) -> None:
    m4a, flac = (decode(real_audio / "music" / f"stereo_sample.{end}") for end in ("m4a", "flac"))
    n = min(len(m4a.y), len(flac.y))
    assert m4a.container == "m4a"
    assert m4a.duration_s == pytest.approx(flac.duration_s, abs=0.05)
    assert np.corrcoef(m4a.y[:n], flac.y[:n])[0, 1] > 0.98
    assert np.std(m4a.y) == pytest.approx(np.std(flac.y), rel=0.05)


def test_without_ffmpeg_m4a_is_unrecognised_and_told_why(real_audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match="needs ffmpeg") as refused:
        decode(real_audio / "music" / "stereo_sample.m4a")
    assert refused.value.reason == "unrecognised"


def test_real_recordings_are_heard(real_audio: Path) -> None:
    paths = [p for p in sorted(real_audio.glob("*/*")) if p.suffix in {".ogg", ".mp3", ".wav", ".flac"}]
    clips = {path.name: decode(path) for path in paths}
    assert len(clips) > 30
    tempo = {name: float(name.rsplit(" - ", 1)[1].split()[0]) for name in clips if "BPM" in name}
    beats = np.array([clips[name].duration_s * bpm / 60 for name, bpm in tempo.items()])
    assert np.median(np.abs(beats - beats.round())) < 0.05, "most loops are whole beats long"
    assert clips["Karissa_Hobbs_-_Lets_Go_Fishin.ogg"].duration_s == pytest.approx(132.99, abs=0.01)


# --- paths ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "audio"
    (root / "album").mkdir(parents=True)
    (root / "album" / "a.ogg").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"x")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    (root / "circle").symlink_to(root / "circle")
    (root / "alias").symlink_to("album/a.ogg")
    os.mkfifo(root / "fifo")
    return root


@pytest.mark.parametrize("relative", ["album/a.ogg", "./album//a.ogg", "alias"])
def test_a_file_below_the_root_is_found(library: Path, relative: str) -> None:
    assert inside(library, relative) == (library / "album" / "a.ogg").resolve()


@pytest.mark.parametrize(
    "relative",
    [
        *("none.ogg", "http://example.org/a.ogg", "file:///etc/passwd", "/etc/passwd", "../secret", "album/../album/a.ogg"),
        *("out", "up/secret", "circle", "a\0b", "album", "fifo", "", ".", "\ud800", "x" * 5000),
    ],
)
def test_whatever_is_no_file_below_the_root_is_missing(library: Path, relative: str) -> None:
    with pytest.raises(AudioError) as refused:
        inside(library, relative)
    assert refused.value.reason == "missing"


def test_decode_opens_no_special_file(library: Path) -> None:
    for path in (library / "fifo", library / "album", library / "none", Path("/dev/null")):
        with pytest.raises(AudioError) as refused:
            decode(path)
        assert refused.value.reason == "missing"
