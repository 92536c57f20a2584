"""New plugin packages, and checking them."""
