"""Documentation and parameters of every rule of the catalogue; a new one is tested at once."""
import ast
import dataclasses
import importlib
import inspect
import re
from pathlib import Path
from typing import Annotated, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from rule_values import RULES, every_rule, of

import snn.plasticity
from snn.errors import ModelError
from snn.rule import SynapticRule

BASE = {"ms", "s", "mV", "pA", "nS", "pF", "Hz"}
PARTS = (r"Formula", r"(Shapes and units|Units)", r"Errors:", r"Source:", r"Example:")
ROOT = Path(__file__).resolve().parents[2]


def test_catalogue_lists_every_rule_once():
    names = snn.plasticity.__all__
    assert names == sorted(set(names))
    bases = {base.__name__ for R in RULES for base in R.__mro__}
    for module in sorted(f.stem for f in (ROOT / "plasticity").glob("*.py")):
        inside = vars(importlib.import_module(f"snn.plasticity.{module}")).items()
        own = {name for name, value in inside if isinstance(value, type) and issubclass(value, SynapticRule)
               and value.__module__ == f"snn.plasticity.{module}"}
        assert own <= {*names, *bases}, module


@of(RULES)
def test_has_a_test_file(Rule):
    module = Rule.__module__.removeprefix("snn.plasticity.")
    assert (ROOT / "tests" / "plasticity" / f"test_{module}.py").is_file()


@of(RULES)
def test_docstring_has_all_parts_in_order(Rule):
    text = inspect.getdoc(Rule)
    found = [re.search(rf"^{part}", text, flags=re.M) for part in PARTS]
    assert None not in found and [m.start() for m in found] == sorted(m.start() for m in found)
    assert len(text.split("\n\n")[0]) > 30


@of(RULES)
def test_examples_of_the_docstring_run(Rule):
    examples = re.findall(r"``(.+?)``", inspect.getdoc(Rule).split("Example:")[1], flags=re.S)
    # Of a line like net.connect(..., plasticity=[PairSTDP(), ...]) the rules alone are made.
    calls = [node for code in examples for node in ast.walk(ast.parse(f"f({code})")) if isinstance(node, ast.Call)]
    texts = [ast.unparse(node) for node in calls]
    made = [eval(code, vars(snn.plasticity)) for code in texts if re.match(r"\w+", code)[0] in snn.plasticity.__all__]
    assert any(type(rule) is Rule for rule in made)


def is_unit(text):
    """Whether a text is made of the units of this library, as in 1/(Hz^2 s)."""
    return bool(re.fullmatch(r"[A-Za-z12^/() ]+", text)) and set(re.findall(r"[A-Za-z]+", text)) <= BASE


@every_rule
def test_fields_have_unit_and_meaning(Rule):
    for f in dataclasses.fields(Rule):
        assert is_unit(f.metadata["unit"]) and len(f.metadata["doc"]) > 3, f.name
        assert f.kw_only and isinstance(f.default, float | int), f.name


@every_rule
@pytest.mark.parametrize("kind", ["Pre", "Post", "Synapse", "Reads"])
def test_traces_are_annotated_with_units(Rule, kind):
    names = getattr(Rule, kind)
    hints = get_type_hints(names, include_extras=True)
    for name in names._fields:
        assert get_origin(hints[name]) is Annotated and is_unit(Rule.units(names)[name]), name
    assert Rule.Synapse._fields[0] == "w"


# Parameters


@every_rule
def test_frozen_and_equal_by_value(Rule):
    rule, first = Rule(), dataclasses.fields(Rule)[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(rule, first.name, 1.0)
    assert rule == Rule()
    assert rule != dataclasses.replace(rule, **{first.name: getattr(rule, first.name) * 0.99 + 1e-6})
    as_tensor = torch.tensor(getattr(rule, first.name), dtype=torch.float64)
    assert rule == dataclasses.replace(rule, **{first.name: as_tensor})


@every_rule
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.ones((2, 2)), np.ones(3), "much", None])
def test_impossible_values_are_refused_by_name(Rule, bad):
    for f in dataclasses.fields(Rule):
        with pytest.raises(ModelError, match=rf"^{Rule.__name__}\.{f.name}: "):
            Rule(**{f.name: bad})


@every_rule
def test_domains_are_guarded(Rule):
    for f in dataclasses.fields(Rule):
        bounds = f.metadata["bounds"]
        outside = {"above": 0.0, "at_least": -1.0, "below": 0.0, "at_most": 1.0}
        for name, bound in bounds.items():
            if bound is not None:
                says = rf"^{Rule.__name__}\.{f.name}: is .* must be {name.replace('_', ' ')}"
                with pytest.raises(ModelError, match=says):
                    Rule(**{f.name: float(bound) + outside[name]})
        if f.metadata["unit"] == "ms":
            assert (bounds["above"], bounds["at_least"]) != (None, None), f"{f.name} has no lower bound"


@of([R for R in RULES if None not in R().bounds()])
def test_bounds_in_the_wrong_order_are_refused(Rule):
    low, high = Rule().bounds()
    with pytest.raises(ModelError, match=rf"^{Rule.__name__}\.w_min: is .* not below w_max"):
        Rule(w_min=low, w_max=low)
    with pytest.raises(ModelError, match=rf"^{Rule.__name__}\.w_m"):
        Rule(w_min=high, w_max=low)
