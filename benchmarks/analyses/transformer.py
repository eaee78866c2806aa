"""A tiny autoregressive transformer of spike tokens.

The tokens (neuron, interval) of a window follow one another; each sees those before it, and by cross-attention those of
the windows before. It predicts the next neuron, or that the window ends, and the next interval.
"""
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

WIDTH, HEADS, DROPOUT, BATCH = 32, 4, 0.1, 256
PAST = 3
HIDDEN = 0.1
IGNORED = -100


class Sequences:
    """:class:`snn.export.arrays.Tokens` as padded tensors, one row for every window that has ``PAST`` others before it.

    ``now`` and ``before``: (neurons, intervals), [W, length] each. Beside the neurons 0..n-1 there are END (which also
    begins every row) = n, and PAD = n + 1.
    """

    def __init__(self, tokens):
        self.n, self.per_window = tokens.n, tokens.per_window
        windows = np.arange(PAST, len(tokens))
        self.now = self._padded(tokens, windows, windows + 1)
        self.before = self._padded(tokens, windows - PAST, windows)

    def __len__(self):
        return len(self.now[0])

    def _padded(self, tokens, first, last):
        begin, end = tokens.offsets[first], tokens.offsets[last]
        place = begin[:, None] + np.arange((end - begin).max())
        there = place < end[:, None]
        place = np.minimum(place, len(tokens.neurons) - 1)
        window = np.searchsorted(tokens.offsets, place, side="right") - 1 - first[:, None]
        neurons = np.where(there, tokens.neurons[place], self.n + 1)
        intervals = np.where(there, tokens.intervals[place] + window * tokens.per_window, 0)
        start = np.full((len(first), 1), self.n), np.zeros((len(first), 1), int)
        return tuple(torch.as_tensor(np.concatenate(both, axis=1)) for both in zip(start, (neurons, intervals),
                                                                                   strict=True))

    def rows(self, index, gone=None):
        """``(now, before)`` of some windows, without the spikes of the neurons that are True in ``gone`` [B, n]."""
        parts = [tuple(x[index] for x in part) for part in (self.now, self.before)]
        return parts if gone is None else [without(part, gone) for part in parts]


def without(part, gone):
    """(neurons, intervals) as if the neurons that are True in ``gone`` [B, n] had not been recorded."""
    neurons, intervals = part
    out = torch.cat([gone, torch.zeros(len(gone), 2, dtype=torch.bool)], 1).gather(1, neurons)
    order = out.to(torch.uint8).argsort(dim=1, stable=True)
    pad = gone.shape[1] + 1
    return tuple(x.gather(1, order) for x in (neurons.masked_fill(out, pad), intervals.masked_fill(out, 0)))


def targets(now, n):
    """What follows each token, (neurons, intervals): n where the window ends, IGNORED where nothing is to predict."""
    pad = n + 1
    after, intervals = (torch.cat([x[:, 1:], torch.full_like(x[:, :1], pad)], 1) for x in now)
    neurons = torch.where(after == pad, torch.where(now[0] == pad, IGNORED, n), after)
    return neurons, torch.where(after < n, intervals, IGNORED)


class Transformer(nn.Module):
    """One layer of width 32 with 4 heads: attention to the window so far, to the windows before, and a perceptron."""

    def __init__(self, n, per_window):
        super().__init__()
        self.n = n
        self.neuron = nn.Embedding(n + 2, WIDTH)
        self.interval, self.earlier = nn.Embedding(per_window, WIDTH), nn.Embedding(PAST * per_window, WIDTH)
        layer = nn.TransformerDecoderLayer(WIDTH, HEADS, 2 * WIDTH, DROPOUT, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerDecoder(layer, 1, nn.LayerNorm(WIDTH))
        self.next_neuron, self.next_interval = nn.Linear(WIDTH, n + 1), nn.Linear(WIDTH, per_window)

    def forward(self, now, before):
        length = now[0].shape[1]
        found = self.layers(
            self.neuron(now[0]) + self.interval(now[1]), self.neuron(before[0]) + self.earlier(before[1]),
            tgt_mask=torch.ones(length, length, dtype=torch.bool).triu(1), tgt_is_causal=True,
            memory_key_padding_mask=before[0] == self.n + 1)
        return self.next_neuron(found), self.next_interval(found)

    def losses(self, now, before, gone=None):
        """Negative log-likelihood of the next neuron and of its interval, nats: two of [B, length], 0 where is none.

        Neurons that are True in ``gone`` [B, n] cannot come next.
        """
        scores = self(now, before)
        return [_losses(s, target, g) for s, target, g in zip(scores, targets(now, self.n), (gone, None), strict=True)]


def _losses(scores, target, gone=None):
    if gone is not None:
        never = torch.cat([gone, torch.zeros(len(gone), 1, dtype=torch.bool)], 1)
        scores = scores.masked_fill(never[:, None], -torch.inf)
    return cross_entropy(scores.transpose(1, 2), target, reduction="none", ignore_index=IGNORED)


def train(sequences, seed, *, epochs, rate=5e-3):
    """A trained :class:`Transformer`. In every window each neuron is left out with probability 0.1."""
    torch.manual_seed(seed)
    model = Transformer(sequences.n, sequences.per_window)
    steps = epochs * (-(-len(sequences) // BATCH))
    adam = torch.optim.AdamW(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, rate, max(steps, 1))
    for _ in range(epochs):
        for index in torch.randperm(len(sequences)).split(BATCH):
            gone = torch.rand(len(index), sequences.n) < HIDDEN
            now, before = sequences.rows(index, gone)
            loss = sum(losses.sum() for losses in model.losses(now, before, gone)) / (now[0] <= sequences.n).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def influence(model, sequences):
    """What hiding a neuron costs the others: [target, hidden], nats per spike of the target.

    The loss of naming the neurons that fire, in windows from which the spikes of one neuron were taken out, less that
    in the whole windows; in both the hidden neuron is no candidate. Also returns the mean loss per token, nats.
    """
    n = sequences.n
    cost, total, count = np.zeros((n, n)), 0.0, 0
    for index in torch.arange(len(sequences)).split(4 * BATCH):
        now, before = sequences.rows(index)
        names, intervals = targets(now, n)
        scores = model(now, before)
        total += float(_losses(scores[0], names).sum() + _losses(scores[1], intervals).sum())
        count += int((names != IGNORED).sum())
        for j in range(n):
            gone = (torch.arange(n) == j).expand(len(index), n)
            less, earlier = sequences.rows(index, gone)
            cost[:, j] += _by_target(model.losses(less, earlier, gone)[0], targets(less, n)[0], n)
            others = names.masked_fill(names == j, IGNORED)
            cost[:, j] -= _by_target(_losses(scores[0], others, gone), others, n)
    spikes = torch.bincount(sequences.now[0].flatten(), minlength=n + 2)[:n].numpy()
    return cost / np.maximum(spikes, 1)[:, None], total / count


def _by_target(losses, names, n):
    """Sums of losses by the neuron that was to be named."""
    there = (names >= 0) & (names < n)
    return np.bincount(names[there].numpy(), losses[there].double().numpy(), n)
