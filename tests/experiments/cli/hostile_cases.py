"""Settings, command lines and calls that are wrong in some way, drawn with a seed."""

import dataclasses
import random
from collections.abc import Iterator

ESCAPE = "\x1b[31m"
LONG = "9" * 5000

NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "+nan",
    "-1",
    "-0.0",
    "0",
    "1",
    "2",
    "3",
    "0.5",
    "1.5",
    "7",
    "64",
    "1e2",
    "1e30",
    "1e308",
    "1e400",
    "1e-320",
    "0x10",
    "0b1",
    "1_0",
    "00",
    "+1",
    ".5",
    "5.",
    "-9223372036854775809",
    "4294967296",
    "1000000000000",
    "18446744073709551616",
]
TEXTS = [
    "true",
    "false",
    "none",
    "None",
    "null",
    '""',
    "''",
    " ",
    "relu",
    "adam",
    "1979-05-27",
    "07:32:00",
    "ünïcödé",
    "日本",
    "\u202eabc",
    f"{ESCAPE}red",
    f'"{ESCAPE}"',
    '"\\u001b[2J"',
    "a" * 3000,
    "x=y",
    "a.b=c",
    "1\n2",
    "\t",
    "\\",
    "../../x",
    "fnn",
    "neuralzoo:fnn",
    "no:fnn",
    LONG,
    f"-{LONG}",
    f"[{LONG}]",
    f"1e{LONG}",
]
LISTS = [
    "[]",
    "[0]",
    "[-1]",
    "[1]",
    "[4, 4]",
    "[1.5]",
    "[nan]",
    "[true]",
    "[[1]]",
    '["x"]',
    "[1, 2, 3, 4, 5, 6, 7, 8]",
    "[1000000000000]",
    "[100000, 100000, 100000]",
    "{}",
    "{a = 1}",
    "{name = 'x'}",
    "{hidden = [4]}",
    "[{}]",
    "[",
    "[" * 900 + "]" * 900,
    "{a=" * 900 + "1" + "}" * 900,
]
VALUES = NUMBERS + TEXTS + LISTS
WORDS = [
    "",
    " ",
    "nope",
    "fn",
    "FNN",
    "fnn ",
    "neuralzoo:fnn",
    "neuralzoo:nope",
    "other:fnn",
    ":",
    "::",
    "fnn:",
    ":fnn",
    "*",
    "[",
    "[a-",
    "?",
    "../fnn",
    "/",
    ".",
    "..",
    "-",
    "--",
    "a" * 300,
    "a/b",
    "ünï",
    "日本",
    f"{ESCAPE}x",
    "fnn\n",
    "a b",
    "nope.toml",
    "folder.toml",
    "/nope/nope.toml",
    "deep.toml",
    "binary.toml",
    "empty.toml",
    "number.toml",
    "mixed.toml",
    "closed.toml",
    "last",
    "result.json",
    "con",
    "%s",
    "{}",
    "class",
    "1",
    "None",
]
ENVIRONMENT = {
    "NEURALZOO_BLOCK": ["fnn", "neuralzoo:fnn", ",,,", "*", "a" * 3000, ESCAPE, "modular,fnn"],
    "NEURALZOO_STRICT": ["1", "0", "nope"],
    "NEURALZOO_KERNELS": ["numpy", "nope", "", ESCAPE, "NUMPY"],
    "NEURALZOO_DATA_MIRROR": ["/nope", "/dev/null", "\x7f", "~unknown", "a" * 300],
    "NEURALZOO_DATA_DIR": ["/dev/null", "/nope", "a" * 300],
    "COLUMNS": ["0", "-1", "1", "x", "100000"],
    "LINES": ["0", "x"],
    "TERM": ["dumb", "", "x"],
    "NO_COLOR": ["1"],
    "FORCE_COLOR": ["1"],
    "HOME": ["/nope", ""],
    "TMPDIR": ["/nope"],
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A command line, or a call in Python, with its environment."""

    words: tuple[str, ...] = ()
    call: str = ""
    environment: tuple[tuple[str, str], ...] = ()


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield cases, the same for the same seed."""
    rng = random.Random(seed)
    kinds = [run_with_settings] * 10 + [run_with_options, file_of_settings, compare, other_command, python_call] * 2
    for _ in range(count):
        case = rng.choice(kinds)(rng)
        if rng.random() < 0.1:
            key = rng.choice(list(ENVIRONMENT))
            case = dataclasses.replace(case, environment=((key, rng.choice(ENVIRONMENT[key])),))
        yield case


def run_with_settings(rng: random.Random) -> Case:
    """One to three settings of an architecture, mostly ones that it has."""
    name, dataset = rng.choice(subjects())
    settings = [assignment(rng, name, dataset) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    return Case(("run", name, "--no-track", *base(dataset), *(w for s in settings for w in ("--set", s))))


def assignment(rng: random.Random, name: str, dataset: str) -> str:
    """A setting and a value; the value often of the right type."""
    from neuralzoo.experiments import datasets
    from neuralzoo.registry import get
    from neuralzoo.registry.experiment import OPTIMIZERS, SCHEDULES, Experiment

    groups: dict[str, list[str]] = {
        "model.": list(get(name).config.model_fields),
        "optimizer.": [key for kind in OPTIMIZERS.values() for key in kind.model_fields],
        "optimizer.schedule.": [key for kind in SCHEDULES.values() for key in kind.model_fields],
        "": list(Experiment.model_fields),
        "data.": [*datasets.entry(dataset).options, "nope", "train"],
    }
    group = rng.choice(["model."] * 4 + list(groups))
    key = group + rng.choice(groups[group])
    if rng.random() < 0.05:
        key = rng.choice(
            [f"{key}s", key.upper(), f"{key}.x", f".{key}", f"{key}.", "", "a" * 500, ESCAPE, "model", "seed.x"]
        )
    return f"{key}={rng.choice(VALUES if rng.random() < 0.5 else NUMBERS)}" if rng.random() < 0.98 else key


def run_with_options(rng: random.Random) -> Case:
    """Options of `run` beside settings."""
    name, dataset = rng.choice(subjects())
    option = rng.choice(["--seed", "--profile", "--hook", "--resume", "--runs", "--tracking-uri", "--nope"])
    start = (rng.choice([name, name, rng.choice(WORDS)]), "--no-track") if option != "--resume" else ()
    return Case(("run", *start, *(base(dataset) if start else ()), option, rng.choice(WORDS + NUMBERS)))


def file_of_settings(rng: random.Random) -> Case:
    """A file whose text was damaged at one place."""
    name, dataset = rng.choice(subjects())
    return Case(("run", f"damaged:{name}:{dataset}:{rng.randrange(1 << 30)}.toml", "--no-track"))


def compare(rng: random.Random) -> Case:
    """Candidates with labels, settings and options that may be wrong."""
    candidates = [
        rng.choice(["fnn", "cnn", "rbfn", "linear: fnn model.hidden=[]", *WORDS]) for _ in range(rng.choice((1, 2)))
    ]
    if rng.random() < 0.5:
        candidates[0] = (
            f"{rng.choice(['x', 'x: fnn', ' : fnn', 'X', ESCAPE])}: fnn {assignment(rng, 'fnn', 'two-spirals')}"
        )
    options = rng.choice(
        [
            ("--seeds", rng.choice(NUMBERS)),
            ("--match", rng.choice(["steps", "parameters", "nope", "time"])),
            ("--set", assignment(rng, "fnn", "two-spirals")),
            ("--profile", rng.choice(WORDS)),
            ("--out", rng.choice(WORDS)),
            ("--page", rng.choice(WORDS)),
            ("--arena",),
            ("--write",),
            (),
        ]
    )
    if options == ("--arena",):
        options = ("--arena", "--seeds", "0")
    seeds = () if "--seeds" in options or "--page" in options else ("--seeds", "1")
    return Case(
        (
            "compare",
            *candidates,
            "--dataset",
            rng.choice(["two-spirals", "two-spirals", *WORDS]),
            "--no-track",
            "--set",
            "epochs=1",
            *seeds,
            *options,
        )
    )


def other_command(rng: random.Random) -> Case:
    """Another command with words and options that may be wrong."""
    word = rng.choice(WORDS)
    return Case(
        rng.choice(
            [
                ("list", word),
                ("list", "--task", word),
                ("list", "--input", word),
                ("list", "--json", word),
                ("show", word),
                ("show", "fnn", "--profile", word),
                ("show", rng.choice(subjects())[0]),
                ("show", word, "--toml"),
                ("show", rng.choice(subjects())[0], "--json"),
                ("show", rng.choice(subjects())[0], "--toml"),
                ("datasets", word),
                ("datasets", word, "--json"),
                ("prove", word, "--no-track"),
                ("prove", "fnn", "--claim", word, "--no-track"),
                ("prove", "fnn", "--profile", word, "--no-track"),
                ("prove", "fnn", "--no-track", "--seeds", rng.choice(["0", "-1", "x"])),
                ("results", "--rekey", word),
                ("new", word),
                ("new", "abc", "--task", word),
                ("check", word),
                (word,),
                (word, word),
                ("bench", "--json", word, "--nope"),
                ("--debug",),
                ("--version", word),
                ("doctor", word),
                ("ui", "--port", word),
                ("run",),
                ("compare",),
                ("run", "fnn", "--set"),
            ]
        )
    )


def python_call(rng: random.Random) -> Case:
    """A call of a public function with arguments that may be wrong."""
    name = rng.choice(subjects())[0]
    thing = rng.choice(
        [
            "None",
            "-1",
            "0",
            "1.5",
            "True",
            "float('nan')",
            "'x'",
            "[]",
            "()",
            "(0,)",
            "(-1, 2)",
            "(2,)",
            "(28, 28)",
            "(8, 8, 1)",
            "(30,)",
            "(10**12,)",
            "10**12",
            "10**30",
            "b'x'",
            "{}",
            "object()",
            "'\\x1b[31m'",
        ]
    )
    return Case(
        call=rng.choice(
            [
                f"neuralzoo.create({name!r}, inputs={thing})",
                f"neuralzoo.create({name!r}, outputs={thing})",
                f"neuralzoo.create({name!r}, seed={thing})",
                f"neuralzoo.create({name!r}, task={thing})",
                f"neuralzoo.create({thing})",
                f"neuralzoo.get({thing})",
                f"neuralzoo.load_model({thing})",
                f"neuralzoo.run({thing}, track=False)",
                f"neuralzoo.run({name!r}, profile={thing}, track=False)",
                f"neuralzoo.run('quick.toml', track=False, root={thing})",
                f"neuralzoo.matching({thing})",
                f"neuralzoo.names({thing})",
                f"neuralzoo.Experiment.from_file({thing})",
                f"neuralzoo.load_model(neuralzoo.run('quick.toml', track=False, root={thing}))",
            ]
        )
    )


def subjects() -> list[tuple[str, str]]:
    """Return each architecture with a small dataset that it can do."""
    return [
        ("autoencoder", "fashion-mnist-5k"),
        ("capsnet", "mnist1d"),
        ("cnn", "mnist1d"),
        ("cnn", "fashion-mnist-5k"),
        ("fnn", "two-spirals"),
        ("fnn", "mackey-glass"),
        ("gan", "gaussian-ring"),
        ("gru", "japanese-vowels"),
        ("lstm", "jsb-chorales"),
        ("lstm", "names"),
        ("modular", "peterson-barney"),
        ("rbfn", "mackey-glass"),
        ("rbfn", "two-spirals"),
        ("rnn", "embedded-reber"),
        ("transformer", "delayed-xor-1"),
        ("transformer", "names"),
    ]


def base(dataset: str) -> tuple[str, ...]:
    """Return the settings of a short run on a dataset."""
    metric = (
        "test/loss"
        if dataset in ("mackey-glass", "names", "jsb-chorales", "fashion-mnist-5k", "gaussian-ring")
        else "test/accuracy"
    )
    return ("--set", f"dataset={dataset}", "--set", "data={}", "--set", f"primary_metric={metric}", "--set", "epochs=1")
