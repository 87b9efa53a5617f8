"""song -> its truth: what an extractor should hear, exact where the synthesiser made it so."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from audio.synth.effects import level_dbfs
from audio.synth.plan import plan_of
from audio.synth.song import Song
from audio.synth.voice import sung_bars


@dataclass(frozen=True)
class SongTruth:
    """The truth of a song.

    Attributes
    ----------
    tempo_bpm : exact: beats lie at first_beat_s + k * 60 / tempo_bpm.
    metre, beats_per_bar, first_beat_s, first_downbeat_s : in 6/8 a beat is three eighths; seconds from the clip's start.
    drums : the drummer's pattern, "none" without one.
    key_pc : 0 = C .. 11 = B. key_mode : "major" or "minor".
    tuning_cents : above 440 Hz, in [-20, 20].
    sung : whether a voice sings in the clip; voice is the reading, 0 to 1.
    level_dbfs : root mean square over the clip, dB below full scale.
    brightness_hz, density_nps, dynamics_lu, reverb_s : as asked for, in Hz, notes per second, LU, seconds.
    energy, acousticness, valence, percussiveness, bass, distortion, roughness : as asked for, 0 to 1; swing 0.5 to 0.7.
    """

    seed: int
    seconds: float
    tempo_bpm: float
    metre: str
    beats_per_bar: int
    first_beat_s: float
    first_downbeat_s: float
    swing: float
    drums: str
    key_pc: int
    key_mode: str
    tuning_cents: float
    energy: float
    acousticness: float
    valence: float
    voice: float
    sung: bool
    level_dbfs: float
    brightness_hz: float
    percussiveness: float
    bass: float
    distortion: float
    reverb_s: float
    density_nps: float
    dynamics_lu: float
    roughness: float

    def row(self) -> dict[str, object]:
        """Return a row that JSON can hold, marked as simulated."""
        return asdict(self) | {"simulated": True}


def truth(song: Song) -> SongTruth:
    """Return the truth of a song, without playing it.

    Examples
    --------
    >>> t = truth(Song(seed=3, tempo=93.5, key=9.4, mode=0.0))
    >>> t.tempo_bpm, t.key_pc, t.key_mode
    (93.5, 9, 'minor')
    """
    plan = plan_of(song)
    downbeat = float(plan.seconds_at(plan.metre.bar))
    return SongTruth(
        seed=song.seed, seconds=song.seconds, tempo_bpm=song.tempo,
        metre=plan.metre.name, beats_per_bar=plan.metre.beats,
        first_beat_s=plan.first_beat_s, first_downbeat_s=downbeat, swing=plan.swing, drums=plan.drums,
        key_pc=song.key_pc, key_mode="major" if song.is_major else "minor", tuning_cents=plan.tuning_cents,
        energy=song.energy, acousticness=song.acousticness, valence=song.valence,
        voice=song.voice, sung=bool(sung_bars(song, plan)), level_dbfs=level_dbfs(song),
        brightness_hz=song.brightness, percussiveness=song.percussiveness, bass=song.bass,
        distortion=song.distortion, reverb_s=song.reverb, density_nps=song.density,
        dynamics_lu=song.dynamics, roughness=song.roughness,
    )  # fmt: skip
