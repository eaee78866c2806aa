"""Documentation and parameters of every entry of the catalogue; a new one is tested at once."""
import dataclasses
import inspect
import re
from typing import Annotated, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from neuron_runs import ENTRIES, every_model, of

import snn
import snn.neurons
from snn.errors import ModelError

UNITS = {"1", "ms", "mV", "pA", "nS", "pF", "Hz", "1/ms", "mV/ms", "Hz/mV", "1/mV", "rad", "rad/ms", "rad/sqrt(ms)"}


@of(ENTRIES)
def test_docstring_has_all_parts_in_order(Model):
    text = inspect.getdoc(Model)
    places = [text.find(f"\n{part}") for part in ("Formula", "Shapes and units", "Errors:", "Source:", "Example:")]
    assert -1 not in places and places == sorted(places)
    assert len(text.split("\n\n")[0]) > 30


@of(ENTRIES)
def test_examples_of_the_docstring_run(Model):
    examples = re.findall(r"``(\w+(?:\.\w+)?\(.*?\))``", inspect.getdoc(Model).split("Example:")[1], flags=re.S)
    assert examples
    for code in examples:
        assert isinstance(eval(code, {**vars(snn.neurons), "snn": snn}), Model)


@every_model
def test_fields_have_unit_and_meaning(Model):
    for f in dataclasses.fields(Model):
        assert f.metadata["unit"] in UNITS and len(f.metadata["doc"]) > 3, f.name
        assert f.kw_only and isinstance(f.default, float), f.name


@every_model
@pytest.mark.parametrize("kind", ["State", "Ports"])
def test_states_and_ports_are_annotated_with_units(Model, kind):
    names = getattr(Model, kind)
    hints = get_type_hints(names, include_extras=True)
    assert names._fields
    for name in names._fields:
        assert get_origin(hints[name]) is Annotated, name
        assert Model.units(names)[name] in UNITS, name
        assert f"``{name}``" in inspect.getdoc(Model), name


# Parameters


@every_model
def test_frozen_and_equal_by_value(Model):
    model, first = Model(), dataclasses.fields(Model)[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(model, first.name, 1.0)
    assert model == Model()
    assert model != dataclasses.replace(model, **{first.name: getattr(model, first.name) * 1.01})
    as_tensor = torch.tensor(getattr(model, first.name), dtype=torch.float64)
    assert model == dataclasses.replace(model, **{first.name: as_tensor})


@every_model
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.ones((2, 2)), "much", None])
def test_impossible_values_are_refused_by_name(Model, bad):
    for f in dataclasses.fields(Model):
        with pytest.raises(ModelError, match=rf"{Model.__name__}\.{f.name}: "):
            Model(**{f.name: bad})


@every_model
def test_domains_are_guarded(Model):
    for f in dataclasses.fields(Model):
        low = f.metadata["bounds"]["above"], f.metadata["bounds"]["at_least"]
        if low[0] is not None:
            with pytest.raises(ModelError, match=rf"{Model.__name__}\.{f.name}: is .* must be above"):
                Model(**{f.name: float(low[0])})
        if low[1] is not None:
            with pytest.raises(ModelError, match=rf"{Model.__name__}\.{f.name}: is .* must be at least"):
                Model(**{f.name: np.array([f.default, low[1] - 1.0])})
        if f.metadata["unit"] in ("ms", "pF", "nS") and f.name != "a":
            assert low != (None, None), f"{f.name} has no lower bound"


@every_model
def test_wrong_number_of_values_is_refused(Model):
    for f in dataclasses.fields(Model):
        with pytest.raises(ModelError, match=rf"{Model.__name__}\.{f.name}: has 3 values for 4 neurons"):
            Model(**{f.name: np.full(3, f.default)}).bind(4, torch.float64)


@every_model
def test_binding_keeps_double_precision_and_the_graph(Model):
    for f in dataclasses.fields(Model):
        assert getattr(Model(**{f.name: f.default + 1e-9}).bind(2, torch.float64), f.name).item() == f.default + 1e-9
        leaf = torch.nn.Parameter(torch.full((2,), f.default))
        assert getattr(Model(**{f.name: leaf}).bind(2, torch.float64), f.name).requires_grad
