"""Files that end too early, and headers that lie about where they end."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from shutil import which

import numpy as np
import pytest
import soundfile

from audio.constants import SAMPLE_RATE
from audio.decode import Clip, Limits, decode
from tests.audio.refusals import cuts, put, reason, reason_or_none

Write = Callable[..., Path]


# --- cut files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wav", "rf64", "aiff", "au", "flac", "ogg", "opus", "mp3"])
def test_a_file_cut_anywhere_is_truncated(music_file: Write, kind: str) -> None:
    path = music_file(kind)
    whole = path.read_bytes()
    for at in cuts(len(whole), seed=1):
        assert reason(put(path, whole[:at])) == "truncated", at


@pytest.mark.parametrize("kind", ["wav", "aiff", "flac", "ogg", "mp3"])
def test_the_cut_of_a_long_file_is_seen_though_the_window_is_whole(music_file: Write, kind: str) -> None:
    path = music_file(kind, 20.0)
    whole = path.read_bytes()
    limits = Limits(window_s=3.0)
    assert len(decode(path, limits).y) == 3 * SAMPLE_RATE
    assert reason(put(path, whole[: int(len(whole) * 0.9)]), limits) == "truncated"


def test_an_mp3_without_header_that_is_cut_within_a_frame_is_truncated(music_file: Write) -> None:
    path = music_file("mp3")
    frames = path.read_bytes()[417:]
    assert decode(put(path, frames)).duration_s == pytest.approx(5.0, abs=0.1)
    results = [reason_or_none(put(path, frames[: len(frames) // 2 + at])) for at in range(0, 200, 7)]
    assert set(results) <= {"truncated", None}
    assert results.count(None) <= 1, "only a cut between two frames cannot be seen"
    ends = [at for at in range(len(frames) // 2, len(frames) - 1400) if frames[at : at + 2] == frames[:2]]
    assert reason_or_none(put(path, frames[: ends[0] + 2])) == "truncated", "a cut within a header can"


def test_m4a_that_is_cut_is_truncated(real_audio: Path, tmp_path: Path) -> None:
    """The container is asked before the decoder, so this needs no more than an ffmpeg that is there."""
    whole = (real_audio / "music" / "stereo_sample.m4a").read_bytes()
    for at in cuts(len(whole), seed=2):
        assert reason(put(tmp_path / "a.m4a", whole[:at])) == ("truncated" if which("ffmpeg") else "unrecognised")


def test_headers_alone_are_a_decode_error(music_file: Write) -> None:
    for kind, length in (("wav", 44), ("flac", 42), ("flac", 60), ("ogg", 58), ("ogg", 1000), ("aiff", 54)):
        path = music_file(kind)
        assert reason(put(path, path.read_bytes()[:length])) == "decode_error", (kind, length)


@pytest.mark.parametrize(("kind", "header"), [("flac", 42), ("ogg", 4500), ("ogg", 58)])
def test_a_garbage_body_is_a_decode_error(music_file: Write, kind: str, header: int) -> None:
    path = music_file(kind)
    head = path.read_bytes()[:header]
    assert reason(put(path, head + np.random.default_rng(3).bytes(50_000))) == "decode_error"


# --- headers that lie -----------------------------------------------------------------------------------------------


def xing(content: bytes, frames: int | None = None, length: int | None = None) -> bytearray:
    """An mp3 with another count of frames or bytes in its Xing header."""
    changed, at = bytearray(content), content.find(b"Xing")
    for place, value in ((at + 8, frames), (at + 12, length)):
        if value is not None:
            changed[place : place + 4] = struct.pack(">I", value)
    return changed


def flac_total(content: bytes, total: int) -> bytearray:
    changed = bytearray(content)
    packed = int.from_bytes(changed[18:26], "big") >> 36 << 36
    changed[18:26] = (packed | total).to_bytes(8, "big")
    return changed


def wav_size(content: bytes, size: int, riff: int | None = None) -> bytearray:
    changed, at = bytearray(content), content.find(b"data")
    changed[at + 4 : at + 8] = struct.pack("<I", size)
    if riff is not None:
        changed[4:8] = struct.pack("<I", riff)
    return changed


TEN_HOURS = 36_000 * 44_100


@pytest.mark.parametrize(
    ("kind", "lie"),
    [
        ("mp3", lambda whole: xing(whole, frames=TEN_HOURS // 1152)),
        ("mp3", lambda whole: xing(whole, length=10_000_000)),
        ("mp3", lambda whole: xing(whole, frames=400)),  # plausible for the bytes; 192 are there
        ("flac", lambda whole: flac_total(whole, TEN_HOURS)),
        ("flac", lambda whole: flac_total(whole, 5 * 44_100 + 10_000)),
        ("wav", lambda whole: wav_size(whole, 0x7000_0000)),
        ("wav", lambda whole: wav_size(whole, len(whole))),
    ],
)
def test_a_header_that_claims_more_than_there_is_is_truncated(music_file: Write, kind: str, lie: Callable[..., bytes]) -> None:
    path = music_file(kind)
    assert reason(put(path, lie(path.read_bytes()))) == "truncated"


@pytest.mark.parametrize(
    ("kind", "lie"),
    [
        ("mp3", lambda whole: xing(whole, frames=3)),
        ("mp3", lambda whole: xing(whole, frames=3, length=1200)),
        ("mp3", lambda whole: xing(whole, frames=0)),
        ("flac", lambda whole: flac_total(whole, 3)),
        ("flac", lambda whole: flac_total(whole, 44_100)),
        ("flac", lambda whole: flac_total(whole, 0)),
        ("wav", lambda whole: wav_size(whole, 12)),
        ("wav", lambda whole: wav_size(whole, 0)),
        ("wav", lambda whole: wav_size(whole, 0, riff=0)),
        ("wav", lambda whole: wav_size(whole, 0xFFFF_FFFF, riff=0xFFFF_FFFF)),
        ("wav", lambda whole: wav_size(whole, 0x7FFF_FF00, riff=0x7FFF_FF24)),
    ],
)
def test_a_header_that_claims_less_or_nothing_is_not_believed(music_file: Write, kind: str, lie: Callable[..., bytes]) -> None:
    path = music_file(kind)
    honest = decode(path)
    clip = decode(put(path, lie(path.read_bytes())))
    assert clip.duration_s == pytest.approx(honest.duration_s, abs=0.05)
    assert best_likeness(clip, honest) > 0.999


def best_likeness(a: Clip, b: Clip) -> float:
    """Correlation where the two match best: without its header an mp3 begins up to two frames earlier."""
    n, half = 2 * SAMPLE_RATE, SAMPLE_RATE // 2
    wanted = b.y[n : n + half]
    at = n - 700 + int(np.argmax(np.correlate(a.y[n - 700 : n + 1300 + half], wanted, "valid")))
    return float(np.corrcoef(a.y[at : at + half], wanted)[0, 1])


def test_the_second_pass_begins_at_15_percent_of_what_is_there(tmp_path: Path) -> None:
    """A stream whose header knows no total: 200 s of a ramp that says where it stands."""
    n = 200 * SAMPLE_RATE
    soundfile.write(tmp_path / "a.flac", (np.arange(n) / n).astype(np.float32), SAMPLE_RATE)
    honest = decode(tmp_path / "a.flac")
    clip = decode(put(tmp_path / "b.flac", flac_total((tmp_path / "a.flac").read_bytes(), 0)))
    assert clip.y[0] == pytest.approx(0.15, abs=1e-3)
    assert clip.y.tolist() == honest.y.tolist()
    assert clip.duration_s == 200.0
