"""Each sentence once."""

import pyarrow as pa

from models.slates.reasons import reasons


def test_each_origin_has_its_sentence():
    played = pa.array(["Blue", "Etude", None, None, None])
    artist = pa.array(["Ana", None, None, None, None])
    country = pa.array([None, None, "DE", None, None])
    popular = pa.array([False, False, True, True, False])
    assert reasons(played, artist, country, popular).to_pylist() == [
        "Because you played Blue by Ana",
        "Because you played Etude",  # a track without artists
        "Popular in DE right now",
        "Popular right now",
        "Picked for you",  # a source that cannot say why
    ]
