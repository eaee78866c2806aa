"""Cost of a neuron update, model by model, beside Brian2's standalone programs for the same map."""
