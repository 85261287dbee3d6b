#!/usr/bin/env python3
"""Reference values for the experiment hallucination_signals, from scikit-learn 1.9.

Draws signals, labels and groups of 40 cases, some of which are equal, and writes the area under the
curve of each signal (roc_auc_score), the probabilities of a logistic regression on the standardised
signal that is fitted on the other folds (LogisticRegression, C=1), their Brier score
(brier_score_loss) and calibration (calibration_curve). Groups are dealt to the folds in turn, in the
order of their share of cases with label 1, then of their first case.

    python tests/parity/hallucination_signals_reference.py tests/data/hallucination_signals/samples.json
"""

import json
import sys
from pathlib import Path

import numpy
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

SIGNALS = ["surprisal", "entropy", "margin", "dispersion", "entropy_jumps"]
FOLDS, BINS, CASES = 4, 5, 40


def folds_of(labels, groups):
    names = list(dict.fromkeys(groups))
    share = {name: numpy.mean([y for y, g in zip(labels, groups) if g == name]) for name in names}
    dealt = {name: i % FOLDS for i, name in enumerate(sorted(names, key=share.get))}
    return [dealt[group] for group in groups]


def predictions(signal, labels, folds):
    predicted = numpy.zeros(CASES)
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        scaler = StandardScaler().fit(signal[train, None])
        model = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000)
        model.fit(scaler.transform(signal[train, None]), labels[train])
        predicted[test] = model.predict_proba(scaler.transform(signal[test, None]))[:, 1]
    return predicted


def main():
    random = numpy.random.default_rng(11)
    labels = random.integers(0, 2, CASES)
    groups = [f"g{i}" for i in random.integers(0, 12, CASES)]
    folds = numpy.array(folds_of(labels, groups))
    result = {"labels": labels.tolist(), "groups": groups, "folds": folds.tolist(), "n_folds": FOLDS,
              "bins": BINS, "signals": {}}
    for i, name in enumerate(SIGNALS):
        # Two digits, so that some values are equal; the first signals know something of the label.
        signal = numpy.round(random.normal(size=CASES) + labels * (0.8 - 0.3 * i), 2 if i else 1)
        direction = -1 if name == "margin" else 1
        predicted = predictions(signal, labels, folds)
        observed, mean = calibration_curve(labels, predicted, n_bins=BINS, strategy="uniform")
        result["signals"][name] = {
            "value": signal.tolist(),
            "auroc": roc_auc_score(labels, direction * signal),
            "predicted": predicted.tolist(),
            "brier": brier_score_loss(labels, predicted),
            "calibration": observed.tolist(),
            "calibration_predicted": mean.tolist()}
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


main()
