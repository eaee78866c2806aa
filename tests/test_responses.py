"""The pictures of the catalogue: a step of input, and the size at which a model answers it."""
import sys

import numpy as np
import pytest

from snn.neurons import LIF, Kuramoto, LeakyReadout, PoissonSource


@pytest.fixture
def responses(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "docs"))
    monkeypatch.delitem(sys.modules, "responses", raising=False)
    import responses
    return responses


def test_the_smallest_step_that_is_answered(responses):
    port, size, times, v, spikes = responses.response(LIF)
    assert port == "current" and len(spikes) >= 5 and times[-1] == pytest.approx(175.0)
    weaker = responses.run(LIF, port, [responses.SIZES[list(responses.SIZES).index(size) - 1]])[2]
    assert len(weaker.times) < 5
    assert ((spikes > 25.0) & (spikes < 126.0)).all() and v[times < 25.0] == pytest.approx(LIF().E_L)


def test_models_that_fire_alone_and_that_never_fire(responses):
    port, _, _, theta, spikes = responses.response(Kuramoto)
    assert port == "drive" and len(spikes) >= 6 and np.ptp(theta) > 6.0
    port, _, _, y, spikes = responses.response(LeakyReadout)
    assert port == "delta" and len(spikes) == 0 and np.abs(y).max() >= 1.0


def test_pictures_are_drawn_and_shown(responses, tmp_path):
    import make_catalogue
    responses.draw(PoissonSource, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert make_catalogue.picture(LIF, tmp_path) == f"![Response of LIF to a step of input]({tmp_path.name}/LIF.png)"
    assert (tmp_path / "LIF.png").exists() and make_catalogue.picture(LIF, None) == ""
