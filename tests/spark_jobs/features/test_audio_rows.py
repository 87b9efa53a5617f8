"""What a worker makes of audio files: a look at each, and one row for every file that it is told to hear. No JVM."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from audio import decoder_process
from audio.hearing import EXTRACTOR
from conf.audio import REASONS
from conf.ears import ExtractAudio
from conf.tables import AUDIO_QUARANTINE, TRACK_AUDIO
from spark_jobs.features import audio_rows
from spark_jobs.features.audio_rows import Listener, nothing_in, seen_rows
from spark_jobs.schema import arrow_schema

MONDAY = date(2026, 9, 7)
Write = Callable[..., Path]
Row = dict[str, Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "audio").mkdir()
    return tmp_path / "audio"


def look(root: Path, path: str = "a.wav", was: Row | None = None, max_bytes: int = 10**9) -> Row:
    """What is seen of one track's file after `was` was known of it."""
    kinds = {"file_id": pa.string(), "bytes": pa.int64(), "modified_ns": pa.int64(), "path": pa.string()}
    known = pa.struct([*kinds.items(), ("home", pa.string()), ("same_ears", pa.bool_())])
    row = {"track_id": ["t1"], "path": [path], "simulated": [True], "was": pa.array([was], known)}
    return seen_rows(pa.RecordBatch.from_pydict(row), root, max_bytes).to_pylist()[0]


def known(seen: Row, **other: Any) -> Row:
    """What the next week knows of a file that was seen so and heard."""
    row = {name: seen[name] for name in ("file_id", "bytes", "modified_ns", "path")}
    return row | {"home": "track_audio", "same_ears": True} | other


def test_a_new_file_is_hashed_and_has_to_be_heard(root: Path, song: Write) -> None:
    path = song(root / "a.wav")
    seen = look(root)
    assert seen["file_id"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (seen["bytes"], seen["modified_ns"]) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert (seen["home"], seen["track_id"], seen["simulated"]) == (None, "t1", True)


def test_a_file_that_rests_is_not_even_read(root: Path, song: Write) -> None:
    song(root / "a.wav")
    was = known(look(root), file_id="what reading it would not give")
    assert look(root, was=was) == {"track_id": "t1", "simulated": True} | {
        name: was[name] for name in ("path", "file_id", "bytes", "modified_ns", "home")
    }


def test_a_touched_file_is_read_and_not_heard(root: Path, song: Write) -> None:
    path = song(root / "a.wav")
    before = look(root)
    os.utime(path, ns=(1, 1))
    after = look(root, was=known(before))
    assert (after["home"], after["modified_ns"], after["file_id"]) == ("track_audio", 1, before["file_id"])


def test_a_moved_file_is_the_same_file(root: Path, song: Write) -> None:
    before = look(root, song(root / "a.wav").name)
    (root / "a.wav").rename(root / "b.wav")
    after = look(root, "b.wav", known(before))
    assert (after["home"], after["path"]) == ("track_audio", "b.wav")


def test_changed_bytes_and_other_ears_have_to_be_heard(root: Path, song: Write) -> None:
    song(root / "a.wav", 440.0)
    before = look(root)
    assert look(root, was=known(before, same_ears=False))["home"] is None
    os.utime(song(root / "a.wav", 880.0), ns=(1, 1))
    after = look(root, was=known(before))
    assert (after["home"], after["bytes"]) == (None, before["bytes"]), "as long as before, other bytes"
    assert after["file_id"] != before["file_id"]


def test_what_is_missing_stays_so_until_it_comes(root: Path, song: Write) -> None:
    song(root / "another.wav")
    before = look(root)
    assert (before["file_id"], before["bytes"], before["modified_ns"]) == (None, None, None)
    was = known(before, home="audio_quarantine")
    assert look(root, was=was)["home"] == "audio_quarantine"
    song(root / "a.wav")
    assert look(root, was=was)["home"] is None


def test_what_is_gone_has_to_be_told(root: Path, song: Write) -> None:
    path = song(root / "a.wav")
    song(root / "another.wav")
    was = known(look(root))
    path.unlink()
    assert look(root, was=was) | {"path": "a.wav"} == {
        "track_id": "t1", "path": "a.wav", "simulated": True, "file_id": None, "bytes": None, "modified_ns": None, "home": None,
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["emptied", "taken away"])
def test_a_disk_that_is_not_mounted_takes_nothing_along(root: Path, song: Write, folder: str) -> None:
    path = song(root / "a.wav")
    was, missing = known(look(root)), known(look(root, "b.wav"), home="audio_quarantine")
    path.unlink()
    if folder == "taken away":
        root.rmdir()
    assert nothing_in(root)
    assert look(root, was=was)["home"] == "track_audio"
    assert look(root, was=was)["file_id"] == was["file_id"]
    assert look(root, "b.wav", missing)["home"] == "audio_quarantine"
    assert look(root)["home"] is None, "nothing is known of it that could stand"


def test_too_large_a_file_is_never_read(root: Path, song: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    size = song(root / "a.wav").stat().st_size
    read: list[Path] = []
    monkeypatch.setattr(audio_rows, "file_sha256", lambda path: read.append(path) or "hash")
    before = look(root, max_bytes=size - 1)
    assert (before["bytes"], before["file_id"], read) == (size, None, [])
    was = known(before, home="audio_quarantine")
    assert look(root, was=was, max_bytes=size - 1)["home"] == "audio_quarantine"
    assert look(root, was=was, max_bytes=size)["home"] is None, "with a higher limit it is heard"
    assert read == [root / "a.wav"]


def test_a_right_to_read_that_comes_later_is_noticed(root: Path, song: Write) -> None:
    """It changes neither size nor time."""
    song(root / "a.wav")
    was = known(look(root), file_id=None, home="audio_quarantine")
    assert look(root, was=was)["home"] is None


# --- hearing --------------------------------------------------------------------------------------------------------


def hear(root: Path, *paths: str, params: ExtractAudio = ExtractAudio(), network: Any = None) -> dict[str, Row]:  # noqa: B008
    files = [look(root, path) | {"track_id": path} for path in paths]
    for file in files:
        del file["home"]
    batches = [pa.RecordBatch.from_pylist(files[at : at + 3]) for at in range(0, len(files), 3)]
    made = list(Listener(str(root), MONDAY, params, network).rows(iter(batches)))
    assert [len(batch) for batch in made] == [len(batch) for batch in batches]
    return {row["track_id"]: row for batch in made for row in batch.to_pylist(maps_as_pydicts="strict")}


def test_every_broken_file_has_its_one_reason_and_the_others_are_heard(
    root: Path, broken_files: dict[str, str], song: Write
) -> None:
    good = [song(root / f"good.{kind}").name for kind in ("wav", "mp3", "ogg", "flac")]
    rows = hear(root, *broken_files, *good)
    assert {name: row["reason"] for name, row in rows.items()} == broken_files | dict.fromkeys(good)
    assert all(row["detail"] for name, row in rows.items() if name in broken_files)
    assert set(broken_files.values()) < set(REASONS)
    for name in good:
        assert rows[name]["container"] == name.split(".")[1]
        assert rows[name]["duration_s"] == pytest.approx(1.2, abs=0.1)


def test_flipped_bytes_in_an_mp3_give_findings_or_one_reason(root: Path, song: Write) -> None:
    whole = song(root / "whole.mp3", seconds=3.0).read_bytes()
    for seed in range(6):
        rng, damaged = np.random.default_rng(seed), bytearray(whole)
        for at in rng.integers(1_000, len(whole), 40):  # behind its headers
            damaged[at] ^= int(rng.integers(1, 256))
        (root / f"{seed}.mp3").write_bytes(damaged)
    rows = hear(root, *(f"{seed}.mp3" for seed in range(6)))
    for row in rows.values():
        assert (row["reason"] is None) == (row["energy"] is not None)
        assert row["reason"] in {None, "corrupt_samples", "decode_error", "truncated", "unrecognised"}


def test_rows_keep_the_contract_of_the_table_that_they_go_to(root: Path, song: Write) -> None:
    song(root / "a.wav")
    rows = hear(root, "a.wav", "b.wav")
    for table, path in ((TRACK_AUDIO, "a.wav"), (AUDIO_QUARANTINE, "b.wav")):
        row = {name: rows[path][name] for name in table.column_names}
        assert pa.Table.from_pylist([row], schema=arrow_schema(table)).num_rows == 1
        required = [column.name for column in table.columns if not column.nullable]
        assert [name for name in required if row[name] is None] == []
        assert (row["run_date"], row["heard_on"], row["extractor"], row["simulated"]) == (MONDAY, MONDAY, EXTRACTOR, True)
    assert rows["a.wav"]["embedding"] is rows["a.wav"]["network"] is None, "there was no network"
    assert sum(rows["a.wav"]["moods"].values()) == pytest.approx(1.0)


def odd_sounds() -> dict[str, Any]:
    rng, n = np.random.default_rng(6), 2 * 22_050
    click = np.zeros(n, np.float32)
    click[n // 2] = 1.0
    return {
        "noise": 0.3 * rng.standard_normal(n),
        "hiss": 2e-3 * rng.standard_normal(n),
        "sine": np.sin(np.arange(n) * 0.1),
        "square": np.sign(np.sin(np.arange(n) * 0.02)),
        "offset": np.full(n, 0.5),
        "click": click,
        "half": np.concatenate([np.zeros(n // 2), rng.standard_normal(n // 2) * 0.1]),
    }


def test_noise_and_other_odd_sounds_are_heard_within_the_contracts_checks(root: Path) -> None:
    """A number outside a CHECK constraint would refuse the whole commit: one strange file, and no file's rows are kept."""
    for name, y in odd_sounds().items():
        soundfile.write(root / f"{name}.flac", y, 22_050)
    rows = hear(root, *(f"{name}.flac" for name in odd_sounds()))
    assert {name: row["reason"] for name, row in rows.items()} == dict.fromkeys(rows)
    for row in rows.values():
        assert row["tempo_bpm"] is None or 40 <= row["tempo_bpm"] <= 240
        assert all(0 <= row[name] <= 1 for name in ("energy", "acousticness", "instrumentalness", "tempo_conf", "key_conf"))
        numbers = [value for value in row.values() if isinstance(value, float)]
        assert all(math.isfinite(value) for value in (*numbers, *row["moods"].values()))
    assert rows["noise.flac"]["key_conf"] < 0.5
    assert rows["noise.flac"]["flatness_db"] > rows["sine.flac"]["flatness_db"]


def test_settings_reach_the_ears(root: Path, song: Write) -> None:
    song(root / "a.wav")
    assert hear(root, "a.wav", params=ExtractAudio(min_s=2.0))["a.wav"]["reason"] == "too_short"
    assert hear(root, "a.wav", params=ExtractAudio(max_bytes=99))["a.wav"]["reason"] == "too_large"
    assert hear(root, "a.wav", params=ExtractAudio(silence_dbfs=-1.0))["a.wav"]["reason"] == "silent"


# What stands in for the decoder: it dies of its first file, or never answers it.
_DIES = "import sys, os; sys.stdin.buffer.read(4); os.kill(os.getpid(), 11)"
_HANGS = "import sys, time; sys.stdin.buffer.read(4); time.sleep(60)"


@pytest.mark.parametrize(("decoder", "reason"), [(_DIES, "crash"), (_HANGS, "timeout")])
def test_a_decoder_that_dies_or_hangs_costs_one_file(
    root: Path, song: Write, monkeypatch: pytest.MonkeyPatch, decoder: str, reason: str
) -> None:
    names = [song(root / f"{n}.wav").name for n in range(2)]
    honest, started = decoder_process._start, []

    def start(limits: Any) -> subprocess.Popen[bytes]:
        started.append(limits)
        if len(started) > 1:
            return honest(replace(limits, timeout_s=60.0))
        return subprocess.Popen([sys.executable, "-c", decoder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(decoder_process, "_start", start)
    rows = hear(root, *names, params=ExtractAudio(timeout_s=10.0 if reason == "crash" else 2.0))
    assert rows["0.wav"]["reason"] == reason
    assert rows["1.wav"]["reason"] in {None, "timeout"}, "a new decoder, which this machine may be slow at starting"
    assert len(started) >= 2


def test_a_bug_of_the_ears_costs_one_file(root: Path, song: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from spark_jobs.hearing import ear

    names, honest = [song(root / f"{n}.wav", 440.0 * (1 + n)).name for n in range(2)], ear.hear
    heard: list[Any] = []

    def hear_once(y: Any) -> Any:
        heard.append(y)
        return honest(y) if len(heard) > 1 else 1 / 0

    monkeypatch.setattr(ear, "hear", hear_once)
    rows = hear(root, *names)
    assert (rows["0.wav"]["reason"], rows["1.wav"]["reason"]) == ("crash", None)
    assert "ZeroDivisionError" in rows["0.wav"]["detail"]
