"""`plant hear`: planted tempi and keys come back, broken files cost themselves alone, and no process stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.decode import Limits
from audio.hearing import hear
from conf.audio import REASONS
from conf.contracts.audio import TRACK_AUDIO
from spark_jobs.cli.main import main
from spark_jobs.hearing import crew as crews
from spark_jobs.hearing.crew import Crew
from spark_jobs.hearing.ear import Ear
from spark_jobs.hearing.folders import files_of
from spark_jobs.hearing.lines import HEADER, REMEDIES, line_of
from spark_jobs.hearing.rows import KEYS
from tests.processes import alive

ROOT = Path(__file__).resolve().parents[3]
REAL_AUDIO = ROOT.parent / "shared" / "audio"
RATE = 22_050
FIRST_KEYS = [
    *("path", "status", "reason", "detail", "duration_s", "tempo_bpm", "tempo_conf", "tempo_alt_bpm", "key", "key_pc"),
    *("key_mode", "key_conf", "tuning_cents", "energy", "loudness_db", "acousticness", "valence", "arousal", "moods"),
]
on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc which processes live")
Rows = list[dict[str, object]]


def song(bpm: float, tonic: int, mode: str, seconds: float = 16.0) -> np.ndarray:
    """Simulated: a click a beat, and the chords I IV V I of a key, one a bar."""
    t = np.arange(round(seconds * RATE)) / RATE
    beat = 60.0 / bpm
    rng = np.random.default_rng(7)
    y = 0.4 * rng.standard_normal(len(t)) * np.exp(-60 * (t % beat))
    third = 4 if mode == "major" else 3
    for bar, root in enumerate(np.resize([0, 5, 7, 0], int(seconds / (4 * beat)) + 1)):
        sounding = (t >= bar * 4 * beat) & (t < (bar + 1) * 4 * beat)
        # In a minor key the fifth's chord is a minor one as well: the natural scale.
        for interval in (0, third, 7):
            hz = 261.63 * 2 ** ((tonic + root + interval) / 12)
            y[sounding] += 0.1 * np.sin(2 * np.pi * hz * t[sounding])
    return y.astype(np.float32)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six files: four songs, one cut short and one that is text."""
    folder = tmp_path_factory.mktemp("shelf")
    for name, bpm, tonic, mode in (
        ("b fis.wav", 120, 6, "minor"),
        ("a c.flac", 96, 0, "major"),
        ("d/es.ogg", 140, 3, "major"),
        ("d/g.txt", 110, 7, "minor"),
    ):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, song(bpm, tonic, mode), RATE, format={".txt": "FLAC"}.get(path.suffix))
    whole = (folder / "b fis.wav").read_bytes()
    (folder / "c cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "e.mp3").write_text("this is no music")
    return folder


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


# --- the ear ------------------------------------------------------------------------------------------------------


def test_an_ear_embeds_with_the_network_that_it_is_given(shelf: Path) -> None:
    """A network whose embedding is the mean of each band, planted as a graph."""
    onnx = pytest.importorskip("onnx")
    from audio.cnn.embedding import Embedder
    from audio.cnn.patches import patches_of

    given = onnx.helper.make_tensor_value_info("patches", onnx.TensorProto.FLOAT, ["p", 1, 128, 160])
    made = onnx.helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, ["p", 128])
    axes = onnx.numpy_helper.from_array(np.array([1, 3]), "axes")
    mean = onnx.helper.make_node("ReduceMean", ["patches", "axes"], ["embedding"], keepdims=0)
    graph = onnx.helper.make_graph([mean], "bands", [given], [made], [axes])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    with Ear(Limits(timeout_s=20.0), Embedder(model.SerializeToString())) as ear:
        found = ear.hear_file(shelf / "a c.flac")
        refused = ear.hear_file(shelf / "e.mp3")
    assert found.heard is not None and found.embedding is not None
    bands = patches_of(found.heard.mel).mean(axis=(0, 1))
    np.testing.assert_allclose(found.embedding, bands / np.linalg.norm(bands), atol=1e-5)
    assert (refused.status, refused.reason, refused.embedding) == ("failed", "unrecognised", None)


# --- the crew -----------------------------------------------------------------------------------------------------


def children_of(pid: int) -> set[int]:
    """Processes below one, however deep."""
    parents = {}
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdigit() else None
        except OSError:
            continue
        if fields and fields[0] != "Z":
            parents[int(entry.name)] = int(fields[1])
    found, fresh = set[int](), {pid}
    while fresh := {child for child, parent in parents.items() if parent in fresh} - found:
        found |= fresh
    return found


@on_linux
def test_a_process_that_dies_loses_only_its_file(shelf: Path) -> None:
    files = [shelf / "a c.flac"] * 4
    with Crew(1, Limits(timeout_s=20.0)) as crew:
        rows = crew.hear(files)
        assert next(rows)["status"] == "ok"
        (pid,) = crew.pids
        os.kill(pid, signal.SIGSTOP)  # so that it is surely at work when it dies
        killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
        killer.start()
        lost = next(rows)
        killer.join()
        assert (lost["reason"], lost["path"]) == ("crash", str(files[1]))
        assert "SIGKILL" in str(lost["detail"])
        assert next(rows)["key"] == "C major"
        (second,) = crew.pids
        os.kill(second, signal.SIGKILL)
        os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
        assert next(rows)["key"] == "C major", "it died between two files, which is neither's fault"
        assert [*rows] == []


@on_linux
def test_a_process_that_hangs_is_killed(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Crew(1, Limits(timeout_s=20.0)) as crew:
        rows = crew.hear([shelf / "a c.flac"] * 2)
        next(rows)
        (pid,) = crew.pids
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr(crews, "_PATIENCE_S", -19.5)
        assert next(rows)["reason"] == "timeout"
        assert not alive(pid)


def test_a_slow_file_holds_up_only_so_many_others(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order is kept by waiting; what waits is bounded, and what comes after the bound is still heard."""
    monkeypatch.setattr(crews, "_AHEAD", 1)
    files = [shelf / "a c.flac", *[shelf / "e.mp3"] * 9, shelf / "b fis.wav"]
    with Crew(2, Limits(timeout_s=20.0)) as crew:
        rows = [*crew.hear(files)]
        assert len(crew.pids) <= 2
    assert [row["path"] for row in rows] == [str(path) for path in files]
    assert [row["key"] for row in rows] == ["C major", *[None] * 9, "F# minor"]


@on_linux
def test_leaving_a_crew_takes_its_processes_and_their_decoders_along(shelf: Path) -> None:
    with Crew(2, Limits(timeout_s=20.0)) as crew:
        next(crew.hear([shelf / "a c.flac"] * 6))
        below = children_of(crew.pids[0])
        all_of_them = {*crew.pids, *below}
        assert below, "a decoder"
    assert wait_for(lambda: not any(alive(pid) for pid in all_of_them))


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_from_outside_leaves_no_child(number: signal.Signals, shelf: Path) -> None:
    files = [str(shelf / "a c.flac")] * 2000
    command = [sys.executable, "-m", "spark_jobs", "hear", *files, "--json"]
    plant = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert plant.stdout is not None
    assert json.loads(plant.stdout.readline())["key"] == "C major", "it comes long before the last one"
    below = children_of(plant.pid)
    assert len(below) >= 2, "a process that listens and its decoder"
    plant.send_signal(number)
    plant.stdout.close()
    assert plant.wait(timeout=20) == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert wait_for(lambda: not any(alive(pid) for pid in below))


def wait_for(what: Callable[[], bool]) -> bool:
    pause = threading.Event()
    return any(what() or pause.wait(0.05) for _ in range(200))


# --- real recordings ----------------------------------------------------------------------------------------------


def test_real_recordings(capsys: pytest.CaptureFixture[str]) -> None:
    if not REAL_AUDIO.is_dir():
        pytest.skip("the real recordings are not here: shared/audio beside the checkout")
    _, rows, _ = heard(capsys, REAL_AUDIO / "music")
    named = {Path(str(row["path"])).name: row for row in rows}
    whale, minuet = (next(row for name, row in named.items() if part in name) for part in ("humpback", "Minuet"))
    assert minuet["key"] == "G major"
    assert float(whale["key_conf"]) < 0.5 and whale["tempo_bpm"] is None
    assert {row["reason"] for row in rows} <= {None, "unrecognised"}, "one may need ffmpeg"
