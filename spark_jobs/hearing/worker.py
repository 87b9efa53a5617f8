"""paths on stdin -> rows on stdout: what runs in each process of `spark_jobs.hearing.crew`.

`python -m spark_jobs.hearing.worker LIMITS`, with fields of `audio.decode.Limits` as JSON. A request is a length (uint32,
little endian) and so many bytes of a path; an answer is one line, the row as JSON. The end of stdin is the end of the process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import BinaryIO

import orjson

from audio.decode import Limits
from spark_jobs.hearing.crew import LENGTH
from spark_jobs.hearing.ear import Ear
from spark_jobs.hearing.rows import row_of


def main() -> None:
    """Answer one path after the other until stdin ends."""
    signal.signal(signal.SIGTERM, _leave)
    answers = _answers_alone()
    requests = sys.stdin.buffer
    with Ear(Limits(**json.loads(sys.argv[1]))) as ear:
        while len(length := requests.read(LENGTH.size)) == LENGTH.size:
            path = Path(os.fsdecode(requests.read(LENGTH.unpack(length)[0])))
            answers.write(orjson.dumps(row_of(ear.hear_file(path)), option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
            answers.flush()


def _leave(number: int, frame: FrameType | None) -> None:
    """End through the ear's `with`, which takes the decoder along."""
    sys.exit(128 + number)


def _answers_alone() -> BinaryIO:
    """What was stdout, for answers alone: whatever a library prints goes where stderr goes."""
    own = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(own, "wb")


if __name__ == "__main__":
    main()
