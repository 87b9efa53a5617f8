"""Columns and types that several contracts share."""

from __future__ import annotations

from conf.contract import Column

SIMULATED = Column("simulated", "boolean", "true where a simulation made the row", nullable=False, default="false")
RUN_DATE = Column("run_date", "date", "the Monday served", nullable=False)
TRACK_LIST = (
    "array<struct<position:int,track_id:string,title:string,artists:array<string>,artist_ids:array<string>,"
    "score:float,source:string,reason:string>>"
)
