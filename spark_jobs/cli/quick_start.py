"""Arrow without pandas, for words that answer and leave: `plant sql` starts in half the time.

pyarrow.dataset makes a scalar while it is imported, and pyarrow's first scalar imports pandas to know its types: 1.0 of the
1.3 s of processor time that the import takes. A process that never holds a pandas object may tell it that there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


class _NoPandas(MetaPathFinder):
    """Says that pandas is not installed."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Refuse pandas, leave every other module to the next finder."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is left out of this process", name=fullname)


def import_arrow_alone() -> None:
    """Import pyarrow.dataset without pandas; nothing happens in a process that has pyarrow already (tests, the line)."""
    if "pyarrow" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        import pyarrow.dataset  # noqa: F401
    finally:
        sys.meta_path.remove(finder)
