"""What a session is for: commute, focus, wind-down, party or anything, or somebody else's taste (a child's hour, sleep).

`ContextModel.fit` learns from a log without labels, `judge` tells sessions of whole listeners, `start` and `update` the same
one listen at a time.
"""

from models.contexts.model import ContextModel, Judged
from models.contexts.modes import FOREIGN, MODES, OWN_MODES, Mode
from models.contexts.sound import Sound
from models.contexts.streaming import Play, State

__all__ = ["FOREIGN", "MODES", "OWN_MODES", "ContextModel", "Judged", "Mode", "Play", "Sound", "State"]
