"""origin, because -> reasons: what a listener reads beside each track.

Sentences are joined column by column in Arrow: thirty tracks for a million listeners never become Python strings.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

HERE, EVERYWHERE, FOR_YOU = "Popular in {} right now", "Popular right now", "Picked for you"
LIKE_YOU = "Loved by listeners like you"


def reasons(played: Any, artist: Any, country: Any, via: Any) -> Any:
    """One sentence per listed track, string [n].

    Parameters
    ----------
    played : string [n], title of the heard track that spoke for this one; null for none.
    artist : string [n], main artist of that track; null where it has none.
    country : string [n], country whose popular list the track came from; null for another origin.
    via : string [n], source that gave most: `popularity` and `social` speak for themselves where no heard track does.

    Examples
    --------
    >>> reasons(
    ...     pa.array(["Blue", "Etude", "Blue", None, None, None]),
    ...     pa.array(["Ana", None, "Ana", None, None, None]),
    ...     pa.array([None, None, None, "DE", None, None]),
    ...     pa.array(["mf", "mf", "fresh", "popularity", "social", "content"]),
    ... ).to_pylist()
    ... # doctest: +NORMALIZE_WHITESPACE
    ['Because you played Blue by Ana', 'Because you played Etude', 'New, because you played Blue by Ana',
     'Popular in DE right now', 'Loved by listeners like you', 'Picked for you']
    """
    before, after = HERE.split("{}")
    nothing = pa.scalar(None, pa.string())
    because = pc.if_else(pc.equal(via, pa.scalar("fresh")), "New, because you played ", "Because you played ")
    # A null anywhere in a sentence makes it null, and coalesce takes the next one.
    return pc.coalesce(
        _sentence(before, country, after),
        _sentence(because, played, " by ", artist),
        _sentence(because, played),
        pc.if_else(pc.equal(via, pa.scalar("popularity")), EVERYWHERE, nothing),
        pc.if_else(pc.equal(via, pa.scalar("social")), LIKE_YOU, nothing),
        FOR_YOU,
    )


def _sentence(*parts: Any) -> Any:
    return pc.binary_join_element_wise(*parts, "", null_handling="emit_null")
