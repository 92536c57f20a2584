"""How good generated samples are."""
