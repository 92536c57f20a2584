"""The contracts: what a layer, a loss, an optimizer, a learner and a trainer are."""
