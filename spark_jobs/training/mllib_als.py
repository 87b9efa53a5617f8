"""histories -> item factors with Spark MLlib's ALS: for logs that one machine cannot train on.

MLlib minimises sum (1 + alpha c)(p - u.v)^2 over all pairs, plus regParam * n |x|^2 for a row with n observations. Divided by
alpha0 that is the objective of models/fold_in.py with alpha = 1 / alpha0, save for two things: observed pairs keep the
weight of unobserved ones beside c, and its regularisation lacks the constant part alpha0 * items. regParam is therefore
chosen so that both regularise a listener with the mean number of tracks alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.settings import Spark
from conf.trainers import TrainMf
from models.histories import Histories
from models.inputs import inputs_of
from spark_jobs import session
from spark_jobs.contract import Run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def train(listeners: Histories, tracks: int, params: TrainMf, run: Run) -> npt.NDArray[np.float32]:
    """Item factors, float32 [tracks, d]; zeros for a track that nobody heard."""
    from pyspark.ml.recommendation import ALS

    observed = listeners.weight > 0
    factors = np.zeros((tracks, params.dimensions), np.float32)
    if not observed.any():
        return factors
    als = ALS(
        rank=params.dimensions,
        maxIter=params.epochs,
        regParam=reg_param(params, tracks, float(observed.sum()) / len(listeners)),
        alpha=1.0 / params.alpha0,
        implicitPrefs=True,
        seed=params.seed,
        userCol="listener",
        itemCol="track_idx",
        ratingCol="confidence",
    )
    spark = run.spark or session.get(Spark())
    fitted = als.fit(_ratings(spark, listeners, observed, params)).itemFactors.toArrow()
    flat = fitted.column("features").combine_chunks().flatten().to_numpy()
    factors[fitted.column("id").to_numpy()] = flat.reshape(-1, params.dimensions)
    return factors


def reg_param(params: TrainMf, tracks: int, tracks_per_listener: float) -> float:
    """MLlib's regParam that regularises a listener with `tracks_per_listener` tracks as the objective does.

    >>> reg_param(TrainMf(alpha0=0.1, reg=0.01, nu=1.0), tracks=1000, tracks_per_listener=100)
    0.2
    """
    ridge = params.reg * (params.alpha0 * tracks + tracks_per_listener) ** params.nu
    return ridge / (params.alpha0 * tracks_per_listener)


def _ratings(spark: SparkSession, listeners: Histories, observed: npt.NDArray[np.bool_], params: TrainMf) -> DataFrame:
    row = np.repeat(np.arange(len(listeners), dtype=np.int32), np.diff(listeners.indptr))
    columns = {
        "listener": row[observed],
        "track_idx": listeners.track_idx[observed],
        "confidence": inputs_of(listeners, params.inputs)[observed] * np.float32(params.weight_scale),
    }
    return spark.createDataFrame(pa.table(columns))
