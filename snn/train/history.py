"""What a training run has to tell: one record per epoch, and which was best."""
import copy
from dataclasses import dataclass, field

import torch


@dataclass
class History:
    """The epochs of a run of :func:`snn.train.fit`.

    Fields
        ``records``       one flat dict per epoch: ``epoch`` (from 0), ``loss``, ``lr`` (of the last batch), and where
                          they exist ``score``, ``validation_loss``, ``validation_score``
        ``best``          the record of the best epoch: the largest ``validation_score``, else the smallest
                          ``validation_loss``, else the smallest ``loss``; None where all of these were nan
        ``best_weights``  the ``state_dict`` of the net after that epoch: ``net.load_state_dict(history.best_weights)``
        ``interrupted``   whether Ctrl-C ended it
        ``stopped_early`` whether ``Options(patience=...)`` ended it
    """

    records: list = field(default_factory=list)
    best: dict | None = None
    best_weights: dict | None = None
    interrupted: bool = False
    stopped_early: bool = False

    def __len__(self):
        return len(self.records)

    def values(self, name):
        """One number of all epochs as a list, for instance ``history.values("validation_loss")``."""
        return [record[name] for record in self.records]

    def add(self, record, net):
        """Append the record of an epoch; whether it is the best so far (its weights are then kept)."""
        self.records.append(record)
        merit = _merit(record)
        better = merit == merit and (self.best is None or merit > _merit(self.best))
        if better:
            self.best, self.best_weights = record, copy.deepcopy(net.state_dict())
        return better

    def since_best(self):
        """Epochs since the best one."""
        return len(self.records) - (0 if self.best is None else self.best["epoch"] + 1)

    def content(self):
        """What a checkpoint holds of it."""
        return {"records": self.records, "best": self.best, "best_weights": self.best_weights}


def _merit(record):
    """What makes an epoch better than another, larger is better."""
    if "validation_score" in record:
        return record["validation_score"]
    return -record.get("validation_loss", record["loss"])


class Meter:
    """Running means over the samples of an epoch; ``sums`` {name: [sum, count]} can be stored and put back."""

    def __init__(self, sums=()):
        self.sums = {name: list(pair) for name, pair in dict(sums).items()}

    def add(self, name, value, samples):
        """Add a number that is the mean of so many samples, or a tensor with one value per sample."""
        value = torch.as_tensor(value).detach()
        pair = self.sums.setdefault(name, [0.0, 0])
        pair[0] += value.double().sum().item() * (1 if value.ndim else samples)
        pair[1] += value.numel() if value.ndim else samples

    def means(self):
        return {name: total / count if count else float("nan") for name, (total, count) in self.sums.items()}
