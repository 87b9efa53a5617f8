"""Words about audio: which readings of a sound others reason with, and what may be wrong with a file, and what that means."""

from __future__ import annotations

# Columns of track_audio that contexts and the ranker compare, in this order.
READINGS = ("energy", "acousticness", "instrumentalness", "arousal", "valence", "tempo_bpm", "loudness_db")
# The reasons of the audio quarantine.
REASONS = {
    "missing": "no file there, or a path that leads out of the audio folder, through a link out of it, or to a URL",
    "empty": "0 bytes",
    "unrecognised": "the content is of no known audio format, or of one for which this machine has no decoder",
    "decode_error": "the decoder gave up before anything useful came",
    "truncated": "the file ends before its own structure says so",
    "corrupt_samples": "samples that are not finite, or far beyond full scale",
    "too_short": "less sound than the shortest that can be heard",
    "silent": "nothing above the silence threshold",
    "too_large": "more bytes than the limit",
    "timeout": "the decoder took too long and was killed",
    "crash": "the decoder died",
}
