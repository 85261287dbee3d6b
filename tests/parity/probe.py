#!/usr/bin/env python3
"""Reference probes: scikit-learn and the sparse probes of TransformerLens 4.3, on the same rows and the same splits.

    python tests/parity/probe.py

writes tests/data/probe/reference.safetensors. Needs numpy, safetensors, scikit-learn and, for the sparse probes,
transformer-lens. The rows are drawn here: 60 with 12 numbers for two labels, the same for three labels, and 20 rows with
40 numbers, more than rows.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.covariance import ledoit_wolf, ledoit_wolf_shrinkage
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

DATA = Path(__file__).parents[1] / "data" / "probe"
LAMBDA, FOLDS = 0.7, 3


def rows_for(labels, width, seed):
    """Rows whose coordinates have unlike scales, and a mean that depends on the label."""
    draw = np.random.default_rng(seed)
    classes = labels.max() + 1
    means = draw.normal(size=(classes, width))
    x = draw.normal(size=(len(labels), width)) + 0.6 * means[labels]
    mixed = x @ (np.eye(width) + 0.3 * draw.normal(size=(width, width)))
    return mixed * draw.uniform(0.2, 3.0, size=width) + draw.normal(size=width)


def logistic(x, y):
    model = LogisticRegression(C=1 / LAMBDA, tol=1e-12, max_iter=100000)
    model.fit(x, y)
    return model


def in_raw(scaler, weights, intercepts):
    raw = weights / scaler.scale_
    return raw, intercepts - raw @ scaler.mean_


def by_mass(x, y):
    """Marks and Tegmark, arXiv:2310.06824, with the covariance within labels of Ledoit and Wolf."""
    means = np.stack([x[y == c].mean(0) for c in range(y.max() + 1)])
    covariance, _ = ledoit_wolf(x - means[y], assume_centered=True)
    weights = np.linalg.solve(covariance, means.T).T
    intercepts = -0.5 * (weights * means).sum(1)
    return weights, intercepts


def folds_of(name, x, y):
    """Probes of the rows outside of each fold; folds are every FOLDS-th row."""
    out = {}
    parts = np.arange(len(y)) % FOLDS
    binary = y.max() == 1
    for fold in range(FOLDS):
        train, test = parts != fold, parts == fold
        scaler = StandardScaler().fit(x[train])
        z = scaler.transform(x[train])
        model = logistic(z, y[train])
        weights, intercepts = in_raw(scaler, model.coef_, model.intercept_)
        out[f"{name}.logistic.{fold}"] = np.concatenate([weights, intercepts[:, None]], 1)
        # RidgeClassifier regresses on targets of 1 and -1.
        ridge = RidgeClassifier(alpha=LAMBDA, solver="cholesky").fit(z, y[train])
        weights, intercepts = in_raw(scaler, np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_))
        out[f"{name}.ridge.{fold}"] = np.concatenate([weights, intercepts[:, None]], 1)
        weights, intercepts = by_mass(x[train], y[train])
        if binary:
            weights, intercepts = weights[1:] - weights[:1], intercepts[1:] - intercepts[:1]
        out[f"{name}.mass_mean.{fold}"] = np.concatenate([weights, intercepts[:, None]], 1)
        p = model.predict_proba(scaler.transform(x[test]))
        area = roc_auc_score(y[test], p[:, 1]) if binary else np.mean(
            [roc_auc_score(y[test] == c, np.log(p[:, c])) for c in range(y.max() + 1)]
        )
        out[f"{name}.metrics.{fold}"] = np.array([
            (p.argmax(1) == y[test]).mean(),
            balanced_accuracy_score(y[test], p.argmax(1)),
            area,
            log_loss(y[test], p, labels=np.arange(y.max() + 1)),
        ])
    return out


def sparse(x, y):
    """A sparse probe of TransformerLens, whose loss is a mean: its l2_strength times the rows is our lambda."""
    import torch
    from transformer_lens.tools.analysis.sparse_probing import fit_sparse_probe

    found = fit_sparse_probe(
        torch.tensor(x), torch.tensor(y), k=4, l2_strength=0.01, preprocess="standardize", class_weight=None, seed=3
    )
    raw = (found.coefficients / found.preprocess_scale).numpy()
    intercept = found.intercept.item() - raw @ found.preprocess_mean.numpy()
    order = np.argsort(found.selected_features.numpy())
    return {
        "sparse.train": found.train_indices.numpy(),
        "sparse.test": found.test_indices.numpy(),
        "sparse.lambda": np.array([0.01 * len(found.train_indices)]),
        "sparse.selected": found.selected_features.numpy()[order],
        "sparse.weights": raw[order],
        "sparse.intercept": np.array([intercept]),
        "sparse.metrics": np.array([found.metrics.accuracy, found.metrics.roc_auc]),
    }


def make():
    draw = np.random.default_rng(0)
    sets = {
        "two": (draw.permutation(np.arange(60) % 2), 12),
        "three": (draw.permutation(np.arange(60) % 3), 12),
        "wide": (draw.permutation(np.arange(20) % 2), 40),
    }
    out = {}
    for seed, (name, (labels, width)) in enumerate(sets.items()):
        x = rows_for(labels, width, seed + 1)
        out[f"{name}.rows"], out[f"{name}.labels"] = x, labels.astype(np.int64)
        out |= folds_of(name, x, labels)
        means = np.stack([x[labels == c].mean(0) for c in range(labels.max() + 1)])
        centred = x - means[labels]
        out[f"{name}.shrinkage"] = np.array([ledoit_wolf_shrinkage(centred, assume_centered=True)])
    out |= sparse(out["two.rows"], out["two.labels"])
    out["lambda"] = np.array([LAMBDA])
    DATA.mkdir(exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in out.items()}, DATA / "reference.safetensors")
    print({key: value.shape for key, value in out.items()})


if __name__ == "__main__":
    make()
