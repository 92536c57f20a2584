"""Numbers as people read them."""


def rounded(value: float, places: int = 4) -> str:
    """Return a measure with so many places, or with three digits where these would leave one of it or none."""
    return f"{value:.{places}f}" if abs(value) >= 10 ** (1 - places) or not value else f"{value:.3g}"
