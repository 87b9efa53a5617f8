"""`plant hear`: planted tempi and keys come back, and broken files cost themselves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.hearing import hear
from conf.audio import REASONS
from conf.contracts.audio import TRACK_AUDIO
from spark_jobs.cli.main import main
from spark_jobs.hearing.folders import files_of
from spark_jobs.hearing.lines import HEADER, REMEDIES, line_of
from spark_jobs.hearing.rows import KEYS
from tests.spark_jobs.songs import RATE, song

ROOT = Path(__file__).resolve().parents[3]
REAL_AUDIO = ROOT.parent / "shared" / "audio"
FIRST_KEYS = [
    *("path", "status", "reason", "detail", "duration_s", "tempo_bpm", "tempo_conf", "tempo_alt_bpm", "key", "key_pc"),
    *("key_mode", "key_conf", "tuning_cents", "energy", "loudness_db", "acousticness", "valence", "arousal", "moods"),
]
Rows = list[dict[str, object]]


def heard(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Rows, str]:
    capsys.readouterr()
    code = main(["hear", *map(str, words), "--json"])
    printed = capsys.readouterr()
    return code, [json.loads(line) for line in printed.out.splitlines()], printed.err


def test_planted_tempi_and_keys_come_back_in_order(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows, err = heard(capsys, shelf)
    assert code == 0
    assert [Path(str(row["path"])).relative_to(shelf).as_posix() for row in rows] == [
        *("a c.flac", "b fis.wav", "c cut.wav", "d/es.ogg", "d/g.txt", "e.mp3")
    ]
    assert [row["reason"] for row in rows] == [None, None, "truncated", None, None, "unrecognised"]
    good = [row for row in rows if row["status"] == "ok"]
    assert [row["key"] for row in good] == ["C major", "F# minor", "Eb major", "G minor"]
    assert [(row["key_pc"], row["key_mode"]) for row in good] == [(0, "major"), (6, "minor"), (3, "major"), (7, "minor")]
    for row, bpm in zip(good, (96, 120, 140, 110), strict=True):
        counts = [row["tempo_bpm"], row["tempo_alt_bpm"]]
        assert any(abs(float(count) / bpm - 1) < 0.01 for count in counts if count is not None), (counts, bpm)
        assert row["duration_s"] == 16.0
    assert [row["container"] for row in good] == ["flac", "wav", "ogg", "flac"]
    assert "4 files heard, 2 failed (1 truncated, 1 unrecognised); 64 s of sound" in err


def test_rows_keep_their_contract(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, rows, _ = heard(capsys, shelf / "a c.flac", shelf / "e.mp3")
    good, bad = rows
    assert [*good][: len(FIRST_KEYS)] == FIRST_KEYS
    assert [*good] == [*bad] == [*KEYS], "programs may rely on every key"
    columns = set(TRACK_AUDIO.column_names)
    assert set(KEYS) - columns == {"status", "reason", "detail", "key"}, "the rest is what the table calls it"
    assert set(hear(song(120, 0, "major", 4.0)).findings()) <= set(KEYS)
    assert bad["status"] == "failed" and bad["detail"]
    assert {name for name, value in bad.items() if value is not None} == {"path", "status", "reason", "detail"}
    assert sum(good["moods"].values()) == pytest.approx(1, abs=0.01)
    for name, digits in (("tempo_bpm", 2), ("tempo_conf", 3), ("tuning_cents", 1), ("loudness_db", 1)):
        assert good[name] == round(float(good[name]), digits), name


def test_a_crew_and_this_process_hear_the_same(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Few files are heard here, more by processes: the numbers must not tell which."""
    _, together, _ = heard(capsys, shelf)
    alone = [row for path in files_of([shelf]) for row in heard(capsys, path)[1]]
    assert together == alone


def test_exit_codes(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert heard(capsys, shelf / "e.mp3", shelf / "a c.flac")[0] == 0
    code, rows, err = heard(capsys, tmp_path / "nowhere.mp3")
    assert (code, [row["reason"] for row in rows]) == (65, ["missing"])
    assert "0 files heard, 1 failed (1 missing)" in err
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".hidden.wav").write_bytes(b"")
    code, rows, err = heard(capsys, tmp_path / "folder")
    assert (code, rows) == (64, [])
    assert "no files in" in err and "folder" in err
    assert main(["hear"]) == 64


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a c.flac", "b fis.wav", "--plot", "out.png"], "draws one file, here are 2"),
        (["e.mp3", "--plot", "a c.flac"], "not called so"),
        (["a c.flac", "--plot", "nowhere/out.png"], "there is no folder"),
    ],
)
def test_a_plot_that_cannot_be_is_refused_before_anything_is_heard(
    words: list[str], told: str, shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shelf)
    before = (shelf / "a c.flac").read_bytes()
    code, rows, err = heard(capsys, *words)
    assert (code, rows) == (64, [])
    assert told in err
    assert (shelf / "a c.flac").read_bytes() == before
    assert not (shelf / "out.png").exists()


def test_a_plot_is_drawn_of_what_was_heard_and_of_nothing_else(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows, err = heard(capsys, shelf / "b fis.wav", "--plot", tmp_path / "song.png")
    assert (code, len(rows)) == (0, 1)
    assert (tmp_path / "song.png").read_bytes().startswith(b"\x89PNG")
    assert "song.png" in err
    assert heard(capsys, shelf / "e.mp3", "--plot", tmp_path / "none.png")[0] == 65
    assert not (tmp_path / "none.png").exists()


def test_people_read_a_table_with_doubts_and_remedies(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "noise.wav", 0.2 * rng.standard_normal(8 * RATE).astype(np.float32), RATE)
    assert main(["hear", str(shelf / "a c.flac"), str(tmp_path / "noise.wav"), str(tmp_path / "gone.mp3")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == HEADER
    assert "C major " in lines[1] and "0:16" in lines[1] and "?" not in lines[1]
    assert "?" in lines[2], "nobody knows the key of noise"
    places = [line.index(str(folder)) for line, folder in zip(lines[1:4], (shelf, tmp_path, tmp_path), strict=True)]
    assert places == [HEADER.index("file")] * 3
    assert lines[3].startswith("failed: missing")
    assert lines[4].strip() == "No such file or directory; check the path"


def test_every_reason_has_a_remedy() -> None:
    assert REMEDIES.keys() == REASONS.keys()
    for reason in REASONS:
        line = line_of({"status": "failed", "reason": reason, "detail": "a.mp3: seen", "path": "x/a.mp3"})
        assert line.endswith(f"x/a.mp3\n        seen; {REMEDIES[reason]}")


def test_folders_are_walked_in_order_once_and_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b/2.mp3", "b/10.mp3", "a.wav", ".git/x.mp3", "c/.y.mp3", "c/deep/er/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "c" / "back").symlink_to(tmp_path)
    (tmp_path / "c" / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "c" / "itself").symlink_to(tmp_path / "c" / "itself")
    os.mkfifo(tmp_path / "c" / "pipe")
    found = [path.relative_to(tmp_path).as_posix() for path in files_of([tmp_path])]
    assert found == ["a.wav", "b/10.mp3", "b/2.mp3", "c/deep/er/z", "c/gone"]
    assert [*files_of([tmp_path / "c" / ".y.mp3", tmp_path / "none"])] == [tmp_path / "c" / ".y.mp3", tmp_path / "none"]


def test_a_name_that_is_no_text_is_told_all_the_same(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        (tmp_path / "lied \udcff.flac").write_bytes((shelf / "a c.flac").read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system wants names in UTF-8")
    code, rows, _ = heard(capsys, tmp_path)
    assert (code, rows[0]["key"]) == (0, "C major")
    assert str(rows[0]["path"]).endswith("lied \ufffd.flac")


def test_it_starts_no_jvm_and_imports_no_table(shelf: Path) -> None:
    script = (
        "import sys; from spark_jobs.cli.main import main; code = main(['hear', sys.argv[1], '--json'])\n"
        "heavy = 'pyspark airflow pyarrow pandas deltalake matplotlib onnxruntime librosa jax numba'.split()\n"
        "print(code, [name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(shelf / "a c.flac")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    row, last = answer.stdout.splitlines()
    assert json.loads(row)["key"] == "C major"
    assert last == "0 []"


def test_real_recordings(capsys: pytest.CaptureFixture[str]) -> None:
    if not REAL_AUDIO.is_dir():
        pytest.skip("the real recordings are not here: shared/audio beside the checkout")
    _, rows, _ = heard(capsys, REAL_AUDIO / "music")
    named = {Path(str(row["path"])).name: row for row in rows}
    whale, minuet = (next(row for name, row in named.items() if part in name) for part in ("humpback", "Minuet"))
    assert minuet["key"] == "G major"
    assert float(whale["key_conf"]) < 0.5 and whale["tempo_bpm"] is None
    assert {row["reason"] for row in rows} <= {None, "unrecognised"}, "one may need ffmpeg"
