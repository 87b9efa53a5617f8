"""listener_features -> stores, publications: the hot features of every listener, beside the lists they made.

An app or a streaming job reads one key instead of a table (exports/features.py says which features, docs/serving.md the bytes).
A week whose features could not be built leaves last week's served, and the run says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from conf import tables as t
from conf.settings import PublishListenerFeatures
from exports.edition import Edition
from exports.features import HOT, SURFACE, FeatureGates, FeatureRecord, from_arrow
from spark_jobs.contract import Output, Rows, Run
from spark_jobs.serving.publication import bring

COLUMNS = ["run_date", "user_id", *(feature.name for feature in HOT), "simulated"]


def transform(
    *, listener_features: Rows, histories: Rows, publications: Rows, params: PublishListenerFeatures, run: Run
) -> dict[str, Output]:
    """Flip every store that answers."""
    if not listener_features.count():
        run.warn(f"{t.LISTENER_FEATURES.name} has no rows of {run.run_date}: what is served stays")
        return {}

    def records() -> Iterator[FeatureRecord]:
        for batch in listener_features.batches(columns=COLUMNS):
            yield from from_arrow(batch)

    edition = Edition(SURFACE, run.run_date, records, expected_listeners=histories.count())
    gates = FeatureGates(**params.model_dump(include=set(FeatureGates.model_fields)))
    return bring(edition, gates, params, run, publications)
