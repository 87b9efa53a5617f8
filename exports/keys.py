"""Keys of records: one grammar in every store, safe for any listener id.

    u:<id>              the list of one listener
    popular:<country>   the popular list of a country
    popular:global      the popular list of everywhere

An id is percent-encoded (RFC 3986: everything but letters, digits and `-._~`), so a key is printable ASCII without slash,
quote, space, newline or colon of its own. An id longer than 200 encoded characters becomes `sha256:<hex>`, which no encoded
id can equal because a colon inside an id is written %3A.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from conf.errors import UsageError

KEY_VERSION = "v1"
GLOBAL_KEY = "popular:global"
LONGEST_ID = 200
_SURFACE = re.compile(r"[a-z][a-z0-9_]{0,62}")


def listener_key(user_id: str) -> str:
    """Key of one listener's list.

    >>> listener_key("ana"), listener_key("../a b:ü")
    ('u:ana', 'u:..%2Fa%20b%3A%C3%BC')
    """
    return "u:" + safe_id(user_id)


def popular_key(country: str | None) -> str:
    """Key of the popular list of `country`; None or empty means everywhere.

    >>> popular_key("DE"), popular_key(""), popular_key("global")
    ('popular:DE', 'popular:global', 'popular:%67lobal')
    """
    if not country:
        return GLOBAL_KEY
    # A country that calls itself "global" must not shadow the list of everywhere.
    return "popular:%67lobal" if country == "global" else "popular:" + safe_id(country)


def safe_id(raw: str) -> str:
    """`raw` percent-encoded, or its sha256 when that is longer than 200 characters.

    Lone surrogates are let through as bytes: a reader must answer for any string that an app sends.
    """
    encoded = raw.encode("utf-8", "surrogatepass")
    safe = quote(encoded, safe="")
    return safe if len(safe) <= LONGEST_ID else "sha256:" + hashlib.sha256(encoded).hexdigest()


def checked_surface(surface: str) -> str:
    """Return `surface`, which becomes part of keys and folder names as it is.

    Raises
    ------
    UsageError
        For anything but a lower-case word such as `discover_weekly`.
    """
    if not _SURFACE.fullmatch(surface):
        raise UsageError(f"surface {surface!r} is no name: use lower-case letters, digits and _, at most 63 of them")
    return surface
