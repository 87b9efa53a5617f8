"""Each sentence once."""

import pyarrow as pa

from models.slates.reasons import reasons


def test_each_origin_has_its_sentence():
    played = pa.array(["Blue", "Etude", "Blue", None, None, None, None])
    artist = pa.array(["Ana", None, "Ana", None, None, None, None])
    country = pa.array([None, None, None, "DE", None, None, None])
    via = pa.array(["mf", "gfcf", "fresh", "popularity", "popularity", "social", "content"])
    assert reasons(played, artist, country, via).to_pylist() == [
        "Because you played Blue by Ana",
        "Because you played Etude",  # a track without artists
        "New, because you played Blue by Ana",
        "Popular in DE right now",
        "Popular right now",
        "Loved by listeners like you",
        "Picked for you",  # a source that cannot say why
    ]
