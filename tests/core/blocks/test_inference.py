import numpy as np
import pytest

from neuralzoo.core.blocks.inference import predict_in_batches


@pytest.mark.parametrize("rows", [1, 3, 7, 8])
def test_predictions_in_batches_are_those_of_all_examples_at_once(rows):
    x = np.arange(2.0 * rows).reshape(rows, 2)
    sizes = []

    def double(batch):
        sizes.append(len(batch))
        return 2 * batch

    np.testing.assert_array_equal(predict_in_batches(double, x, 3), 2 * x)
    assert max(sizes) <= 3
    assert sum(sizes) == rows


def test_a_tuple_of_inputs_is_split_into_tuples():
    x, lengths = np.ones((5, 4)), np.arange(5)
    outputs = predict_in_batches(lambda batch: batch[0].sum(axis=1) * batch[1], (x, lengths), 2)
    np.testing.assert_array_equal(outputs, 4 * lengths)
