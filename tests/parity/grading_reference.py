#!/usr/bin/env python3
"""Prints the values of tests/framework/grading/ranking_test.cpp, from scikit-learn and SciPy.

Needs scikit-learn and SciPy. Ties in average precision: the mean over all orders of tied items, which
scikit-learn does not compute itself.
"""
import itertools

import numpy
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

SCORES = [0.9, 0.1, 0.4, 0.4, 0.0, 0.4, 0.7, 0.0]
MEMBER = [1, 0, 1, 0, 0, 0, 1, 1]


def expected_average_precision(scores, member):
    """Mean over all orders of the items that keep different scores in order."""
    groups = [[i for i, s in enumerate(scores) if s == value] for value in sorted(set(scores), reverse=True)]
    values = []
    for orders in itertools.product(*(itertools.permutations(group) for group in groups)):
        order = [i for group in orders for i in group]
        strict = numpy.empty(len(scores))
        strict[order] = -numpy.arange(len(scores))
        values.append(average_precision_score(member, strict))
    return numpy.mean(values)


print("auroc", roc_auc_score(MEMBER, SCORES))
print("average precision", expected_average_precision(SCORES, MEMBER))
print("spearman", spearmanr(SCORES, [3, 0, 1, 0, 0, 0, 2, -1]).statistic)
