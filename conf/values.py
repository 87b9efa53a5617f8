"""What settings are made of: the frozen base class, and values that several jobs share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Neighbours = Annotated[int, Field(ge=1, le=1000)]
# How a history's weights enter a source; models/inputs.py says what each means.
Inputs = Literal["binary", "log", "linear", "share"]


class Frozen(BaseModel):
    """Immutable, and unknown words are refused: a mistyped setting must not pass in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ListenRule(Frozen):
    """When a play counts: `min_seconds` heard, or half of a shorter track."""

    min_seconds: float = Field(30.0, gt=0)
    min_share: Share = 0.5
