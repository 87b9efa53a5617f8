"""histories, friends, tags -> artists for each listener: the candidate sources over artists instead of tracks, blended.

Where artists are what is known of a listener and tracks are not, a model over tracks learns the importer's dice too. The
same sources (models/sources) take artists in the tracks' place, and tags as further listeners (models/artists.py); what
friends love is a list of its own. The blend's weights are taught by hiding a seeded share of what each listener is known to
play; then every source learns from the whole of it.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.settings import RankArtists
from models.artists import by_artist, hide, tag_histories, with_tags
from models.blend import blend, learn
from models.circles import circles, friends_lists, loved
from models.histories import Histories
from models.sources.base import Catalogue, Exclusions, Listeners, TopK
from models.sources.kinds import SOURCES
from spark_jobs.contract import Rows
from spark_jobs.evaluation.panel import Panel

log = logging.getLogger(__name__)
# Artists that a tag must name to be heard: two thirds of the tags of Last.fm-2k name one or two.
FEWEST_TAGGED = 3
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ArtistTaste:
    """A panel's listeners seen through the artists they play.

    Attributes
    ----------
    listeners : histories over artists, n rows.
    catalogue : the artists.
    tags : each tag as a listener of the artists whom it names.
    follows : (follower, followed), rows.
    cut : first UTC day that the histories do not see.
    """

    listeners: Listeners
    catalogue: Catalogue
    tags: Histories
    follows: tuple[Int64s, Int64s]
    cut: date

    def best(self, known: Exclusions, k: int, params: RankArtists) -> Int32s:
        """Top `k` artists of each listener that `known` does not name, int32 [n, k], -1 pads."""
        weights = self._taught(params)
        log.info("held_out artists %s", " ".join(f"{name}={weight:.3f}" for name, weight in weights.items()))
        lists = self._lists(self.listeners.log, known, params)
        return blend(lists, weights, self.catalogue.tie_rank, k).ids

    def _taught(self, params: RankArtists) -> dict[str, float]:
        kept, row, artist = hide(self.listeners.log, params.hidden, params.seed)
        return learn(self._lists(kept, Exclusions(kept.indptr, kept.track_idx), params), row, artist)

    def _lists(self, past: Histories, known: Exclusions, params: RankArtists) -> dict[str, TopK]:
        block, depth = Listeners(past, self.listeners.country), min(params.depth, len(self.catalogue))
        taught = with_tags(past, self.tags)
        made = {}
        for name, settings in params.sources().items():
            source = SOURCES[name].fit(taught, self.catalogue, settings)
            made[name] = source.recommend(block, depth, known, os.cpu_count() or 1)
        if len(self.follows[0]):
            loves = loved(past, (self.cut - date(1970, 1, 1)).days, params.friends.days, params.friends.depth)
            circle = circles(past, *self.follows, loves, params.friends.k)
            made["friends"] = friends_lists(circle, depth, known, self.catalogue.tie_rank)
        return made


def gather(panel: Panel, artist_of: Int32s, names: pa.Array[Any], tags: Rows, follows: Rows, cut: date) -> ArtistTaste:
    """The panel over the artists `names`; friends outside the panel tell nothing."""
    listeners = Listeners(by_artist(panel.listeners.log, artist_of, len(names)), panel.listeners.country)
    pairs = follows.table(columns=["user_id", "followed_id"], where=panel.theirs & pc.field("followed_id").isin(panel.user_ids))
    follower, followed = panel.rows_of(pairs["user_id"]), panel.rows_of(pairs["followed_id"])
    return ArtistTaste(
        listeners,
        Catalogue.of_size(len(names)),
        _tags(tags, names),
        (follower.astype(np.int64), followed.astype(np.int64)),
        cut,
    )


def _tags(tags: Rows, names: pa.Array[Any]) -> Histories:
    where = (pc.field("entity") == "artist") & pc.field("entity_id").isin(names)
    rows = tags.table(columns=["entity_id", "tag", "weight"], where=where).combine_chunks()
    artist = pc.index_in(rows["entity_id"].combine_chunks(), value_set=names).to_numpy().astype(np.int32)
    return tag_histories(artist, rows["tag"].combine_chunks(), rows["weight"].to_numpy().astype(np.float32), FEWEST_TAGGED)
