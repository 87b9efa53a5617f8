"""origin, because -> reasons: what a listener reads beside each track.

Sentences are joined column by column in Arrow: thirty tracks for a million listeners never become Python strings.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

HERE, EVERYWHERE, FOR_YOU = "Popular in {} right now", "Popular right now", "Picked for you"


def reasons(played: Any, artist: Any, country: Any, popular: Any) -> Any:
    """One sentence per listed track, string [n].

    Parameters
    ----------
    played : string [n], title of the heard track that spoke for this one; null for none.
    artist : string [n], main artist of that track; null where it has none.
    country : string [n], country whose popular list the track came from; null for another origin.
    popular : bool [n], true where the track came from a popular list.

    Examples
    --------
    >>> reasons(
    ...     pa.array(["Blue", "Etude", None, None, None]),
    ...     pa.array(["Ana", None, None, None, None]),
    ...     pa.array([None, None, "DE", None, None]),
    ...     pa.array([False, False, True, True, False]),
    ... ).to_pylist()[:3]
    ['Because you played Blue by Ana', 'Because you played Etude', 'Popular in DE right now']
    """
    before, after = HERE.split("{}")
    # A null anywhere in a sentence makes it null, and coalesce takes the next one.
    return pc.coalesce(
        _sentence(before, country, after),
        pc.if_else(popular, EVERYWHERE, pa.scalar(None, pa.string())),
        _sentence("Because you played ", played, " by ", artist),
        _sentence("Because you played ", played),
        FOR_YOU,
    )


def _sentence(*parts: Any) -> Any:
    return pc.binary_join_element_wise(*parts, "", null_handling="emit_null")
