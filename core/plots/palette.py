"""The palette of all figures: every colour by its role."""

INK = "#1d2430"  # text, outlines, a single curve
MUTED = "#9aa5b4"  # context: baselines, zero lines, the classes beside the true one
NEUTRAL = "#7a8ba3"  # the reference that something is compared with: real data, the training split, plain bars
HIGHLIGHT = "#c2410c"  # the subject of a figure: the true class, the prompt, generated samples, the validation split
CONTRAST = "#0f766e"  # beside the highlight, where two things of equal rank overlap
MISSING = "#dbe4ee"  # pixels without a value (NaN)

SERIES = (HIGHLIGHT, "#1d4ed8", "#15803d", "#7e22ce", "#0e7490", "#a16207", "#be185d", "#4d7c0f")
"""Curves of one plot, in order."""

RUNS = (
    "#17a8bd",
    "#9b59d0",
    "#e668b3",
    "#2e9e4f",
    "#5b5bd6",
    "#f0801a",
    "#8a9a1f",
    "#9c6644",
    "#e23b3b",
    "#0f8f7c",
    "#2f7ed8",
    "#d4a017",
)
"""Runs and curves of architectures, readable on white and on black."""
PARENT_RUN = "#808894"

TEXT_PLACEHOLDER = "#010203"
"""In an SVG within a page: replaced by the page's own colour of text, light or dark."""

DIVERGING, SEQUENTIAL, IMAGES, OPENNESS = "RdBu_r", "Greys", "gray_r", "Greens"
"""Colour maps: of signed values, of values from 0 up, of images in which 1 is black, of gates from 0 to 1."""
