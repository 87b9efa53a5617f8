"""Names of the modes of listening: the contexts that a list can be made for, and what is heard for somebody else."""

from __future__ import annotations

from typing import Literal, get_args

from conf.contexts import CONTEXTS

Mode = Literal["commute", "focus", "wind_down", "party", "any", "child", "sleep"]
MODES: tuple[Mode, ...] = get_args(Mode)
# The first modes are the contexts, in their order: what the listener's own taste plays in.
OWN_MODES = len(CONTEXTS)
# Modes in which somebody else's taste plays, or nobody's.
FOREIGN = MODES[OWN_MODES:]
ANY = CONTEXTS.index("any")
