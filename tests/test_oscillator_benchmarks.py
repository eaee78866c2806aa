"""The benchmark of oscillators: its sides compute the same, and what it refuses."""
import numpy as np
import pytest

import snn
from benchmarks.oscillators import command, hysteresis, peers, schemes, speed


@pytest.mark.parametrize("k", [None, 10])
def test_all_sides_compute_the_same(k):
    off = speed.check(speed.sides(k, None), peers.problem(60, k))
    assert {name for name, _ in off} == {"snn", "numpy", "torch", "numba", *(["scipy"] if k else [])}
    assert off["snn", "float64"] == 0.0


def test_a_side_that_is_off_has_no_figures():
    class Wrong(peers.Numpy):
        def run(self, steps):
            super().run(steps - 1)

    with pytest.raises(RuntimeError, match="numpy float64 is off by"):
        speed.check({("numpy", "float64"): lambda p: Wrong(p, "float64")}, peers.problem(60))


def test_rows_have_medians_in_units_of_couplings():
    sides = {("snn", "float64"): lambda p: peers.Snn(p, snn.EventDriven(threads=1)),
             ("numpy", "float64"): lambda p: peers.Numpy(p, "float64")}
    found = list(speed.rows("sparse", peers.problem(60, 10), sides, 1, dict.fromkeys(sides, 0.0)))
    assert [row["side"] for row in found] == ["snn", "numpy"] and found[0]["times"] == 1.0
    assert all(row["ns"] > 0.0 and row["per"] == "coupling" for row in found)


def test_the_schemes_that_hold_the_field_are_of_first_order():
    rng = np.random.default_rng(1)
    omega, start = rng.normal(1.0, 0.6, 50), rng.uniform(0.0, 6.0, 50)
    truth = schemes.phases(schemes.KuramotoRK4, omega, start, 0.002)
    for name, Model in schemes.SCHEMES.items():
        off = [np.abs(np.angle(np.exp(1j * (schemes.phases(Model, omega, start, dt) - truth)))).max()
               for dt in (0.04, 0.02)]
        assert off[0] / off[1] == pytest.approx(2.0 if "held" in name else 4.0, rel=0.2), name


def test_where_a_curve_passes_the_level():
    assert hysteresis.passes(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.1, 0.5])) == pytest.approx(2.5)
    assert np.isnan(hysteresis.passes(np.array([1.0, 2.0]), np.array([0.0, 0.1])))


def test_refuses_unknown_parts():
    with pytest.raises(ValueError, match="oscillators.part: there is no part 'oder'"):
        command.chosen_parts("order,oder", command.PARTS, "oscillators")
