"""Names and values in MLflow: what it refuses is adapted, once, and two of them stay two."""

import warnings

import pytest

from neuralzoo.experiments.tracking.names import NAME_LIMIT, AcceptedNames, NameWarning, accepted_name, shortened

ODD = [
    "top-1 (%)",
    "top-1 [%]",
    "a//b",
    "/a",
    "../a",
    "",
    ".",
    "a\n",
    "é/ü",
    "x" * 300,
    "x" * 299 + "y",
    "a\x1b[31m",
    "50%",
]


def test_every_name_is_accepted_by_mlflow():
    validation = pytest.importorskip("mlflow.utils.validation", reason="needs the extra 'experiments'")
    for name in ODD:
        accepted = accepted_name(name)
        validation._validate_metric_name(accepted)
        validation._validate_param_name(accepted)
        validation._validate_tag_name(accepted)
        assert 0 < len(accepted) <= NAME_LIMIT


def test_a_usual_name_stays_and_an_odd_one_is_reported_once():
    names = AcceptedNames()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names["test/accuracy"] == "test/accuracy"
    with pytest.warns(NameWarning, match=r"refuses the name 'top-1 \(%\)'; it is logged as 'top-1 ___'"):
        assert names["top-1 (%)"] == "top-1 ___"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names["top-1 (%)"] == "top-1 ___"


@pytest.mark.filterwarnings("ignore::neuralzoo.experiments.tracking.names.NameWarning")
def test_no_two_names_become_one():
    names = AcceptedNames()
    assert len({names[name] for name in ODD}) == len(ODD)
    assert all(len(names[name]) <= NAME_LIMIT for name in ODD)


def test_long_values_that_differ_at_their_end_stay_different():
    assert shortened("a" * 10, 10) == "a" * 10
    one, other = shortened("a" * 7000, 6000), shortened("a" * 7001, 6000)
    assert len(one) == len(other) == 6000
    assert one != other
