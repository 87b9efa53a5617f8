"""paths on stdin -> clips on stdout: what runs in the process that `audio.decoder_process` may kill.

`python -m audio.decoder_child LIMITS`, with the fields of `audio.decode.Limits` as JSON. A request is a length (uint32, little
endian) and so many bytes of a path; an answer is `ANSWER`, two texts in UTF-8 and raw float32 samples. The texts are
(container, "") of a clip and (reason, detail) of an error. The end of stdin is the end of the process.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from audio.decode import Limits, decode
from conf.errors import AudioError

LENGTH = struct.Struct("<I")
ANSWER = struct.Struct("<?dIIQ")  # whether it is a clip, duration in s, bytes of the two texts, samples
MEMORY = 4 << 30  # bytes of address space: honest files need 0.4 GB, and a bomb must not take the machine with it
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer one path after the other until stdin ends."""
    limits = Limits(**json.loads(sys.argv[1]))
    _confine()
    answers = _answers_alone()
    requests = sys.stdin.buffer
    while len(length := requests.read(LENGTH.size)) == LENGTH.size:
        path = Path(os.fsdecode(requests.read(LENGTH.unpack(length)[0])))
        for part in _answer(path, limits):
            answers.write(part)
        answers.flush()


def _answer(path: Path, limits: Limits) -> tuple[bytes | memoryview, ...]:
    try:
        clip = decode(path, limits)
    except AudioError as error:
        return _error(error.reason, error.detail)
    except Exception as error:  # MemoryError at the cap, or a bug: one file's misfortune, told as the parent would tell a death
        return _error("crash", f"{path.name}: {type(error).__name__}: {error}")
    name = clip.container.encode()
    return ANSWER.pack(True, clip.duration_s, len(name), 0, len(clip.y)), name, clip.y.data


def _error(reason: str, detail: str) -> tuple[bytes, ...]:
    texts = reason.encode(), detail.encode("utf-8", "replace")
    return ANSWER.pack(False, 0.0, len(texts[0]), len(texts[1]), 0), *texts


def _confine() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    cap = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (cap, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # a parent that was killed cannot close stdin of a child that hangs in a decoder
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers_alone() -> BinaryIO:
    """What was stdout, for answers alone: whatever a library prints goes where stderr goes."""
    own = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(own, "wb")


if __name__ == "__main__":
    main()
