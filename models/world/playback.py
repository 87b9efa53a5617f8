"""session plans -> plays: the compiled heart of the world, one listener after the other, one track after the other.

A play is either a known track (probability `repeat`, growing with what the listener knows) or a search for a new one:
from the chart, or from the session's scene or a neighbour of it, in proportion to
exp(TRACK_SHARPNESS * affinity + log popularity). Affinity is the inner product of the listener's drifting taste in this
mode and the track's taste vector. A skip grows likelier as affinity falls.
All randomness comes in as uniform draws, so the functions are pure and the order of threads cannot matter.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from models.world.sessions import SessionPlan
from models.world.shelf import Bools, Doubles, Ears, Floats, Ints, Memory, Mind, Moment, Plays, Scratch, Shelf

SCENE_SHARPNESS = 7.0
SCENE_POPULARITY = 0.45
TRACK_SHARPNESS = 5.0
STAY_SHARE = 0.72  # of searches stay in the session's scene, the others go to a neighbour
FITS_MODE = 0.15  # affinity below which a known track is not reached for in this mode: no lullabies at work
KNOWN_DISCOUNT = 0.12  # a search turns up known tracks too, but less
SKIP_BASE = 1.15  # log odds of a skip at affinity 0
SKIP_SLOPE = 2.9
SKIP_KNOWN = 0.35  # less likely for a track chosen because it is known
SESSION_GAP_MS = 31 * 60_000  # sessionize cuts at 30 minutes
FORGOTTEN = np.int64(1) << 40

# columns of the uniform draws of one play
KIND, CHART, HOP, NEAR, TRACK, SKIP, CUT, PART, GAP, SAVE, KNOWN = 0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12
KNOWN_TRIES, TRACK_TRIES, DRAWS = 6, 3, 18

REASONS = ("trackdone", "fwdbtn", "backbtn", "endplay")
CONTEXTS = ("own_playlist", "album", "radio", "search", "charts")
FEEDBACK = ("", "save", "block_track", "block_artist")


@njit(cache=True, nogil=True, inline="always")
def affinity(z: Floats, rows: Floats, i: int) -> float:
    """Return the inner product of taste `z` and row `i`; four sums in a fixed order, which LLVM turns into one vector."""
    a, b, c, e = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for d in range(0, 16, 4):
        a += z[d] * rows[i, d]
        b += z[d + 1] * rows[i, d + 1]
        c += z[d + 2] * rows[i, d + 2]
        e += z[d + 3] * rows[i, d + 3]
    return float((a + b) + (c + e))


@njit(cache=True, nogil=True)
def fill_scene_shares(scene_taste: Floats, appeal: Floats, z: Floats, cumulative: Doubles) -> None:
    """Fill `cumulative` with the running sum of the scene weights of a taste."""
    total = 0.0
    for s in range(cumulative.shape[0]):
        total += math.exp(SCENE_SHARPNESS * affinity(z, scene_taste, s) + SCENE_POPULARITY * appeal[s])
        cumulative[s] = total


@njit(cache=True, nogil=True)
def playable(shelf: Shelf, memory: Memory, moment: Moment, track: int) -> bool:
    """Tell whether a track is out, allowed in the country, not banned, and not yet heard in this session."""
    out = shelf.release_ms[track] <= moment.now and shelf.allowed[moment.country, track]
    heard = memory.last_session[track] == moment.session or memory.last_session[track] == FORGOTTEN
    return bool(out and not heard and not memory.banned[shelf.artist[track]])


@njit(cache=True, nogil=True)
def weigh_tracks(
    tracks: Ints, taste: Floats, appeal: Floats, fresh: Bools, z: Floats, plays: Ints, cumulative: Doubles
) -> float:
    """Fill `cumulative` with the running sum of the weights of the fresh ones of `tracks`; return the total."""
    total = 0.0
    for j in range(tracks.shape[0]):
        track = tracks[j]
        if fresh[j]:
            weight = math.exp(TRACK_SHARPNESS * affinity(z, taste, track) + appeal[track])
            total += weight * KNOWN_DISCOUNT if plays[track] else weight
        cumulative[j] = total
    return total


@njit(cache=True, nogil=True)
def find_fresh(
    tracks: Ints,
    artist: Ints,
    release_ms: Ints,
    allowed: Bools,
    last_session: Ints,
    banned: Bools,
    session: int,
    now: int,
    fresh: Bools,
) -> None:
    """Mark the tracks that are playable; as `playable`, for many."""
    for j in range(tracks.shape[0]):
        track = tracks[j]
        out = release_ms[track] <= now and allowed[track]
        fresh[j] = out and last_session[track] != session and last_session[track] != FORGOTTEN and not banned[artist[track]]


@njit(cache=True, nogil=True)
def search_scene(shelf: Shelf, memory: Memory, moment: Moment, z: Floats, scene: int, draw: float, scratch: Scratch) -> int:
    """Return a track of the scene drawn by affinity and popularity, or -1 where nothing is playable."""
    tracks = shelf.scene_tracks[shelf.scene_start[scene] : shelf.scene_start[scene + 1]]
    fresh, cumulative = scratch.fresh[: tracks.shape[0]], scratch.cumulative[: tracks.shape[0]]
    session, now, allowed = moment.session, moment.now, shelf.allowed[moment.country]
    # arrays go in one by one: reaching into a tuple inside a loop counts references and costs ten times the loop
    find_fresh(tracks, shelf.artist, shelf.release_ms, allowed, memory.last_session, memory.banned, session, now, fresh)
    total = weigh_tracks(tracks, shelf.taste, shelf.track_appeal[moment.week], fresh, z, memory.plays, cumulative)
    return int(tracks[np.searchsorted(cumulative, draw * total, side="right")]) if total > 0.0 else -1


@njit(cache=True, nogil=True)
def search_chart(shelf: Shelf, memory: Memory, moment: Moment, draws: Floats) -> int:
    """Return a track of the week's chart, or -1 where three tries were not playable."""
    chart = shelf.chart[moment.week]
    for k in range(TRACK_TRIES):
        track = min(np.searchsorted(chart, draws[TRACK + k], side="right"), chart.shape[0] - 1)
        if playable(shelf, memory, moment, track):
            return int(track)
    return -1


@njit(cache=True, nogil=True)
def remember(shelf: Shelf, memory: Memory, moment: Moment, n_known: int, z: Floats, scene: int, draws: Floats) -> int:
    """Return a known track: the best of six by liking, affinity and nearness to the session; or -1."""
    best, best_score = -1, -1e30
    for k in range(KNOWN_TRIES):
        # u^1.6 leans towards what was found lately
        track = memory.known[n_known - 1 - int(n_known * draws[KNOWN + k] ** 1.6)]
        fit = affinity(z, shelf.taste, track)
        near = 1.0 if shelf.scene_of[track] == scene else 0.0
        score = 2.5 * fit + memory.liking[track] + 0.8 * near
        if score > best_score and fit > FITS_MODE and playable(shelf, memory, moment, track):
            best, best_score = track, score
    return best


@njit(cache=True, nogil=True)
def choose(
    shelf: Shelf, mind: Mind, memory: Memory, moment: Moment, n_known: int, draws: Floats, scratch: Scratch
) -> tuple[int, int]:
    """Return (track, context) of the next play; track -1 where nothing fits."""
    if draws[KIND] < mind.repeat * n_known / (n_known + 8.0):
        track = remember(shelf, memory, moment, n_known, mind.z, mind.anchor, draws)
        if track >= 0:
            return track, 0 if draws[HOP] < 0.7 else (1 if draws[HOP] < 0.85 else 3)
    if draws[CHART] < mind.charts:
        return search_chart(shelf, memory, moment, draws), 4
    scene = mind.anchor
    if draws[HOP] > STAY_SHARE:
        scene = shelf.neighbours[scene, int(draws[NEAR] * shelf.neighbours.shape[1])]
    track = search_scene(shelf, memory, moment, mind.z, scene, draws[TRACK], scratch)
    return track, 2 if draws[NEAR] < 0.6 else (1 if draws[NEAR] < 0.8 else 3)


@njit(cache=True, nogil=True)
def skip_probability(fit: float, impatience: float, known: bool) -> float:
    """Return the probability that a play ends early, given the track's affinity."""
    odds = SKIP_BASE - SKIP_SLOPE * fit + impatience - (SKIP_KNOWN if known else 0.0)
    return 1.0 / (1.0 + math.exp(-odds))


@njit(cache=True, nogil=True)
def hear(duration: int, p_skip: float, last: bool, draws: Floats) -> tuple[int, int]:
    """Return (ms_played, reason): half of the skips come within 5 s, 72 % within 30 s (Lamere 2014)."""
    if draws[SKIP] >= p_skip:
        if last and draws[CUT] < 0.25:
            return int(duration * (0.4 + 0.55 * draws[PART])), 3
        return duration, 0
    reason = 1 if draws[PART] < 0.93 else 2
    cut, part = draws[CUT], (draws[PART] * 17.0) % 1.0
    if cut < 0.5:
        return int(800 + 4200 * part), reason
    if cut < 0.72:
        return int(min(5000 + 24_900 * part, 0.8 * duration)), reason
    return int(min(30_000 + (duration - 31_000) * 0.9 * part, 0.95 * duration)) if duration > 31_000 else 5000, reason


@njit(cache=True, nogil=True)
def react(memory: Memory, artist: int, track: int, fit: float, finished: bool, draws: Floats) -> int:
    """Update liking; return a code of FEEDBACK: enjoyed tracks are saved, disliked ones sometimes blocked."""
    memory.liking[track] = min(memory.liking[track] * 0.9 + (0.5 if finished else -0.7), 2.0)
    if finished and draws[SAVE] < 0.16 / (1.0 + math.exp(-8.0 * (fit - 0.65))):
        return 1
    if not finished and fit < 0.3 and draws[SAVE] > 0.994:
        if draws[SAVE] > 0.9985:
            memory.banned[artist] = True
            return 3
        memory.last_session[track] = FORGOTTEN
        return 2
    return 0


@njit(cache=True, nogil=True)
def forget(memory: Memory, n_known: int) -> None:
    """Clear the memory for the next listener."""
    for k in range(n_known):
        memory.plays[memory.known[k]] = 0
        memory.liking[memory.known[k]] = 0.0
    memory.last_session[:] = -1
    memory.banned[:] = False


@njit(cache=True, nogil=True)
def write_play(
    out: Plays, row: int, listener: int, track: int, session: int, start: int, ms: int, reason: int, context: int, feedback: int
) -> None:
    """Store one play."""
    out.listener[row], out.track[row], out.session[row] = listener, track, session
    out.start_ms[row], out.ms_played[row] = start, ms
    out.reason[row], out.context[row], out.feedback[row] = reason, context, feedback


@njit(cache=True, nogil=True)
def tune_in(shelf: Shelf, ears: Ears, plan: SessionPlan, session: int, now: int, cumulative: Doubles) -> Mind:
    """Return the listener's state of mind in a session: the drifted taste of its mode and the scene it settles in."""
    who, slot = plan.listener[session], plan.slot[session]
    z = ears.taste[who, slot] + ears.drift[who] * (ears.own[who, slot] * np.float32(now / shelf.horizon_ms))
    fill_scene_shares(shelf.scene_taste, shelf.scene_appeal[now // shelf.week_ms], z, cumulative)
    draw = plan.anchor[session] * cumulative[-1]
    anchor = min(np.searchsorted(cumulative, draw, side="right"), cumulative.shape[0] - 1)
    # nobody turns to the charts for a child or for sleep
    return Mind(z, anchor, ears.repeat[who], ears.charts[who] * ears.own[who, slot], ears.impatience[who])


@njit(cache=True, nogil=True)
def play_session(
    shelf: Shelf,
    mind: Mind,
    memory: Memory,
    plan: SessionPlan,
    country: int,
    session: int,
    now: int,
    n_known: int,
    draws: Floats,
    scratch: Scratch,
    out: Plays,
    row: int,
) -> tuple[int, int, int]:
    """Play one session; return the next free row, the number of known tracks, and the instant after the last play."""
    week, length = now // shelf.week_ms, plan.length[session]
    for i in range(length):
        if now >= shelf.horizon_ms:
            break
        u = draws[row]
        track, context = choose(shelf, mind, memory, Moment(session, now, week, country), n_known, u, scratch)
        if track < 0:
            break
        if memory.plays[track] == 0:
            memory.known[n_known] = track
            n_known += 1
        memory.plays[track] += 1
        memory.last_session[track] = session
        fit = affinity(mind.z, shelf.taste, track)
        p_skip = skip_probability(fit, mind.impatience, memory.plays[track] > 1)
        ms, reason = hear(shelf.duration_ms[track], p_skip, i == length - 1, u)
        feedback = react(memory, shelf.artist[track], track, fit, reason == 0, u)
        write_play(out, row, plan.listener[session], track, session, now, ms, reason, context, feedback)
        row += 1
        now += ms + 300 + int(2700 * u[GAP])
    return row, n_known, now


@njit(cache=True, nogil=True)
def play(shelf: Shelf, ears: Ears, plan: SessionPlan, draws: Floats, out: Plays) -> int:
    """Play all planned sessions of a block into `out`; return the number of rows written.

    A session that would start less than 31 minutes after the one before waits until then.
    """
    tracks, largest = shelf.taste.shape[0], np.max(np.diff(shelf.scene_start))
    memory = Memory(
        np.zeros(tracks, np.int32),
        np.zeros(tracks, np.float32),
        np.full(tracks, -1, np.int64),
        np.zeros(shelf.artist.max() + 1, np.bool_),
        np.zeros(tracks, np.int32),
    )
    cumulative = np.empty(shelf.scene_taste.shape[0])
    scratch = Scratch(np.empty(largest, np.bool_), np.empty(largest))
    row, n_known, free_at, before = 0, 0, 0, -1
    for session in range(plan.listener.shape[0]):
        who = plan.listener[session]
        if who != before:
            forget(memory, n_known)
            n_known, free_at, before = 0, 0, who
        now = max(plan.start_ms[session], free_at)
        if now >= shelf.horizon_ms:
            continue
        mind = tune_in(shelf, ears, plan, session, now, cumulative)
        row, n_known, now = play_session(
            shelf, mind, memory, plan, ears.country[who], session, now, n_known, draws, scratch, out, row
        )
        free_at = now + SESSION_GAP_MS
    return row
