"""The field's words: what stands in `.ci/words.toml` does not come back."""

import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md")
FOLDERS = ("core", "registry", "plugins", "experiments", "tests")


def old_words(text: str, suffix: str, words: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield each old word in a source or page, with its line and the field's word."""
    wanted = re.compile("|".join(f"(?:{word})" for word in words["words"]), re.IGNORECASE)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline) if suffix == ".py" else ()
    for token in tokens:
        if token.type == tokenize.NAME and token.string in words["names"]:
            yield f"{token.start[0]}: {token.string} is {words['names'][token.string]}"
    for number, line in enumerate(text.splitlines(), 1):
        for found in wanted.finditer(line.replace("_", " ")):
            word = next(w for w in words["words"] if re.fullmatch(w, found[0], re.IGNORECASE))
            yield f"{number}: {found[0]!r} is {words['words'][word]}"


def pages(root: Path) -> list[Path]:
    """Return every page and source that people read, except this list's own test."""
    sources = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
    return [root / page for page in PAGES] + [path for path in sources if path.name != Path(__file__).name]


WORDS = tomllib.loads((ROOT / ".ci" / "words.toml").read_text(encoding="utf-8"))


def test_old_words_do_not_come_back():
    found = {
        str(path.relative_to(ROOT)): list(old_words(path.read_text(encoding="utf-8"), path.suffix, WORDS))
        for path in pages(ROOT)
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("class DataSet: ...", 1),
        ("x = 1  # a data set", 1),
        ("def test_the_next_chord_is_foretold(): ...", 1),
        ('"""Max pooling of a dataset."""', 0),
    ],
)
def test_old_words_are_found_in_names_and_in_prose(text, count):
    assert len(list(old_words(text, ".py", WORDS))) == count
