#!/usr/bin/env python3
"""Prints the values of tests/framework/grading/ranking_test.cpp, by the definitions of the scores: AUROC counts
all pairs, average precision is the mean over all orders of tied items. Needs Python alone."""
import itertools
from fractions import Fraction

SCORES = [0.9, 0.1, 0.4, 0.4, 0.0, 0.4, 0.7, 0.0]
MEMBER = [1, 0, 1, 0, 0, 0, 1, 1]


def auroc(scores, member):
    """Share of pairs of a member and another item that are in order; ties count half."""
    pairs = [
        Fraction(1) if a > b else Fraction(1, 2) if a == b else Fraction(0)
        for a, is_member in zip(scores, member) if is_member
        for b, is_other in zip(scores, member) if not is_other
    ]
    return sum(pairs) / len(pairs)


def precision_of(order, member):
    """Mean over members of the precision at their rank."""
    hits, total = 0, Fraction(0)
    for rank, item in enumerate(order, 1):
        if member[item]:
            hits += 1
            total += Fraction(hits, rank)
    return total / hits


def average_precision(scores, member):
    """Mean over all orders of the items that keep different scores in order."""
    groups = [[i for i, s in enumerate(scores) if s == value] for value in sorted(set(scores), reverse=True)]
    orders = itertools.product(*(itertools.permutations(group) for group in groups))
    values = [precision_of([i for group in order for i in group], member) for order in orders]
    return sum(values) / len(values)


print("auroc", auroc(SCORES, MEMBER))
print("average precision", average_precision(SCORES, MEMBER))
