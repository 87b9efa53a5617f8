"""audio file -> what is heard in it, or why nothing is: decoded in a child that may die, listened to in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audio.decode import Limits, inside
from audio.decoder_process import DecoderProcess
from audio.hearing import Heard, hear
from conf.errors import AudioError
from spark_jobs.hearing.heap import keep_freed_memory

if TYPE_CHECKING:  # it imports onnxruntime, which nobody needs who has no network
    from audio.cnn.embedding import Embedder

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FileHeard:
    """One file, heard or not.

    Attributes
    ----------
    path : as it was asked for.
    reason : word of `conf.audio.REASONS`, None for a file that was heard. detail : what was seen of it; None as above.
    duration_s : seconds of the whole file. container : by its content: wav, mp3, ...
    y : float32 [n], the clip that was listened to, mono, 22,050 Hz.
    heard : what was heard in it. embedding : float32 [dimensions], of length 1; None without a network.
    """

    path: Path
    reason: str | None = None
    detail: str | None = None
    duration_s: float | None = None
    container: str | None = None
    y: Floats | None = None
    heard: Heard | None = None
    embedding: Floats | None = None

    @property
    def status(self) -> str:
        """Whether the file was heard: "ok" or "failed".

        >>> FileHeard(Path("song.mp3"), "empty", "0 bytes").status
        'failed'
        """
        return "ok" if self.reason is None else "failed"


class Ear:
    """Hears one file after the other; a context manager, since it keeps a decoder in a child process.

    Parameters
    ----------
    limits : what is heard of a file, and what is refused. embedder : the trained network, where there is one.

    Examples
    --------
    >>> with Ear() as ear:
    ...     ear.hear_file(Path("no such file")).reason
    'missing'
    """

    def __init__(self, limits: Limits | None = None, embedder: Embedder | None = None) -> None:
        keep_freed_memory()
        self._decoder = DecoderProcess(limits)
        self._embedder = embedder

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._decoder.close()

    def hear_file(self, path: Path) -> FileHeard:
        """What is heard in one file. No file raises: whatever it does to the decoder or to the ears is its reason."""
        try:
            clip = self._decoder.decode(path)
            heard = hear(clip.y)
            return FileHeard(path, None, None, clip.duration_s, clip.container, clip.y, heard, self._embedding(heard))
        except AudioError as refused:
            return FileHeard(path, refused.reason, refused.detail)
        except Exception as error:  # a bug of the ears that one clip meets must not cost a catalogue its week
            return FileHeard(path, "crash", f"{path.name}: listening failed: {type(error).__name__}: {error}")

    def hear_below(self, root: Path, relative: str) -> FileHeard:
        """The same of the file that a catalogue names below `root`; a path that leads out of it is refused."""
        try:
            return self.hear_file(inside(root, relative))
        except AudioError as refused:
            return FileHeard(Path(relative), refused.reason, refused.detail)

    def _embedding(self, heard: Heard) -> Floats | None:
        if self._embedder is None:
            return None
        from audio.cnn.patches import patches_of

        return self._embedder.embed(patches_of(heard.mel)).embedding
