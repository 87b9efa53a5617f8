"""Names of what a session may be for, and of what the log says beside a play; and the settings of the model of contexts."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from conf.values import Frozen, ListenRule, Share

# What a list can be made for; `any` is listening that fits no other.
Context = Literal["commute", "focus", "wind_down", "party", "any"]
CONTEXTS: tuple[Context, ...] = get_args(Context)
# Words of the landing format's `device` and `playlist_context`; what is not among them, and null, is the last one.
DEVICES = ("phone", "desktop", "speaker", "car", "tv", "tablet", "web", "watch", "other")
PLAYLIST_CONTEXTS = ("own_playlist", "album", "radio", "search", "charts", "discover_weekly", "other")


class TrainContexts(Frozen):
    """sessions, tracks, users -> artefact `contexts`: what hours, devices and sounds each context and mode has.

    `days` of sessions before the cut, of at most `max_listeners` listeners. `styles`: kinds of music that tracks are sorted
    into. `rounds`: of learning; `steps`: in which each listener's own modes are found. `prior_weight`: part of every table
    that the prior keeps. `concentration`: sessions that everybody's shares of modes are worth against a listener's own. `icc`:
    how much a second skip, or a second play from the same kind of list, repeats the first. `burst`: small where a session
    keeps to one style. `taste_prior`, `mode_prior`: plays that everybody's styles are worth against a listener's, and theirs
    against those of one of their modes.
    """

    days: int = Field(90, ge=7)
    gap_minutes: float = Field(30.0, gt=0)
    max_listeners: int = Field(20_000, ge=1)
    styles: int = Field(24, ge=0, le=512)
    rounds: int = Field(25, ge=0)
    steps: int = Field(12, ge=0)
    prior_weight: Share = 0.1
    concentration: float = Field(0.5, gt=0)
    icc: Share = 0.3
    burst: float = Field(8.0, gt=0)
    taste_prior: float = Field(50.0, gt=0)
    mode_prior: float = Field(200.0, gt=0)
    listen_rule: ListenRule = ListenRule()


class ExcludeForeign(Frozen):
    """What is heard for somebody else (a child's hour, sleep sounds): how much of it counts as taste."""

    weight: Share = 1.0
