"""Sound of the simulated world: formats mixed, broken files counted, truth beside, same bytes from any number of threads."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import soundfile

from audio.decode import decode, inside
from audio.synth import Song
from conf.audio import REASONS
from conf.errors import AudioError
from models.world import SIZES, World, build_world
from models.world.sound import READINGS, read
from spark_jobs.intake.world_files.audio_files import AUDIO_TRUTH, BROKEN, AudioSummary, planned_files, song_of, write_audio
from spark_jobs.intake.world_files.audio_tracks import NEW_DAYS, chosen_tracks
from spark_jobs.intake.world_files.ogg_pages import page_checksum, with_serial

SECONDS = 2.0
N = 45


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SIZES["tiny"], 7)


@pytest.fixture(scope="module")
def written(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AudioSummary, list[Any]]:
    folder = tmp_path_factory.mktemp("sound")
    summary = write_audio(world, folder / "audio", folder / "truth", chosen_tracks(world, N), SECONDS)
    return folder, summary, [orjson.loads(line) for line in (folder / "truth" / AUDIO_TRUTH).read_bytes().splitlines()]


def reason_of(folder: Path, path: str) -> str | None:
    try:
        decode(inside(folder / "audio", path))
    except AudioError as error:
        return error.reason
    return None


def test_every_reading_is_a_quantity_of_the_song(world: World) -> None:
    assert READINGS.keys() == {f.name for f in fields(Song)} - {"seed", "seconds", "metre", "cadential"}
    song = song_of(world, 12)
    assert song.tempo == read(world.catalogue.sound, "tempo")[12]
    assert song.key_pc == int(read(world.catalogue.sound, "key")[12])
    assert song_of(world, 13).seed != song.seed


def test_intake_refuses_each_file_for_the_reason_in_the_truth(written: tuple[Path, AudioSummary, list[Any]]) -> None:
    folder, summary, rows = written
    told = {row["path"]: row.get("reason") for row in rows}
    assert {path: reason_of(folder, path) for path in told} == told
    planted = [reason for reason in told.values() if reason]
    assert summary.dirt == {reason: planted.count(reason) for reason in summary.dirt}
    assert sum(summary.dirt.values()) == len(BROKEN)
    assert summary.files == N - len(BROKEN)
    assert {reason for _, reason in BROKEN.values()} <= REASONS.keys()


def test_good_files_hold_what_the_truth_says(written: tuple[Path, AudioSummary, list[Any]]) -> None:
    folder, _, rows = written
    good = [row for row in rows if "reason" not in row]
    for row in good:
        clip = decode(folder / "audio" / row["path"])
        level = 10 * np.log10(np.mean(np.square(clip.y), dtype=np.float64))
        assert clip.duration_s == pytest.approx(SECONDS, abs=0.1)
        assert level == pytest.approx(row["level_dbfs"], abs=1.5)
        assert row["simulated"] is True
    assert {"ogg", "mp3"} <= {row["path"].rpartition(".")[2] for row in good}


def test_same_bytes_from_any_number_of_threads(world: World, tmp_path: Path) -> None:
    tracks = chosen_tracks(world, N)
    hashes = []
    for threads in (1, 3):
        folder = tmp_path / str(threads)
        write_audio(world, folder, folder, tracks, 1.0, threads=threads)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        hashes.append({path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert hashes[0] == hashes[1]


def test_a_file_depends_on_its_track_alone(world: World) -> None:
    few, many = (planned_files(world, np.arange(n, dtype=np.int32), plain=True) for n in (4, 200))
    assert few == many[:4]
    assert not any(file.broken for file in many)
    share = np.mean([file.path.endswith(".ogg") for file in many])
    assert 0.45 < share < 0.75


def test_a_handful_of_files_is_mostly_good(world: World) -> None:
    planned = planned_files(world, np.arange(10, dtype=np.int32))
    assert sum(bool(file.broken) for file in planned) == 2


def test_chosen_tracks_share_artists_and_hold_known_and_new_music() -> None:
    world = build_world(SIZES["demo"], 3)
    chosen, artist = chosen_tracks(world, 600), world.catalogue.track_artist
    heat, new = world.trends.track.mean(axis=0), world.catalogue.release_day > world.days - NEW_DAYS
    assert len(np.unique(chosen)) == 600
    assert (np.bincount(artist[chosen])[artist[chosen]] >= 3).mean() > 0.8
    assert heat[chosen].mean() > heat.mean() + 0.5
    assert new[chosen].mean() > 1.5 * new.mean()


def test_all_tracks_where_more_are_asked_for(world: World) -> None:
    assert chosen_tracks(world, 10_000).tolist() == list(range(world.size.tracks))


def test_an_ogg_stream_keeps_its_sound_under_another_number(tmp_path: Path) -> None:
    sound = np.sin(np.arange(40_000) / 9).astype(np.float32) / 2
    paths = [tmp_path / "a.ogg", tmp_path / "b.ogg"]
    for path in paths:
        soundfile.write(path, sound, 22_050)
    made = [with_serial(path.read_bytes(), 77) for path in paths]
    assert made[0] == made[1]
    before = soundfile.read(paths[0])[0]
    paths[0].write_bytes(made[0])
    np.testing.assert_array_equal(soundfile.read(paths[0])[0], before)


def test_checksums_are_those_of_libogg(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    soundfile.write(path, np.zeros(2000, np.float32), 22_050)
    page = bytearray(path.read_bytes())
    length = 27 + page[26] + sum(page[27 : 27 + page[26]])
    stated = int.from_bytes(page[22:26], "little")
    page[22:26] = bytes(4)
    assert page_checksum(bytes(page[:length])) == stated
