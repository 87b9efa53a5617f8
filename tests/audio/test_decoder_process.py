"""The child decodes what the parent would, and whatever befalls it is one file's reason, never the parent's end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.decode import Limits, decode
from audio.decoder_process import DecoderProcess
from conf.errors import AudioError
from tests.processes import alive

Write = Callable[..., Path]

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc whether the child lives")


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecoderProcess]:
    with DecoderProcess(Limits(timeout_s=20.0)) as made:
        yield made


def reason(decoder: DecoderProcess, path: Path) -> tuple[str, str]:
    with pytest.raises(AudioError) as refused:
        decoder.decode(path)
    return refused.value.reason, refused.value.detail


def child_of(decoder: DecoderProcess) -> int:
    assert decoder.pid is not None
    return decoder.pid


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_the_child_hears_what_the_parent_hears(decoder: DecoderProcess, music_file: Write, kind: str) -> None:
    path = music_file(kind)
    there, here = decoder.decode(path), decode(path)
    assert there.y.dtype == np.float32
    assert there.y.tobytes() == here.y.tobytes()
    assert (there.duration_s, there.container) == (here.duration_s, here.container)


def test_one_child_decodes_many_files_and_errors_do_not_end_it(
    decoder: DecoderProcess, music_file: Write, tmp_path: Path
) -> None:
    good = music_file("flac", 2.0)
    decoder.decode(good)
    first = child_of(decoder)
    text = tmp_path / "Fräulein Smillas Lied \udcff.mp3"  # a name that is no UTF-8
    text.write_bytes(b"text")
    for _ in range(3):
        with pytest.raises(AudioError) as refused:
            decode(text)
        assert reason(decoder, text) == (refused.value.reason, refused.value.detail.encode("utf-8", "replace").decode())
        assert len(decoder.decode(good).y) == 44_100
    assert reason(decoder, tmp_path / ("x" * 5000))[0] == "missing"
    assert child_of(decoder) == first


def test_limits_reach_the_child(music_file: Write) -> None:
    with DecoderProcess(Limits(max_bytes=1000, timeout_s=20.0)) as decoder:
        assert reason(decoder, music_file("wav"))[0] == "too_large"


def test_relative_paths_are_the_parents(
    decoder: DecoderProcess, music_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = music_file("flac", 2.0)
    decoder.decode(path)
    monkeypatch.chdir(tmp_path)
    assert decoder.decode(Path(path.name)).container == "flac"


def test_a_child_that_hangs_is_killed_and_the_next_file_is_heard(music_file: Write) -> None:
    path = music_file("flac", 2.0)
    with DecoderProcess(Limits(timeout_s=2.0)) as decoder:
        _started(decoder, path)
        hung = child_of(decoder)
        os.kill(hung, signal.SIGSTOP)
        assert reason(decoder, path)[0] == "timeout"
        assert not alive(hung)
        _started(decoder, path)
        assert child_of(decoder) != hung


def _started(decoder: DecoderProcess, path: Path) -> None:
    """Have a clip from a child, however slow this machine is at starting one in time."""
    for _ in range(20):
        try:
            assert decoder.decode(path).container == "flac"
        except AudioError as error:
            assert error.reason == "timeout"
        else:
            return
    pytest.fail("no child starts in time")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_child_that_dies_while_it_decodes_is_a_crash_with_its_signal(music_file: Write, name: str) -> None:
    path = music_file("flac", 2.0)
    with DecoderProcess(Limits(timeout_s=20.0)) as decoder:
        decoder.decode(path)
        pid = child_of(decoder)
        os.kill(pid, signal.SIGSTOP)  # so that it is surely at work when it dies

        def die() -> None:
            os.kill(pid, signal.Signals[name])
            os.kill(pid, signal.SIGCONT)

        killer = threading.Timer(0.2, die)
        killer.start()
        found = reason(decoder, path)
        killer.join()
        assert found[0] == "crash"
        assert name in found[1]
        assert decoder.decode(path).container == "flac"


def test_a_child_that_died_between_two_files_costs_neither(music_file: Write) -> None:
    path = music_file("flac", 2.0)
    with DecoderProcess(Limits(timeout_s=20.0)) as decoder:
        decoder.decode(path)
        pid = child_of(decoder)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert decoder.decode(path).container == "flac"


def test_closing_ends_the_child(music_file: Write) -> None:
    with DecoderProcess(Limits(timeout_s=20.0)) as decoder:
        decoder.decode(music_file("flac", 2.0))
        pid = child_of(decoder)
        assert alive(pid)
    assert not alive(pid)
    assert decoder.pid is None


def test_a_parent_that_is_killed_leaves_no_orphan(music_file: Write) -> None:
    """The child is stopped, so that it cannot see its stdin end."""
    path = music_file("flac", 2.0)
    script = (
        "import sys, time; from pathlib import Path; from audio.decode import Limits\n"
        "from audio.decoder_process import DecoderProcess\n"
        "d = DecoderProcess(Limits(timeout_s=20)); d.decode(Path(sys.argv[1])); print(d.pid, flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, cwd=root, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(pid, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait = threading.Event()
    assert any(not alive(pid) or wait.wait(0.05) for _ in range(100))


def test_memory_of_the_child_is_capped_and_its_libraries_are_few(decoder: DecoderProcess, music_file: Write) -> None:
    decoder.decode(music_file("flac", 2.0))
    pid = child_of(decoder)
    limit = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "address space" in line)
    assert int(limit.split()[3]) <= 4 << 30
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "numpy" in maps
    assert not any(heavy in maps for heavy in ("/scipy/", "/jaxlib/", "/onnxruntime/", "/pyarrow/", "/numba/"))


def test_warnings_of_libraries_do_not_reach_the_terminal(
    decoder: DecoderProcess, music_file: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    """An mp3 with 2 KB more than its header counts makes mpg123 write to stderr."""
    path = music_file("mp3")
    content = bytearray(path.read_bytes())
    at = content.find(b"Xing") + 12
    content[at : at + 4] = (len(content) - 2000).to_bytes(4, "big")
    path.write_bytes(content)
    decode(path)
    assert "Warning" in capfd.readouterr().err
    with DecoderProcess(Limits(timeout_s=20.0)) as fresh:
        fresh.decode(path)
    assert capfd.readouterr() == ("", "")


def test_a_long_clip_crosses_the_pipe_whole(decoder: DecoderProcess, tmp_path: Path) -> None:
    n = 200 * 22_050
    soundfile.write(tmp_path / "ramp.wav", np.arange(n, dtype=np.float32) / n, 22_050, subtype="FLOAT")
    clip = decoder.decode(tmp_path / "ramp.wav")
    assert len(clip.y) == 90 * 22_050
    assert np.all(np.diff(clip.y[100:-100]) > -1e-6)
