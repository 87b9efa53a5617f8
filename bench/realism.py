"""Is the simulated world like real listening? Each figure of `demo` beside its target range and where the range comes from.

    [PLANT_REAL_DATA=FOLDER] python bench/realism.py [--size demo] [--seed 1]

With PLANT_REAL_DATA, a folder that holds lastfm-2k/, the same figures are computed from HetRec 2011 Last.fm (Cantador,
Brusilovsky & Kuflik 2011) and printed beside. Last.fm-2k keeps at most fifty artists per listener and knows no times: its
figures are about artists and lifetimes, so ranges around them are wide. Its popularity is taken over as many of its most
heard artists as the world has, because a Gini coefficient grows with the tail that one counts in.
Writes bench/results/realism.json, for another size than demo realism_SIZE.json; exits 1 when a figure leaves its range. The
world's parameters were set against this once, on seed 1, and are left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import record
from numpy.typing import NDArray

from models.world import SIZES, World, build_world
from models.world.company import friendships
from models.world.dirt import concatenate
from models.world.listening import Listens
from models.world.sessions import DAY_MS, WEEK_MS

RESULTS = Path(__file__).parent / "results"
LASTFM = "HetRec 2011 Last.fm-2k, computed by this script"
LAMERE = "Lamere 2014, 'The Skip' (Spotify, billions of plays): 48.6 % end early, 35.05 % within 30 s, 24.14 % within 5 s"
THIRTY_MUSIC = "Turrin et al. 2015, 30Music: 31.35 M plays in 2.76 M sessions, 11.3 per session"
REPEAT = (
    "Louail & Barthelemy 2017 (arXiv 1704.05815): most listeners favour repetition over novelty; design: 20-40 % first plays"
)


class Check(NamedTuple):
    """A figure, the range it must keep, and the source of the range."""

    low: float
    high: float
    source: str


CHECKS = {
    "gini_artists_by_listeners": Check(0.30, 0.55, f"{LASTFM}: .392 over its 500 most heard artists (.730 over all 17,632)"),
    "gini_artists_by_plays": Check(0.50, 0.75, f"{LASTFM}: .601 over its 500 most heard artists (.893 over all)"),
    "gini_tracks_by_plays": Check(0.50, 0.85, "no public track-level count at hand: at least as unequal as artists"),
    "listens_p25_over_median": Check(0.30, 0.60, f"{LASTFM}: .452"),
    "listens_p75_over_median": Check(1.6, 2.6, f"{LASTFM}: 1.99"),
    "listens_p90_over_median": Check(2.8, 5.0, f"{LASTFM}: 3.76"),
    "listens_p99_over_median": Check(7.0, 16.0, f"{LASTFM}: 11.5"),
    "listens_per_active_week": Check(45, 65, "design: about 55 on average"),
    "ended_early_share": Check(0.35, 0.55, LAMERE),
    "skipped_within_30s_share": Check(0.22, 0.40, LAMERE),
    "skipped_within_5s_share": Check(0.15, 0.30, LAMERE),
    "repeat_share_last_week": Check(0.60, 0.80, REPEAT),
    "tracks_per_session": Check(8, 15, THIRTY_MUSIC),
    "friends_per_listener": Check(5, 16, f"{LASTFM}: 13.4"),
}


def gini(counts: NDArray[np.generic]) -> float:
    """Return the Gini coefficient: 0 all equal, 1 one takes all.

    Examples
    --------
    >>> gini(np.array([1, 1, 1, 1]))
    0.0
    >>> gini(np.array([0, 0, 0, 4]))
    0.75
    """
    share = np.cumsum(np.sort(counts.astype(float))) / counts.sum()
    return round(float(1 - 2 * share.mean() + 1 / len(counts)), 4)


def spread(per_listener: NDArray[np.integer] | NDArray[np.floating]) -> dict[str, float]:
    p25, p50, p75, p90, p99 = np.quantile(per_listener, (0.25, 0.5, 0.75, 0.9, 0.99))
    tops = {"p25": p25, "p75": p75, "p90": p90, "p99": p99}
    return {f"listens_{name}_over_median": float(value / p50) for name, value in tops.items()}


def world_figures(world: World, listens: Listens) -> dict[str, float]:
    artist, n = world.catalogue.track_artist[listens.track], world.size.listeners
    pair = np.unique(listens.listener.astype(np.int64) * world.size.artists + artist)
    # as Last.fm-2k does: lifetime plays of people with an account, not of those who looked in once
    regular = (world.listeners.tourist == 0) & (world.listeners.first_week == 0)
    count = np.bincount(listens.listener, minlength=n)
    early = np.isin(listens.reason, (1, 2))
    active_weeks = (world.size.weeks - world.listeners.first_week)[world.listeners.tourist == 0].sum()
    return {
        "gini_artists_by_listeners": gini(np.bincount(pair % world.size.artists)),
        "gini_artists_by_plays": gini(np.bincount(artist)),
        "gini_tracks_by_plays": gini(np.bincount(listens.track, minlength=world.size.tracks)),
        **spread(count[regular & (count > 0)]),
        "listens_per_active_week": float(count[world.listeners.tourist == 0].sum() / active_weeks),
        "ended_early_share": float(early.mean()),
        "skipped_within_30s_share": float((early & (listens.ms_played < 30_000)).mean()),
        "skipped_within_5s_share": float((early & (listens.ms_played < 5_000)).mean()),
        "repeat_share_last_week": repeat_share(world, listens),
        "tracks_per_session": len(listens) / sessions(listens),
        "friends_per_listener": friends(world),
    }


def repeat_share(world: World, listens: Listens) -> float:
    pair = listens.listener.astype(np.int64) * world.size.tracks + listens.track
    first = np.zeros(len(listens), bool)
    first[np.unique(pair, return_index=True)[1]] = True
    return float(1 - first[listens.start_ms >= world.days * DAY_MS - WEEK_MS].mean())


def sessions(listens: Listens) -> int:
    return int((np.diff(listens.session, prepend=-1) != 0).sum())


def friends(world: World) -> float:
    return len(friendships(world).user) / world.size.listeners


def lastfm_figures(folder: Path, artists: int) -> dict[str, float]:
    user, artist, plays = np.loadtxt(folder / "user_artists.dat", skiprows=1, dtype=np.int64).T
    _, artist = np.unique(artist, return_inverse=True)
    _, user = np.unique(user, return_inverse=True)
    listeners = np.bincount(artist)
    most_heard = np.argsort(-listeners, kind="stable")[:artists]
    pairs = len((folder / "user_friends.dat").read_text().splitlines()) - 1
    return {
        "gini_artists_by_listeners": gini(listeners[most_heard]),
        "gini_artists_by_plays": gini(np.bincount(artist, plays)[most_heard]),
        **spread(np.bincount(user, plays)),
        "friends_per_listener": pairs / (user.max() + 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="demo", choices=list(SIZES))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    world = build_world(SIZES[arguments.size], arguments.seed)
    listens = concatenate(list(world.listens()))
    figures, real = world_figures(world, listens), {}
    if data := os.environ.get("PLANT_REAL_DATA"):
        real = lastfm_figures(Path(data) / "lastfm-2k", world.size.artists)
    rows = {
        name: {"world": round(figures[name], 4), "low": check.low, "high": check.high,
               "kept": check.low <= figures[name] <= check.high, "lastfm_2k": round(real[name], 4) if name in real else None,
               "source": check.source}
        for name, check in CHECKS.items()
    }  # fmt: skip
    for name, row in rows.items():
        beside = "" if row["lastfm_2k"] is None else f"  Last.fm-2k {row['lastfm_2k']}"
        print(f"{'ok ' if row['kept'] else 'OUT'} {name:28} {row['world']:8.3f}  [{row['low']}, {row['high']}]{beside}")
    about = {"bench": "realism", "date": datetime.now(UTC).date().isoformat(), "commit": record.commit(), "rows": len(listens),
             "cores": len(os.sched_getaffinity(0)), "size": arguments.size, "seed": arguments.seed, "ratios": {}}  # fmt: skip
    name = "realism" if arguments.size == "demo" else f"realism_{arguments.size}"
    (RESULTS / f"{name}.json").write_text(json.dumps({**about, "checks": rows}, indent=2) + "\n")
    return 0 if all(row["kept"] for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
