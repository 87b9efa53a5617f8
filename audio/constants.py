"""Every number that several modules of `audio` share, once."""

from __future__ import annotations

SAMPLE_RATE = 22_050  # Hz, mono: half of CD, so music up to 11 kHz
WINDOW_S = 90.0  # seconds of a track that are heard
WINDOW_START = 0.15  # share of a track that is passed over: intros sound like nothing else in it

FRAME = 2048  # samples of a short-time spectrum: 93 ms
HOP = 512  # samples between two of them: 23 ms
FRAMES_PER_SECOND = SAMPLE_RATE / HOP
MELS = 128  # bands up to SAMPLE_RATE / 2, Slaney's scale

CHROMA_FRAME = 8192  # samples: 372 ms resolve semitones from 100 Hz up
CHROMA_HOP = 4096
