"""All features together: those that tables hold, and those of a listener and a candidate, made when they are ranked."""

from __future__ import annotations

from conf.features.feature import Feature
from conf.features.item import ARTIST, TRACK
from conf.features.listener import LISTENER, LISTENER_CONTEXT, SESSION
from conf.features.pair import PAIR

STORED: tuple[Feature, ...] = (*LISTENER, *LISTENER_CONTEXT, *SESSION, *TRACK, *ARTIST)
CATALOGUE: tuple[Feature, ...] = (*STORED, *PAIR)
