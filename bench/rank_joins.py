"""The ranker's matrix by joins: a row per candidate, a join per table, a grouping for what is known of listener and artist.

All columns of conf/features/pair.py for an order for any context, of the same candidates, as one writes it in pandas; where a
join would hold a row for each candidate and heard track, which no memory takes, one matrix product a listener. What comes out
is compared with ours cell by cell, so both have done the same work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import city
import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.audio import READINGS
from conf.contexts import CONTEXTS
from conf.features.pair import ARTIST_NUMBERS, LISTENER_NUMBERS, SOURCES, TRACK_NUMBERS
from models.ranking.history_kernels import PRIOR_PLAYS
from models.ranking.sides import COUNTRY_PRIOR
from models.ranking.vector_kernels import COMPARED, NEAR, SHARPNESS

Frame = pd.DataFrame
PAIR = ["user_id", "track_idx"]
TASTE = 64
CUT_DAY = (city.cut(city.RUN_DATE) - pd.Timestamp("1970-01-01").date()).days
PLACES = {"taste_place": "taste_product", "meaning_place": "meaning_cosine", "popularity_place": "log_plays_7d"}


@dataclass(frozen=True)
class Tables:
    """Frames of some listeners and of the whole catalogue, in memory before the clock starts; lists are not exploded yet."""

    lists: Frame
    heard: Frame
    tracks: Frame
    genres: Frame
    track: Frame
    countries: Frame
    artist: Frame
    audio: Frame
    listener: Frame
    contexts: Frame


def candidates(lists: Frame, weights: dict[str, float], depth: int, asked: int) -> Frame:
    """Worths, ranks and flags of each source, the blend's score over them, and the best `depth` of each listener."""
    flat = lists.explode(["track_idx", "score"], ignore_index=True)
    flat["score"] = flat["score"].astype("float64")
    by_list = flat.groupby(["user_id", "source"], sort=False)
    flat["rank"] = by_list.cumcount()
    held, last = by_list["score"].transform("size"), by_list["score"].transform("last")
    lead = flat["score"] - last.where(held == asked, last.clip(upper=0.0))
    spread = np.sqrt((lead**2).groupby([flat["user_id"], flat["source"]]).transform("mean"))
    by_lead = (np.log1p(lead / spread.where(spread > 0)) / np.log(4.0)).fillna(0.0)
    flat["worth"] = (1 - np.log1p(flat["rank"]) / np.log1p(asked) + by_lead) / 2
    flat["rank"] = np.log1p(flat["rank"])
    wide = flat.set_index([*PAIR, "source"])[["worth", "rank"]].unstack("source")
    wide.columns = [f"{what}_{source}" for what, source in wide.columns]
    for source in SOURCES:
        if f"rank_{source}" not in wide:
            wide[f"worth_{source}"], wide[f"rank_{source}"] = 0.0, np.nan
        wide[f"missing_{source}"] = wide[f"rank_{source}"].isna()
        wide[f"worth_{source}"] = wide[f"worth_{source}"].fillna(0.0)
    wide["blend_score"] = sum(max(weights.get(name, 0.0), 1e-6) * wide[f"worth_{name}"] for name in SOURCES)
    ranks = wide[[f"rank_{name}" for name in SOURCES]]
    wide["named_by"], wide["best_rank"] = ranks.notna().sum(axis=1), ranks.min(axis=1)
    wide = wide.reset_index()
    wide["track_idx"] = wide["track_idx"].astype("int64")
    wide = wide.sort_values(["user_id", "blend_score", "track_idx"], ascending=[True, False, True], ignore_index=True)
    place = wide.groupby("user_id").cumcount()
    wide["blend_rank"] = np.log1p(place)
    return wide[place < depth]


def histories(heard: Frame, tracks: Frame) -> Frame:
    """A row per listener and heard track, with its artist."""
    flat = heard.explode(["track_idx", "plays", "completions", "skips", "last_day", "weight"], ignore_index=True)
    numbers = flat.columns.drop("user_id")
    flat[numbers] = flat[numbers].apply(pd.to_numeric)
    flat["mass"] = flat.groupby("user_id")["weight"].transform("sum")
    return flat.merge(tracks, on="track_idx", how="left")


def with_artists(wide: Frame, heard: Frame) -> Frame:
    """What the listener did with the candidate's artist."""
    own = heard.assign(recent=heard["plays"] / np.sqrt(np.maximum(CUT_DAY - heard["last_day"], 0.5)))
    sums = own.groupby(["user_id", "artist_id"], as_index=False).agg(
        plays=("plays", "sum"), completions=("completions", "sum"), skips=("skips", "sum"), known=("track_idx", "count"),
        weight=("weight", "sum"), mass=("mass", "first"), last=("last_day", "max"), recent=("recent", "sum"),
    )  # fmt: skip
    made = sums[["user_id", "artist_id"]].copy()
    made["artist_plays"], made["artist_completions"] = np.log1p(sums["plays"]), np.log1p(sums["completions"])
    made["artist_known"] = np.log1p(sums["known"])
    made["artist_adjusted"] = (sums["completions"] - sums["skips"]) / (sums["plays"] + PRIOR_PLAYS)
    made["artist_weight"] = (sums["weight"] / sums["mass"]).where(sums["mass"] > 0, 0.0)
    made["artist_days"], made["artist_activation"] = CUT_DAY - sums["last"], np.log(sums["recent"])
    wide = wide.merge(made, on=["user_id", "artist_id"], how="left")
    zero = ["artist_plays", "artist_completions", "artist_known", "artist_adjusted", "artist_weight"]
    wide[zero] = wide[zero].fillna(0.0)
    return wide


def with_genres(wide: Frame, heard: Frame, genres: Frame) -> Frame:
    """What the listener did with the candidate's genres, on average."""
    each = genres.explode("genres").dropna()
    sums = heard.merge(each, on="track_idx").groupby(["user_id", "genres"], as_index=False).agg(
        plays=("plays", "sum"), completions=("completions", "sum"), skips=("skips", "sum"), weight=("weight", "sum"),
        mass=("mass", "first"),
    )  # fmt: skip
    sums["genre_weight"] = (sums["weight"] / sums["mass"]).where(sums["mass"] > 0, 0.0)
    sums["genre_adjusted"] = (sums["completions"] - sums["skips"]) / (sums["plays"] + PRIOR_PLAYS)
    mine = ["genre_weight", "genre_adjusted"]
    of_pair = (
        wide[PAIR].merge(each, on="track_idx").merge(sums[["user_id", "genres", *mine]], on=["user_id", "genres"], how="left")
    )
    of_pair[mine] = of_pair[mine].fillna(0.0)
    return wide.merge(of_pair.groupby(PAIR, as_index=False)[mine].mean(), on=PAIR, how="left")


def with_tracks(wide: Frame, given: Tables) -> Frame:
    """Numbers of track, artist and listener, logarithms taken once a row of their table; and what crosses them."""
    track = given.track[["track_idx"]].copy()
    for name, log in TRACK_NUMBERS.items():
        track[f"{'log_' if log else ''}{name}"] = np.log1p(given.track[name]) if log else given.track[name]
    track["fresh_part"] = (given.track["first_plays_28d"] / given.track["plays_28d"]).where(given.track["plays_28d"] > 0)
    artist = given.artist[["artist_id"]].copy()
    for name, log in ARTIST_NUMBERS.items():
        artist[f"{'log_' if log else ''}artist_{name}"] = np.log1p(given.artist[name]) if log else given.artist[name]
    listener = given.listener[["user_id", "country"]].copy()
    for name, log in LISTENER_NUMBERS.items():
        listener[f"{'log_' if log else ''}own_{name}"] = np.log1p(given.listener[name]) if log else given.listener[name]
    wide = wide.merge(track, on="track_idx", how="left").merge(artist, on="artist_id", how="left")
    wide = wide.merge(listener, on="user_id", how="left").merge(lifts(given.countries), on=["track_idx", "country"], how="left")
    whole = given.countries.groupby("track_idx")["country_plays"].sum().rename("whole")
    wide = wide.merge(whole, on="track_idx", how="left")
    # A country that plays nothing of a track is no row of the table.
    share = given.countries.groupby("country")["country_plays"].sum() / given.countries["country_plays"].sum()
    played = COUNTRY_PRIOR / (wide["whole"].fillna(0) + COUNTRY_PRIOR)
    wide["country_lift"] = wide["country_lift"].fillna(np.log(played).where(wide["country"].isin(share.index), 0.0))
    wide["history_size"] = np.log1p(
        wide.merge(given.heard.assign(size=given.heard["track_idx"].str.len()), on="user_id")["size"]
    )
    wide["mainstream_gap"] = wide["popularity"] - wide["own_mainstreamness"]
    return wide


def lifts(countries: Frame) -> Frame:
    """Ln of a country's share of a track's plays over its share of all plays, shrunk to 0."""
    share = countries.groupby("country")["country_plays"].transform("sum") / countries["country_plays"].sum()
    total = countries.groupby("track_idx")["country_plays"].transform("sum")
    lift = np.log((countries["country_plays"] + COUNTRY_PRIOR * share) / (total + COUNTRY_PRIOR) / share)
    return countries[["track_idx", "country"]].assign(country_lift=lift)


def unit(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Rows of length 1."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def with_vectors(wide: Frame, heard: Frame, given: Tables) -> Frame:
    """Cosines of candidate and listener, and with what the listener heard: one matrix product a listener."""
    taste, meaning = (np.stack(given.track[name].to_numpy()) for name in ("taste", "meaning"))
    meaning = unit(meaning)
    at = pd.Series(np.arange(len(given.track)), index=given.track["track_idx"])
    own = pd.Series(np.arange(len(given.listener)), index=given.listener["user_id"])
    profile = np.stack(given.listener["embedding"].to_numpy()).astype(np.float32)
    row, who = at.loc[wide["track_idx"]].to_numpy(), own.loc[wide["user_id"]].to_numpy()
    wide["taste_product"] = np.einsum("ij,ij->i", taste[row], profile[who, :TASTE])
    wide["taste_cosine"] = wide["taste_product"] / np.linalg.norm(taste, axis=1)[row]
    width = meaning.shape[1]
    wide["meaning_cosine"] = np.einsum("ij,ij->i", meaning[row], profile[who, TASTE : TASTE + width])
    liked = (
        heard[heard["weight"] > 0].sort_values(["user_id", "weight"], ascending=[True, False]).groupby("user_id").head(COMPARED)
    )
    more = heard.assign(more=heard["skips"] - heard["completions"])
    disliked = (
        more[more["more"] > 0].sort_values(["user_id", "more"], ascending=[True, False]).groupby("user_id").head(COMPARED)
    )
    for kind, chosen in (("heard", liked), ("skipped", disliked)):
        groups = {user: at.loc[rows].to_numpy() for user, rows in chosen.groupby("user_id")["track_idx"]}
        near = np.full((len(wide), 2), np.nan, np.float32)
        for user, there in wide.groupby("user_id").indices.items():
            if user in groups:
                found = -np.sort(-(meaning[row[there]] @ meaning[groups[user]].T), axis=1)[:, :NEAR]
                near[there] = np.stack([found[:, 0], found.mean(axis=1)], axis=1)
        wide[f"{kind}_nearest"], wide[f"{kind}_near"] = near.T
    return with_modes(wide, given.contexts, meaning, row)


def with_modes(wide: Frame, contexts: Frame, meaning: npt.NDArray[Any], row: npt.NDArray[Any]) -> Frame:
    """How near a candidate is to what the listener plays in each context, and what an order for any says of them."""
    nearest, found = np.full(len(wide), -2.0, np.float32), np.zeros(len(wide))
    for _, mine in contexts[contexts["share"] > 0].groupby("context"):
        own = pd.Series(np.arange(len(mine)), index=mine["user_id"])
        place = own.reindex(wide["user_id"]).to_numpy()
        there = np.flatnonzero(~np.isnan(place))
        modes = np.stack(mine["context_embedding"].to_numpy()).astype(np.float32)[place[there].astype(int)]
        cosine = np.einsum("ij,ij->i", meaning[row[there]], modes)
        nearest[there] = np.maximum(nearest[there], cosine)
        found[there] += mine["share"].to_numpy()[place[there].astype(int)] * np.exp(SHARPNESS * cosine)
    known = found > 0
    wide["mode_nearest"] = np.where(known, nearest, np.nan)
    wide["mode_found"] = np.where(known, np.log(np.where(known, found, 1.0)), np.nan)
    for name in CONTEXTS:
        wide[f"for_{name}"] = float(name == "any")
    wide["context_share"], wide["track_context_lift"], wide["context_gain"] = 1.0, 0.0, 0.0
    wide["context_cosine"] = wide["meaning_cosine"]
    return wide


def with_contexts(wide: Frame, given: Tables) -> Frame:
    """What the contexts of the listener and of the track have to do with each other."""
    shares = np.stack(given.track["track_context_shares"].to_numpy()).astype(np.float64)
    weight = given.track["plays_90d"].to_numpy(np.float64)
    lift = Frame(shares / np.maximum(weight @ shares / weight.sum(), 1e-6), columns=list(CONTEXTS))
    long = lift.assign(track_idx=given.track["track_idx"]).melt("track_idx", var_name="context", value_name="lift")
    pairs = (
        wide[PAIR].merge(given.contexts[["user_id", "context", "share"]], on="user_id").merge(long, on=["track_idx", "context"])
    )
    fit = (pairs["share"] * pairs["lift"]).groupby([pairs["user_id"], pairs["track_idx"]]).sum().rename("context_fit")
    wide = wide.merge(fit.reset_index(), on=PAIR, how="left")
    wide["context_fit"] = wide["context_fit"].fillna(0.0)
    return wide


def with_sound(wide: Frame, heard: Frame, audio: Frame) -> Frame:
    """How far the candidate's sound is from that of the history."""
    told = audio[["track_idx", *READINGS]].assign(tempo_bpm=np.log(audio["tempo_bpm"]))
    mine = heard[heard["weight"] > 0].merge(told, on="track_idx")
    weighted = mine[list(READINGS)].mul(mine["weight"], axis=0).groupby(mine["user_id"]).sum()
    mass = mine[list(READINGS)].notna().mul(mine["weight"], axis=0).groupby(mine["user_id"]).sum()
    wide = wide.merge(told, on="track_idx", how="left").merge(
        (weighted / mass).add_suffix("_mean").reset_index(), on="user_id", how="left"
    )
    for name in READINGS:
        wide[f"{name}_gap"] = (wide[name] - wide[f"{name}_mean"]).abs()
    vectors = unit(np.stack(audio["embedding"].to_numpy()))
    at = pd.Series(np.arange(len(audio)), index=audio["track_idx"])
    means = (
        Frame(vectors[at.loc[mine["track_idx"]].to_numpy()] * mine["weight"].to_numpy(np.float32)[:, None])
        .groupby(mine["user_id"].to_numpy())
        .sum()
    )
    profile = pd.Series(np.arange(len(means)), index=means.index).reindex(wide["user_id"]).to_numpy()
    place = at.reindex(wide["track_idx"]).to_numpy()
    there = np.flatnonzero(~np.isnan(profile) & ~np.isnan(place))
    cosine = np.full(len(wide), np.nan)
    cosine[there] = np.einsum("ij,ij->i", vectors[place[there].astype(int)], unit(means.to_numpy())[profile[there].astype(int)])
    wide["sound_cosine"] = cosine
    return wide


def matrix(given: Tables, weights: dict[str, float], depth: int, asked: int) -> Frame:
    """One row per listener and candidate with all of COLUMNS."""
    wide = candidates(given.lists, weights, depth, asked).merge(given.tracks, on="track_idx", how="left")
    heard = histories(given.heard, given.tracks)
    wide = with_genres(with_artists(wide, heard), heard, given.genres)
    wide = with_contexts(with_tracks(with_vectors(wide, heard, given), given), given)
    wide = with_sound(wide, heard, given.audio)
    by_listener = wide.sort_values("track_idx").groupby("user_id")  # equal values stand in this order
    for name, by in PLACES.items():
        place = by_listener[by].rank(method="first", ascending=False, na_option="bottom") - 1
        wide[name] = place / by_listener[by].transform("size")
    wide["context_place"] = wide["meaning_place"]
    return wide
