"""Published analyses of recorded activity, on simulated networks whose truth is known."""
