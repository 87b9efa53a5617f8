"""valence, arousal -> moods: how near a clip lies to six places on the circle of feelings.

The circle and its angles are Russell's (1980, https://doi.org/10.1037/h0077714): valence to the right, arousal upwards. A
clip in the middle has no mood in particular: all shares are alike there.
"""

from __future__ import annotations

import numpy as np

# Degrees on Russell's circle: his scaling of the words happy, excited, tense, sad, tired and calm.
ANGLES = {"happy": 7.8, "excited": 48.6, "tense": 92.8, "sad": 207.5, "tired": 267.7, "calm": 316.2}
_SHARPNESS = 4.0  # a clip on the circle's edge has about two thirds of its mood in the nearest place


def moods(valence: float, arousal: float) -> dict[str, float]:
    """Share of each mood of ANGLES, summing to 1.

    Parameters
    ----------
    valence, arousal : in [-1, 1]; -1 is sad and asleep, 1 glad and wide awake.

    Examples
    --------
    >>> shares = moods(0.9, 0.1)
    >>> max(shares, key=shares.get), max(moods(-0.8, -0.4), key=moods(-0.8, -0.4).get)
    ('happy', 'sad')
    >>> {round(share, 3) for share in moods(0.0, 0.0).values()}
    {0.167}
    """
    turn = np.radians(list(ANGLES.values()))
    nearness = np.exp(_SHARPNESS * (valence * np.cos(turn) + arousal * np.sin(turn)))
    return dict(zip(ANGLES, (nearness / nearness.sum()).tolist(), strict=True))
