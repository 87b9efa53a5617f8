"""The line as data: each job once, with what it reads and writes.

From here come the CLI's words, the DAGs' tasks and edges, the lineage test, the README's picture and the runner's I/O.
A job's name is its module, its CLI word, its Airflow task id and its settings field.
"""

from __future__ import annotations

from datetime import date, timedelta

from conf import tables as t
from conf.job import Job, Read


def cut(run_date: date) -> date:
    """First UTC day that the run for Monday `run_date` does not see.

    The earliest Monday on earth starts on Sunday 10:00 UTC (UTC+14), so lists are made on Sunday from what came before it.

    >>> cut(date(2026, 9, 7))
    datetime.date(2026, 9, 6)
    """
    return run_date - timedelta(days=1)


def newest_monday(last_event: date) -> date:
    """Monday of the newest run whose cut lies not after the day behind `last_event`.

    >>> newest_monday(date(2026, 9, 5)), newest_monday(date(2026, 9, 6)), newest_monday(date(2026, 9, 4))
    (datetime.date(2026, 9, 7), datetime.date(2026, 9, 7), datetime.date(2026, 8, 31))
    """
    day_behind = last_event + timedelta(days=1)
    last_sunday = day_behind - timedelta(days=(day_behind.weekday() + 1) % 7)
    return last_sunday + timedelta(days=1)


def _trainer(source: str, *beside: Read) -> Job:
    """The job that trains a source on this week's histories, the tracks and what it reads beside them."""
    reads = (Read(t.HISTORIES, "this_week"), Read(t.TRACKS), *beside)
    return Job(f"train_{source}", "training", "arrow", "weekly", reads, writes=(t.MODELS,), trains=source)


_CATALOGUE = (t.TRACKS, t.ARTISTS, t.USERS, t.FOLLOWS, t.TAGS, t.FEEDBACK, t.LISTENER_PLAYLISTS, t.FOREIGN_EXPOSURES)

JOBS: tuple[Job, ...] = (
    Job(
        "ingest_catalogue",
        room="intake",
        engine="spark",
        schedule="daily",
        landing=("tracks", "artists", "users", "follows", "tags", "feedback", "playlists", "exposures"),
        reads=(Read(t.LANDING_FILES), *(Read(table) for table in _CATALOGUE)),
        writes=(t.QUARANTINE, *_CATALOGUE, t.LANDING_FILES),
    ),
    Job(
        "ingest_listens",
        room="intake",
        engine="spark",
        schedule="daily",
        landing=("listens",),
        reads=(Read(t.LANDING_FILES), Read(t.LISTENS), Read(t.QUARANTINE), Read(t.TRACKS)),
        writes=(t.QUARANTINE, t.LISTENS, t.LANDING_FILES),
    ),
    Job(
        "sessionize",
        room="intake",
        engine="spark",
        schedule="daily",
        reads=(Read(t.LISTENS), Read(t.TRACKS)),
        writes=(t.SESSIONS,),
    ),
    Job(
        "build_histories",
        room="features",
        engine="spark",
        schedule="weekly",
        reads=(Read(t.LISTENS, "before_cut"), Read(t.TRACKS), Read(t.USERS)),
        uses_last_week=("contexts", "content"),
        writes=(t.HISTORIES,),
    ),
    Job(
        "train_audio",
        room="training",
        engine="arrow",
        schedule="weekly",
        landing=("audio",),
        reads=(Read(t.HISTORIES, "this_week"), Read(t.TRACKS)),
        uses_last_week=("audio",),
        writes=(t.MODELS,),
        trains="audio",
    ),
    Job(
        "extract_audio",
        room="features",
        engine="spark",
        schedule="weekly",
        landing=("audio",),
        reads=(Read(t.TRACKS), Read(t.TRACK_AUDIO), Read(t.AUDIO_QUARANTINE)),
        may_use=("audio",),
        writes=(t.TRACK_AUDIO, t.AUDIO_QUARANTINE),
        enriches=True,
    ),
    _trainer("mf"),
    _trainer("item_knn"),
    _trainer("rp3beta"),
    _trainer("gfcf"),
    _trainer("ease"),
    _trainer("sequence"),
    _trainer("content", Read(t.ARTISTS), Read(t.TAGS), Read(t.TRACK_AUDIO, "this_week")),
    _trainer("social"),
    _trainer("fresh"),
    _trainer("popularity", Read(t.USERS), Read(t.SESSIONS, "after_last_cut")),
    Job(
        "train_contexts",
        room="training",
        engine="arrow",
        schedule="weekly",
        reads=(Read(t.LISTENS, "before_cut", days=90), Read(t.TRACKS), Read(t.USERS), Read(t.TRACK_AUDIO, "this_week")),
        may_use=("content",),
        writes=(t.MODELS,),
        trains="contexts",
    ),
    Job(
        "build_listener_features",
        room="features",
        engine="spark",
        schedule="weekly",
        reads=(
            Read(t.LISTENS, "before_cut", days=90),
            Read(t.HISTORIES, "this_week"),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FEEDBACK, "before_cut"),
            Read(t.TRACK_AUDIO, "this_week"),
        ),
        may_use=("contexts", "mf", "content", "sequence", "popularity"),
        writes=(t.LISTENER_FEATURES, t.LISTENER_CONTEXTS, t.SESSION_MODES),
        enriches=True,
    ),
    Job(
        "build_track_features",
        room="features",
        engine="spark",
        schedule="weekly",
        reads=(
            Read(t.LISTENS, "before_cut", days=90),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FEEDBACK, "before_cut"),
            Read(t.TRACK_AUDIO, "this_week"),
        ),
        may_use=("contexts", "mf", "content"),
        writes=(t.TRACK_FEATURES, t.ARTIST_FEATURES),
        enriches=True,
    ),
    Job(
        "train_blend",
        room="training",
        engine="arrow",
        schedule="weekly",
        reads=(
            Read(t.CANDIDATES, "last_week"),
            Read(t.HISTORIES, "last_week"),
            Read(t.LISTENS, "after_last_cut"),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FEEDBACK, "after_last_cut"),
        ),
        writes=(t.MODELS,),
        trains="blend",
    ),
    Job(
        "generate_candidates",
        room="serving",
        engine="spark",
        schedule="weekly",
        reads=(
            Read(t.HISTORIES, "this_week"),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FOLLOWS),
            Read(t.FEEDBACK, "before_cut"),
        ),
        uses=("popularity",),
        may_use=("mf", "item_knn", "rp3beta", "gfcf", "ease", "sequence", "content", "social", "fresh", "blend"),
        writes=(t.CANDIDATES,),
    ),
    Job(
        "train_ranker",
        room="training",
        engine="arrow",
        schedule="weekly",
        reads=(
            Read(t.CANDIDATES, "past_weeks"),
            Read(t.HISTORIES, "past_weeks"),
            Read(t.LISTENER_FEATURES, "past_weeks"),
            Read(t.LISTENER_CONTEXTS, "past_weeks"),
            Read(t.TRACK_FEATURES, "past_weeks"),
            Read(t.ARTIST_FEATURES, "past_weeks"),
            Read(t.SESSION_MODES, "recent_weeks"),
            Read(t.TRACK_AUDIO, "past_weeks"),
            Read(t.LISTENS, "before_cut", days=28),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FEEDBACK, "before_cut"),
            Read(t.EXPOSURES, "past_weeks"),
            Read(t.PUBLICATIONS),
        ),
        writes=(t.MODELS,),
        trains="ranker",
    ),
    Job(
        "rank",
        room="serving",
        engine="spark",
        schedule="weekly",
        reads=(
            Read(t.CANDIDATES, "this_week"),
            Read(t.HISTORIES, "this_week"),
            Read(t.LISTENER_FEATURES, "this_week"),
            Read(t.LISTENER_CONTEXTS, "this_week"),
            Read(t.TRACK_FEATURES, "this_week"),
            Read(t.ARTIST_FEATURES, "this_week"),
            Read(t.TRACK_AUDIO, "this_week"),
            Read(t.TRACKS),
            Read(t.USERS),
        ),
        may_use=("ranker",),
        writes=(t.RANKED,),
    ),
    Job(
        "build_discover_weekly",
        room="serving",
        engine="spark",
        schedule="weekly",
        reads=(
            Read(t.RANKED, "this_week"),
            Read(t.HISTORIES, "this_week"),
            Read(t.TRACKS),
            Read(t.ARTISTS),
            Read(t.USERS),
            Read(t.FEEDBACK, "before_cut"),
        ),
        uses=("popularity",),
        writes=(t.PLAYLISTS, t.CHARTS),
    ),
    Job(
        "publish_discover_weekly",
        room="serving",
        engine="arrow",
        schedule="weekly",
        reads=(
            Read(t.PLAYLISTS, "this_week"),
            Read(t.CHARTS, "this_week"),
            Read(t.HISTORIES, "this_week"),
            Read(t.PUBLICATIONS),
        ),
        writes=(t.EXPOSURES, t.PUBLICATIONS),
    ),
    Job(
        "publish_listener_features",
        room="serving",
        engine="arrow",
        schedule="weekly",
        reads=(Read(t.LISTENER_FEATURES, "this_week"), Read(t.HISTORIES, "this_week"), Read(t.PUBLICATIONS)),
        writes=(t.PUBLICATIONS,),
        enriches=True,
    ),
    Job(
        "evaluate",
        room="evaluation",
        engine="arrow",
        schedule="weekly",
        reads=(
            Read(t.PLAYLISTS, "last_week"),
            Read(t.HISTORIES, "last_week"),
            Read(t.LISTENS, "after_last_cut"),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FEEDBACK, "after_last_cut"),
            Read(t.TAGS),
            Read(t.FOLLOWS),
        ),
        uses_last_week=("mf", "popularity"),
        writes=(t.METRICS,),
    ),
)
BY_NAME = {job.name: job for job in JOBS}
DAILY = tuple(job for job in JOBS if job.schedule == "daily")
WEEKLY = tuple(job for job in JOBS if job.schedule == "weekly")
