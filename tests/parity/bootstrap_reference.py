#!/usr/bin/env python3
"""Reference values for statistics::bootstrap, from scipy.stats.bootstrap (SciPy 1.17).

Writes, for paired values and three statistics, the estimate and the ranges in which the bounds of a
95 % percentile interval of 10,000 random samples must be found: quantiles of 400,000 resamples, at
the share of the bound plus and minus four standard errors of that share in both runs.

    python tests/parity/bootstrap_reference.py tests/data/statistics/bootstrap.json
"""

import json
import math
import sys
from pathlib import Path

import numpy
from scipy import stats

X = [2.1, 3.4, 1.9, 5.6, 4.4, 3.8, 2.7, 6.1, 3.3, 4.9, 1.2, 3.8]
Y = [1.0, 2.2, 1.7, 3.1, 2.9, 4.0, 1.5, 5.2, 0.4, 3.6, 2.0, 2.2]
RESAMPLES, DRAWS = 400_000, 10_000


def pearson(x, y, axis):
    x = x - x.mean(axis=axis, keepdims=True)
    y = y - y.mean(axis=axis, keepdims=True)
    return (x * y).sum(axis=axis) / numpy.sqrt((x * x).sum(axis=axis) * (y * y).sum(axis=axis))


def spearman(x, y, axis):
    return pearson(stats.rankdata(x, axis=axis), stats.rankdata(y, axis=axis), axis)


def ratio_of_medians(x, y, axis):
    return numpy.median(x, axis=axis) / numpy.median(y, axis=axis)


def reference(statistic):
    result = stats.bootstrap((X, Y), statistic, paired=True, n_resamples=RESAMPLES,
                             method="percentile", vectorized=True, batch=20_000, axis=-1,
                             rng=numpy.random.default_rng(1))
    drawn = result.bootstrap_distribution
    assert math.isclose(result.confidence_interval.low, numpy.percentile(drawn, 2.5))
    slack = 4 * math.sqrt(0.025 * 0.975 * (1 / RESAMPLES + 1 / DRAWS))
    bounds = {name: [float(numpy.quantile(drawn, share - slack)),
                     float(numpy.quantile(drawn, share + slack))]
              for name, share in [("low", 0.025), ("high", 0.975)]}
    return {"estimate": float(statistic(numpy.array(X), numpy.array(Y), -1)), **bounds}


expected = {"x": X, "y": Y, "draws": DRAWS,
            "statistics": {one.__name__: reference(one)
                           for one in [pearson, spearman, ratio_of_medians]}}
Path(sys.argv[1]).write_text(json.dumps(expected, indent=1) + "\n")
