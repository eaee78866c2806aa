"""Linear readout: ridge regression on one-hot labels, with the penalty chosen by cross-validation.

What it is
    The states of a fixed network (spike counts in time bins, for instance) are classified by a linear map that is
    fitted in closed form. With few samples and many features the dual form is used: its cost grows with samples^3.

Formula
    With centred features ``X`` [samples, features] and centred one-hot labels ``Y``,
    ``W = X^T (X X^T + p m I)^-1 Y``, where ``m`` is the mean eigenvalue of ``X X^T`` and ``p`` the penalty (no unit),
    so that one ``p`` means the same for features of any scale. The class is the largest output.

Source
    Hoerl, Kennard 1970, "Ridge regression"; Lukosevicius 2012, "A practical guide to applying echo state networks".
"""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError

PENALTIES = tuple(float(p) for p in np.logspace(-4, 0.5, 10))


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted linear readout.

    Fields: ``weights`` [features, classes], ``bias`` [classes], ``classes`` the labels in the order of the columns,
    ``penalty``. Made by :func:`fit`.

    Example::

        choice = choose_penalty(counts, labels, groups=recordings)
        readout = fit(counts, labels, penalty=choice.penalty)
        print(choice.accuracy, readout.accuracy(test_counts, test_labels))
    """

    weights: np.ndarray
    bias: np.ndarray
    classes: np.ndarray
    penalty: float

    def outputs(self, features):
        """Values of the linear map, ``[samples, classes]``, for ``features`` [samples, features]."""
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or features.shape[1] != len(self.weights):
            raise DataError(f"Ridge.features: wrong shape {features.shape}. "
                            f"Right would be (samples, {len(self.weights)}).")
        return features @ self.weights + self.bias

    def predict(self, features):
        """Label of every sample."""
        return self.classes[self.outputs(features).argmax(axis=1)]

    def accuracy(self, features, labels):
        """Share of samples whose predicted label is right, 0..1."""
        return float((self.predict(features) == np.asarray(labels)).mean())


@dataclass(frozen=True)
class Choice:
    """Result of :func:`choose_penalty`: the ``penalty`` and the mean ``accuracy`` it had on the samples left out."""

    penalty: float
    accuracy: float


def fit(features, labels, *, penalty):
    """Fit a :class:`Ridge` to ``features`` [samples, features] and ``labels`` [samples]; ``penalty`` > 0, no unit.

    Errors: :class:`~snn.errors.DataError` for other shapes, values that are not finite, a penalty that is not positive,
    features that are all constant.
    """
    features, labels = _checked(features, labels)
    solve = _Dual(features, labels)
    weights = (features - solve.mean).T @ solve.coefficients(penalty)
    return Ridge(weights, solve.bias - solve.mean @ weights, solve.classes, float(penalty))


def choose_penalty(features, labels, groups, *, penalties=PENALTIES):
    """Choose the penalty by leaving out one group of samples after the other.

    Parameters: ``features`` [samples, features], ``labels`` [samples], ``groups`` [samples] (samples of one group are
    left out together), ``penalties`` to try; on a tie the largest wins.
    Returns: :class:`Choice`. Errors: as :func:`fit`; also when there are fewer than two groups.
    """
    features, labels = _checked(features, labels)
    groups = np.asarray(groups)
    names = np.unique(groups)
    if groups.shape != labels.shape or len(names) < 2:
        raise DataError(f"choose_penalty.groups: shape {groups.shape} with {len(names)} groups. "
                        f"Right would be one group per sample, shape {labels.shape}, and two groups or more.")
    right = np.zeros(len(penalties))
    for name in names:
        out = groups == name
        solve = _Dual(features[~out], labels[~out])
        kernel = (features[out] - solve.mean) @ (features[~out] - solve.mean).T
        for k, penalty in enumerate(penalties):
            outputs = kernel @ solve.coefficients(penalty) + solve.bias
            right[k] += (solve.classes[outputs.argmax(axis=1)] == labels[out]).sum()
    best = max(range(len(penalties)), key=lambda k: (right[k], penalties[k]))
    return Choice(float(penalties[best]), float(right[best] / len(labels)))


class _Dual:
    """Eigenvectors of the centred Gram matrix: coefficients for any penalty are then two products."""

    def __init__(self, features, labels):
        self.classes, columns = np.unique(labels, return_inverse=True)
        onehot = np.eye(len(self.classes))[columns]
        self.mean, self.bias = features.mean(axis=0), onehot.mean(axis=0)
        centred = features - self.mean
        self.values, self.vectors = np.linalg.eigh(centred @ centred.T)
        self.scale = self.values.mean()
        if not self.scale > 0:
            raise DataError("fit.features: all samples have the same features. Right would be features that differ.")
        self.projected = self.vectors.T @ (onehot - self.bias)

    def coefficients(self, penalty):
        if not penalty > 0:
            raise DataError(f"fit.penalty: is not positive ({penalty}). Right would be a number above 0.")
        return self.vectors @ (self.projected / (self.values + penalty * self.scale)[:, None])


def _checked(features, labels):
    features, labels = np.asarray(features, np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise DataError(f"fit.features: shape {features.shape} with labels of shape {labels.shape}. "
                        "Right would be (samples, features) and (samples,), one sample or more.")
    if not np.isfinite(features).all():
        raise DataError("fit.features: holds a value that is not finite. Right would be finite numbers.")
    return features, labels
