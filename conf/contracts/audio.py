"""Contracts of what is heard: one row per track whose audio file could be listened to, one per file that could not."""

from __future__ import annotations

from conf.contract import Column, Table
from conf.contracts.shared import RUN_DATE, SIMULATED

_FILE = (
    RUN_DATE,
    Column("track_id", "string", "track", nullable=False),
    Column("path", "string", "path below the landing folder's audio/, as the catalogue gives it", nullable=False),
    Column("file_id", "string", "sha256 of the file's bytes; null where it could not be read, or is too large to be"),
    Column("bytes", "bigint", "size when it was heard; null where it could not be read"),
    Column(
        "modified_ns",
        "bigint",
        "when the file changed last, nanoseconds since 1970; the file is read again once this or its size differs",
    ),
    Column("extractor", "string", "version of the ears: other ears hear everything again", nullable=False),
    Column("heard_on", "date", "run_date of the run that listened; later weeks copy the row", nullable=False),
)

TRACK_AUDIO = Table(
    "track_audio",
    "how each track sounds, measured on 90 s of its file from 15 % in; a snapshot a week",
    engine="spark",
    key=("run_date", "track_id"),
    partition=("run_date",),
    keep_days=28,
    scope="week",
    checks={
        "tempo_in_domain": "tempo_bpm IS NULL OR tempo_bpm BETWEEN 40 AND 240",
        "shares_in_domain": "energy BETWEEN 0 AND 1 AND acousticness BETWEEN 0 AND 1 AND instrumentalness BETWEEN 0 AND 1",
    },
    columns=(
        *_FILE,
        Column("network", "string", "sha256 of the artefact `audio` that made the embedding; null: there was none"),
        Column("container", "string", "file format by its content: mp3, flac, ogg, wav, ...", nullable=False),
        Column("duration_s", "double", "seconds of the whole file", nullable=False),
        Column("tempo_bpm", "double", "beats per minute in [40, 240]; null where nothing repeats"),
        Column("tempo_conf", "double", "in [0, 1]; below 0.5 it is a guess", nullable=False),
        Column("tempo_alt_bpm", "double", "how else people may count, mostly half or double; null where nothing else speaks"),
        Column("tempo_alt_weight", "double", "its share against tempo_bpm, in [0, 0.5]", nullable=False),
        Column("key_pc", "int", "pitch class of the tonic, 0 = C to 11 = B; null where no pitch is heard"),
        Column("key_mode", "string", "major or minor; null where no pitch is heard"),
        Column("key_conf", "double", "in [0, 1]; below 0.5 it is a guess", nullable=False),
        Column("tuning_cents", "double", "how far its pitches lie above the piano's, in [-50, 50)", nullable=False),
        Column("energy", "double", "0 calm to 1 loud, dense and bright", nullable=False),
        Column("loudness_db", "double", "integrated loudness, LUFS, -70 for silence", nullable=False),
        Column("dynamics_db", "double", "loudness range, LU, >= 0", nullable=False),
        Column("acousticness", "double", "0 electronic to 1 acoustic", nullable=False),
        Column("instrumentalness", "double", "0 sung or spoken to 1 without a voice", nullable=False),
        Column("valence", "double", "-1 sad to 1 glad", nullable=False),
        Column("arousal", "double", "-1 asleep to 1 wide awake", nullable=False),
        Column(
            "moods", "map<string,double>", "share of happy, excited, tense, sad, tired, calm; they sum to 1", nullable=False
        ),
        Column("centroid_hz", "double", "centre of gravity of the spectrum, Hz: brightness", nullable=False),
        Column("flatness_db", "double", "dB, <= 0: near 0 is noise, -40 a few pure tones", nullable=False),
        Column("onset_rate", "double", "beginnings of notes and beats per second", nullable=False),
        Column("embedding", "array<float>", "256 numbers of length one that the network makes of its sound; null: no network"),
        SIMULATED,
    ),
)
AUDIO_QUARANTINE = Table(
    "audio_quarantine",
    "tracks whose audio file could not be listened to, and why; a snapshot a week",
    engine="spark",
    key=("run_date", "track_id"),
    partition=("run_date",),
    keep_days=28,
    scope="week",
    columns=(
        *_FILE,
        Column(
            "reason", "string", "missing, empty, unrecognised, ...: docs/operations.md says what each means", nullable=False
        ),
        Column("detail", "string", "what was seen", nullable=False),
        SIMULATED,
    ),
)
