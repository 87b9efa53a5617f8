"""Every way in which a file is broken has its word, and what merely looks odd is heard."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio.constants import SAMPLE_RATE
from audio.decode import Limits, decode
from tests.audio.refusals import put, reason, reason_or_none

Write = Callable[..., Path]

ID3V2 = b"ID3\x04\0\0\0\0\x08\0" + bytes(1024)
ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + struct.pack("<IIII8x", 2000, 64, 1, 0x8000_0000 | 0x2000_0000) + bytes(64)
APE += bytes(2000 - 32 - 64) + b"APETAGEX" + struct.pack("<IIII8x", 2000, 64, 1, 0x8000_0000)
LYRICS = b"LYRICSBEGIN" + bytes(89) + b"000100LYRICS200"


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
        seen.add(reason_or_none(put(path, damaged)))
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
        assert reason_or_none(tmp_path / "hiss.flac") == kind


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
