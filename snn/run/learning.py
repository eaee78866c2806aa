"""Plastic synapses in torch, event by event, for a batch of runs: what the compiled engine is compared with."""
import torch

from snn.run.plastic import Group


class Learning(Group):
    """A group whose postsynaptic events act at once on all synapses of their neuron (columns of the connections)."""

    pre_of = post_of = None

    def place(self, csr):
        super().place(csr)
        place = {"device": self.options["device"]}
        self.indptr = torch.as_tensor(csr.indptr, **place)
        self.post_of = torch.as_tensor(csr.targets.astype("int64"), **place)
        self.pre_of = torch.repeat_interleave(torch.arange(self.q.n_pre, **place), self.indptr.diff())
        self.column = torch.argsort(self.post_of, stable=True)
        self.first = torch.searchsorted(
            self.post_of[self.column], torch.arange(self.q.n_post + 1, device=self.post_of.device)
        )

    def step(self, k, pre, post, read):
        """Do step ``k``: returns (run, target, amount) of what arrives at the soma, in the order of additions.

        ``pre`` [m, 2]: (run, source) of the spikes that arrive now; ``post`` [m, 2]: postsynaptic spikes of step k -
        back; ``read`` {state: [runs, n_post]} of the postsynaptic neurons at the end of step k - 1.
        """
        for name, value in read.items():
            self.past[name][1:] = self.past[name][:-1].clone()
            self.past[name][0] = value
        if self.late:
            self._post(k, k - 1, post)
            self._decay()
        else:
            self._decay()
            self._post(k, k, post)
        return self._pre(k, pre)

    def _decay(self):
        dt = torch.tensor(self.dt, dtype=torch.float64).to(**self.options)
        self.y = [rule.decay(x, y, dt)[1] for rule, x, y in zip(self.rules, self.no_x, self.y, strict=True)]

    def _watch(self, k):
        if k < self.p.back:
            return
        dt = torch.tensor(self.dt, dtype=torch.float64).to(**self.options)
        for r, rule in enumerate(self.rules):
            if rule.Reads._fields:
                u = rule.Reads(*(self.past[name][-1] for name in rule.Reads._fields))
                self.y[r] = rule.watch(self.y[r], u, dt)

    def _post(self, k, now, post):
        """Postsynaptic events: at the synapses of the neurons that act, then at the traces of those that fired."""
        self._watch(k)
        fired = torch.zeros(self.runs, self.q.n_post, dtype=torch.bool, device=post.device)
        fired[post[:, 0], post[:, 1]] = True
        acts = {r: self.rules[r].acts(self.y[r]) for r, t in enumerate(self.p.traced) if t.changes("on_post")}
        acts = {r: fired if a is None else a.expand_as(fired) for r, a in acts.items()}
        somewhere = torch.stack([torch.zeros_like(fired), *acts.values()]).any(0)
        if somewhere.any() and not self.frozen:
            at = self._rows(torch.nonzero(somewhere), self.first, self.column)[1]
            self.flow(now, at)
            for r, mask in acts.items():
                mine = mask[at[0], self.post_of[at[1]]]
                self._event(self.rules[r].on_post, r, (at[0][mine], at[1][mine]), self.pre_traces(r, now))
        for r, rule in enumerate(self.rules):
            new = rule.spike(self.no_x[r], self.y[r])[1]
            self.y[r] = type(new)(*(torch.where(fired, a, b) for a, b in zip(new, self.y[r], strict=True)))

    def _pre(self, k, pre):
        """Presynaptic events, one after the other where a source fired more than once in its step."""
        run, target, amount, order = [], [], [], []
        _, twins = torch.unique_consecutive(pre, dim=0, return_counts=True)
        nth = torch.cat([torch.arange(int(c), device=pre.device) for c in twins]) if len(twins) else pre[:, 0]
        for turn in range(int(nth.max()) + 1 if len(nth) else 0):
            chosen = torch.nonzero(nth == turn).ravel()
            now = pre[chosen]
            which, at = self._rows(now, self.indptr, None)
            x = [self.pre_traces(r, k) for r in range(len(self.rules))]
            sent = self._send(k, at, x)
            for r, rule in enumerate(self.rules):
                new = rule.spike(x[r], self.no_y[r])[0]
                for old, value in zip(self.x[r], new, strict=True):
                    old[now[:, 0], now[:, 1]] = value.expand_as(old)[now[:, 0], now[:, 1]]
            self.x_at[now[:, 0], now[:, 1]] = k
            run.append(at[0]), target.append(self.post_of[at[1]]), amount.append(sent), order.append(chosen[which])
        if not run:
            return pre[:0, 0], pre[:0, 0], self.w[:0, 0]
        sequence = torch.argsort(torch.cat(order), stable=True)
        return tuple(torch.cat(part)[sequence] for part in (run, target, amount))

    def _send(self, k, at, x):
        """Let the spikes act on the synapses ``at``; what they transmit."""
        self.flow(k, at)
        if not self.frozen:
            for r, rule in enumerate(self.rules):
                self._event(rule.on_pre, r, at, x[r])
        amount = self.w[at]
        for r, rule in enumerate(self.rules):
            amount = rule.transmit(amount, self._at_pre(x[r], at))
        return amount

    def _event(self, change, r, at, x):
        y = type(self.y[r])(*(v[at[0], self.post_of[at[1]]] for v in self.y[r]))
        self.put(r, change(self.synapse(r, at), self._at_pre(x, at), y, self.modulation(at)), at)

    def _at_pre(self, x, at):
        return type(x)(*(v[at[0], self.pre_of[at[1]]] for v in x))

    def _rows(self, pairs, first, column):
        """``(which, (run, synapse))`` of all synapses of the pairs (run, neuron); ``which``: the pair of each."""
        start, count = first[pairs[:, 1]], first[pairs[:, 1] + 1] - first[pairs[:, 1]]
        which = torch.repeat_interleave(torch.arange(len(pairs), device=pairs.device), count)
        place = torch.arange(len(which), device=pairs.device) - (count.cumsum(0) - count)[which] + start[which]
        return which, (pairs[which, 0], place if column is None else column[place])
