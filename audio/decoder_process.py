"""audio file -> clip, in a child process that may hang or die: decoders are C code that reads bytes from strangers.

One child decodes one file after the other (starting one costs 0.2 s, a file some 0.05 s). A file that takes too long costs the
child its life, and the next file gets a new one. Samples come back raw over a pipe: unpickling would run whatever a child that
was taken over sends.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import numpy as np

from audio.constants import SAMPLE_RATE
from audio.decode import Clip, Limits
from audio.decoder_child import ANSWER, LENGTH
from conf.audio import REASONS
from conf.errors import AudioError

_TEXT = 65_536  # bytes; no honest answer has a longer text
_PIPE = 1 << 20  # bytes: a clip has 2 to 8 MB, and each 64 KB of the usual pipe cost a switch between processes
_ROOT = str(Path(__file__).resolve().parents[1])


class DecoderProcess:
    """Decodes files in a child process, as `audio.decode.decode` does, and outlives it; a context manager.

    Parameters
    ----------
    limits : of each file; `timeout_s` is waited for an answer.

    Examples
    --------
    >>> with DecoderProcess(Limits(timeout_s=20)) as decoder:
    ...     decoder.decode(Path("no such file"))
    Traceback (most recent call last):
    conf.errors.AudioError: missing: no such file: No such file or directory
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DecoderProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        return self._child.pid if self._child else None

    def decode(self, path: Path) -> Clip:
        """The clip of one file; AudioError as of `audio.decode.decode`, or "timeout", or "crash" where the child died.

        A child that died since the last file is nobody's fault here: a new one starts.
        """
        child = self._living()
        try:
            return self._ask(child, path)
        except AudioError:
            raise
        except BaseException:  # an interrupt between question and answer: the next answer would be the wrong file's
            self._kill()
            raise

    def close(self) -> None:
        """End the child; a later `decode` starts another."""
        if self._child and self._child.stdin and self._child.poll() is None:
            with suppress(OSError):
                self._child.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=1.0)
        self._kill()

    def _living(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._kill()
            self._child = _start(self._limits)
        return self._child

    def _ask(self, child: subprocess.Popen[bytes], path: Path) -> Clip:
        assert child.stdin is not None
        name = os.fsencode(path.absolute())
        with suppress(BrokenPipeError):  # it died: reading tells how
            child.stdin.write(LENGTH.pack(len(name)) + name)
            child.stdin.flush()
        good, duration_s, first, second, samples = ANSWER.unpack(self._read(child, ANSWER.size, path))
        if max(first, second) > _TEXT or samples > self._limits.window_s * SAMPLE_RATE + 2:
            raise self._crashed(path, "it answered nonsense")
        words = [str(self._read(child, length, path), "utf-8", "replace") for length in (first, second)]
        if good:
            y = np.frombuffer(self._read(child, 4 * samples, path), np.float32)
            return Clip(y, duration_s, words[0])
        if words[0] not in REASONS:
            raise self._crashed(path, "it answered nonsense")
        raise AudioError(*words)

    def _read(self, child: subprocess.Popen[bytes], length: int, path: Path) -> bytearray:
        """So many bytes of the answer. The wait for its first ones is the decoding; the rest only has to be copied."""
        assert child.stdout is not None
        data = bytearray(length)
        view, fd = memoryview(data), child.stdout.fileno()
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        while view:
            if not poller.poll(self._limits.timeout_s * 1000):
                self._kill()
                raise AudioError("timeout", f"{path.name}: no answer in {self._limits.timeout_s:g} s; the decoder was killed")
            got = os.readv(fd, [view])
            if got == 0:
                raise self._crashed(path, _death(child))
            view = view[got:]
        return data

    def _crashed(self, path: Path, how: str) -> AudioError:
        self._kill()
        return AudioError("crash", f"{path.name}: the decoder died: {how}")

    def _kill(self) -> None:
        """Kill the child and the ffmpeg that it may have started: the child leads a process group of its own."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()


def _start(limits: Limits) -> subprocess.Popen[bytes]:
    paths = [_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    # One thread: BLAS would start one per core at import, for a process that multiplies nothing.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "audio.decoder_child", json.dumps(asdict(limits))]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # mpg123 warns of every odd tag
        env=environment,
        process_group=0,
    )
    assert child.stdout is not None
    with suppress(OSError, AttributeError):  # not on Linux, or a user with many pipes: it is merely slower
        fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
    return child


def _death(child: subprocess.Popen[bytes]) -> str:
    """How a child ended, with its signal's name."""
    try:
        code = child.wait(timeout=5.0)
    except subprocess.TimeoutExpired:
        return "it closed its pipe"
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
