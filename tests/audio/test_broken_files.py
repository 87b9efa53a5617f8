"""Every way in which a file is broken has its word, and what merely looks odd is heard."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
import soundfile

from audio.constants import SAMPLE_RATE
from audio.decode import Clip, Limits, decode
from conf.audio import REASONS
from conf.errors import AudioError

Write = Callable[..., Path]

ID3V2 = b"ID3\x04\0\0\0\0\x08\0" + bytes(1024)
ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + struct.pack("<IIII8x", 2000, 64, 1, 0x8000_0000 | 0x2000_0000) + bytes(64)
APE += bytes(2000 - 32 - 64) + b"APETAGEX" + struct.pack("<IIII8x", 2000, 64, 1, 0x8000_0000)
LYRICS = b"LYRICSBEGIN" + bytes(89) + b"000100LYRICS200"


def reason(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(AudioError) as refused:
        decode(path, limits)
    assert refused.value.reason in REASONS
    return refused.value.reason


def put(path: Path, content: bytes | bytearray) -> Path:
    path.write_bytes(content)
    return path


def cuts(size: int, seed: int) -> list[int]:
    """Where to cut: four random places between a third and 98 % of a file."""
    return [int(at) for at in np.random.default_rng(seed).integers(size // 3, int(size * 0.98), 4)]


# --- what is no music at all ----------------------------------------------------------------------------------------


def test_absent_empty_and_too_large_files(tmp_path: Path, music_file: Write) -> None:
    assert reason(tmp_path / "none.mp3") == "missing"
    assert reason(put(tmp_path / "empty.mp3", b"")) == "empty"
    path = music_file("flac", 2.0)
    assert reason(path, Limits(max_bytes=path.stat().st_size - 1)) == "too_large"


@pytest.mark.parametrize(
    "content",
    [
        b"Once upon a time\n" * 1000,
        b"<html><body>404 Not Found</body></html>",
        ID3V2,
        ID3V2 + b"text behind a tag" * 100,
        b"\xff" * 70_000,
        b"\0" * 70_000,
        b"\xff\xfb\x90\x64",  # one mp3 header alone
        b"\xff\xfb\x90\x64" + b"x" * 5000,
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(100),
        b"\0\0\0\x18ftypheic" + bytes(100),
        b"#EXTM3U\nfile:///etc/passwd\n",
    ],
)
def test_what_is_no_audio_is_unrecognised_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    for name in ("a.mp3", "a.wav", "a.gsm", "a"):
        assert reason(put(tmp_path / name, content)) == "unrecognised"


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_unrecognised(tmp_path: Path, seed: int) -> None:
    assert reason(put(tmp_path / "a.mp3", np.random.default_rng(seed).bytes(100_000))) == "unrecognised"


def test_a_name_does_not_hide_the_format(tmp_path: Path, music_file: Write) -> None:
    assert decode(music_file("flac").rename(tmp_path / "a.mp3")).container == "flac"


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
    results = [_reason_or_none(put(path, frames[: len(frames) // 2 + at])) for at in range(0, 200, 7)]
    assert set(results) <= {"truncated", None}
    assert results.count(None) <= 1, "only a cut between two frames cannot be seen"
    ends = [at for at in range(len(frames) // 2, len(frames) - 1400) if frames[at : at + 2] == frames[:2]]
    assert _reason_or_none(put(path, frames[: ends[0] + 2])) == "truncated", "a cut within a header can"


def _reason_or_none(path: Path) -> str | None:
    try:
        decode(path)
    except AudioError as error:
        return error.reason
    return None


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


# --- what looks odd, and is fine ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav", "ogg"])
@pytest.mark.parametrize("before", [b"", ID3V2, ID3V2 + ID3V2], ids=["", "id3v2", "two id3v2"])
@pytest.mark.parametrize("behind", [b"", ID3V1, APE, APE + LYRICS + ID3V1, bytes(500)], ids=["", "v1", "ape", "all", "zeros"])
def test_tags_and_padding_do_no_harm(music_file: Write, kind: str, before: bytes, behind: bytes) -> None:
    path = music_file(kind, 2.0)
    plain = decode(path)
    tagged = decode(put(path, before + path.read_bytes() + behind))
    assert len(tagged.y) == pytest.approx(len(plain.y), abs=0.05 * SAMPLE_RATE)
    assert np.allclose(tagged.y[:40_000], plain.y[:40_000], atol=1e-6)


def test_an_mp3_without_header_is_heard_whole(music_file: Write, music: Callable[..., Any]) -> None:
    """Its first frames are silent and small, so that a length by their bit rate would be far off."""
    path = music_file("mp3")
    soundfile.write(path, np.concatenate([np.zeros((44_100, 2)), music(9.0)]), 44_100, bitrate_mode="VARIABLE")
    clip = decode(put(path, path.read_bytes()[417:]))
    assert clip.duration_s == pytest.approx(10.0, abs=0.1)
    assert np.abs(clip.y[-SAMPLE_RATE:]).max() > 0.05


@pytest.mark.parametrize("junk", [b"\0" * 3000, b"\xff\xfb" * 500, b"junk" * 2000])
def test_padding_before_the_first_mp3_frame_is_passed_over(music_file: Write, junk: bytes) -> None:
    path = music_file("mp3")
    assert decode(put(path, ID3V2 + junk + path.read_bytes())).duration_s == pytest.approx(5.0, abs=0.05)


def test_joined_mp3_files_are_heard_to_the_end(music_file: Write) -> None:
    path = music_file("mp3", 20.0)
    assert decode(put(path, path.read_bytes() * 2)).duration_s == pytest.approx(40.0, abs=0.2)


def test_of_chained_ogg_streams_the_first_is_heard(music_file: Write) -> None:
    path = music_file("ogg", 3.0)
    other = music_file("opus", 2.0).read_bytes()
    for more in (path.read_bytes(), other):
        assert decode(put(path, path.read_bytes() + more)).duration_s == pytest.approx(3.0, abs=0.01)


def test_wav_with_chunks_around_its_sound_is_fine(music_file: Write) -> None:
    path = music_file("wav")
    whole = path.read_bytes()
    chunk = b"LIST" + struct.pack("<I", 301) + bytes(302)
    assert decode(put(path, whole[:36] + chunk + whole[36:] + chunk)).duration_s == 5.0


# --- samples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 9.0, -1e5])
def test_one_corrupt_sample_is_enough(tmp_path: Path, music: Callable[..., Any], value: float) -> None:
    y = music(3.0)
    y[70_000, 1] = value
    soundfile.write(tmp_path / "a.wav", y, 44_100, subtype="FLOAT")
    assert reason(tmp_path / "a.wav") == "corrupt_samples"


def test_a_loud_master_is_not_corrupt(tmp_path: Path, music: Callable[..., Any]) -> None:
    soundfile.write(tmp_path / "a.wav", music(3.0) * 10, 44_100, subtype="FLOAT")
    assert np.abs(decode(tmp_path / "a.wav").y).max() > 1.5


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "opus", "wav"])
def test_flipped_bytes_give_a_clip_or_a_reason(music_file: Write, kind: str) -> None:
    path = music_file(kind, 3.0)
    whole = path.read_bytes()
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(12):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 20):
            damaged[at] ^= int(rng.integers(1, 256))
        seen.add(_reason_or_none(put(path, damaged)))
    allowed = {None, "unrecognised", "decode_error", "truncated", "corrupt_samples", "too_short"}
    assert seen <= allowed
    assert kind != "flac" or "decode_error" in seen


def test_too_short_and_silent(tmp_path: Path, music: Callable[..., Any]) -> None:
    soundfile.write(tmp_path / "short.wav", music(0.9), 44_100)
    assert reason(tmp_path / "short.wav") == "too_short"
    soundfile.write(tmp_path / "loop.wav", music(1.1), 44_100)
    assert decode(tmp_path / "loop.wav").duration_s == pytest.approx(1.1, abs=1e-3)
    soundfile.write(tmp_path / "zero.wav", np.zeros(90_000), 44_100)
    assert reason(tmp_path / "zero.wav") == "silent"
    hiss = np.random.default_rng(5).standard_normal(90_000)
    for kind, level in (("silent", 1e-4), (None, 1e-3)):  # -80 and -60 dBFS
        soundfile.write(tmp_path / "hiss.flac", level * hiss, 22_050, subtype="PCM_24")
        assert _reason_or_none(tmp_path / "hiss.flac") == kind


@pytest.mark.parametrize("rate", [1, 100, 2_000_000_000])
def test_a_rate_that_nobody_records_at_is_refused(music_file: Write, rate: int) -> None:
    path = music_file("wav")
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    assert reason(put(path, content)) == "decode_error"


def test_no_descriptor_is_left_open(tmp_path: Path, music_file: Write) -> None:
    good, text = music_file("mp3", 2.0), put(tmp_path / "text", b"text")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(20):
        decode(good)
        assert reason(text) == "unrecognised"
    assert before == (len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)
