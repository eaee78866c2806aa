"""The benchmark of units with company: its parts, its rows, its refusals."""
import argparse
import math

import pytest

from benchmarks import company


def options(*words):
    parser = argparse.ArgumentParser()
    company.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("part", ["whitening", "gain_control", "astrocyte"])
def test_rows(part):
    rows = list(company.PARTS[part](1, True))
    assert rows and all(math.isfinite(row["measured"]) and row["seeds"] == 1 for row in rows)
    exact = [row for row in rows if row["theory"] == 0.0 and "online" not in row["quantity"]]
    assert len(exact) == (3 if part == "whitening" else 0) and all(row["measured"] < 1e-10 for row in exact)


def test_draws_and_simulated_segments_agree_with_the_formula():
    """Six sampling errors: segments share the patterns that are shown to them."""
    rows = [row for row in company.dendrites(1, True) if row["theory"] is not None]
    assert len(rows) == 10
    for row in rows:
        trials = 20_000 if "draws" in row["setting"] else 2000
        assert abs(row["measured"] - row["theory"]) < 6.0 * math.sqrt(row["theory"] / trials) + 1e-4, row


def test_without_images_homeostasis_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("snn.datasets.local.places", lambda folder=None: (tmp_path,))
    assert "mnist" in next(company.homeostasis(1, True))["skipped"]


def test_command(capsys):
    assert company.main(options("--part", "gain_control", "--quick", "--json")) == 0
    assert '"preliminary": true' in capsys.readouterr().out
    with pytest.raises(ValueError, match="there is no part 'glia'"):
        company.main(options("--part", "glia"))
    with pytest.raises(ValueError, match="company.seeds: is 0"):
        company.main(options("--seeds", "0"))
