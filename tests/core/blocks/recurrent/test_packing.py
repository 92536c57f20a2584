import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.packing import PackedSequences

LENGTHS = np.array([2, 4, 1, 4, 3])
X = np.arange(5 * 4 * 2).reshape(5, 4, 2) + 1.0  # no 0, the value of unpacked padding
INSIDE = np.arange(4) < LENGTHS[:, None]


def packed(packing, x=X):
    return packing.pack(x, np.empty((packing.total, *x.shape[2:]), x.dtype))


def unpacked(packing, rows):
    return packing.unpack(rows, np.full((*packing.shape, rows.shape[1]), np.nan))


def test_packed_rows_are_ordered_by_step_and_then_by_length():
    rows = packed(
        PackedSequences(5, 4, LENGTHS), np.array([list("ab.."), list("cdef"), list("g..."), list("hijk"), list("lmn.")])
    )
    assert "".join(rows) == "chlag" + "dimb" + "ejn" + "fk"


def test_packed_rows_have_no_padding():
    assert PackedSequences(5, 4, LENGTHS).total == LENGTHS.sum() == 14


@pytest.mark.parametrize("lengths", [None, np.full(5, 4), LENGTHS, np.full(5, 1), np.array([3, 3, 3, 3, 3])])
def test_unpacking_inverts_packing_with_zeros_in_the_padding(lengths):
    packing = PackedSequences(5, 4, lengths)
    inside = np.arange(4) < (np.full(5, 4) if lengths is None else lengths)[:, None]
    np.testing.assert_array_equal(unpacked(packing, packed(packing)), np.where(inside[:, :, None], X, 0))


def test_full_lengths_are_packed_as_no_lengths():
    one, other = PackedSequences(5, 4), PackedSequences(5, 4, np.full(5, 4))
    assert one.uniform_length
    assert other.uniform_length
    assert one.steps == other.steps
    np.testing.assert_array_equal(packed(one), packed(other))


def test_padding_is_never_read():
    x = np.where(INSIDE[:, :, None], X, np.nan)
    assert np.isfinite(packed(PackedSequences(5, 4, LENGTHS), x)).all()


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_each_step_has_the_slices_of_its_rows_and_of_the_states_before_and_after_it(lengths):
    packing = PackedSequences(5, 4, lengths)
    rows = packed(packing)[:, :1]
    states = np.concatenate([np.zeros((5, 1)), rows])
    for t, step in enumerate(packing.steps):
        active = 5 if lengths is None else int((t < LENGTHS).sum())
        assert len(rows[step.rows]) == len(states[step.before]) == len(states[step.after]) == active
        np.testing.assert_array_equal(states[step.after], rows[step.rows])
        # Neighbouring steps of X differ by 2, and before the first one is the initial state.
        np.testing.assert_array_equal(states[step.before], rows[step.rows] - 2 if t else np.zeros((active, 1)))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_the_states_before_all_rows_are_those_before_each_step(lengths):
    packing = PackedSequences(5, 4, lengths)
    states = np.random.default_rng(0).normal(size=(5 + packing.total, 3))
    needed = np.concatenate([states[step.before] for step in packing.steps])
    np.testing.assert_array_equal(packing.before(states), needed)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_reverse_reverses_each_sequence_within_its_length(lengths):
    packing, rows = PackedSequences(5, 4, lengths), packed(PackedSequences(5, 4, lengths))
    back = unpacked(packing, packing.reverse(rows, np.empty_like(rows)))
    for sequence, turned, length in zip(X, back, [4] * 5 if lengths is None else lengths, strict=True):
        np.testing.assert_array_equal(turned[:length], sequence[:length][::-1])
        assert not turned[length:].any()


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_reversing_twice_changes_nothing(lengths):
    packing, rows = PackedSequences(5, 4, lengths), packed(PackedSequences(5, 4, lengths))
    once = packing.reverse(rows, np.empty_like(rows))
    np.testing.assert_array_equal(packing.reverse(once, np.empty_like(rows)), rows)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_the_last_rows_are_those_at_the_ends_of_the_sequences(lengths):
    packing = PackedSequences(5, 4, lengths)
    ends = (np.full(5, 4) if lengths is None else lengths) - 1
    np.testing.assert_array_equal(packing.unsort(packing.last(packed(packing))), X[np.arange(5), ends])


def test_sorting_puts_the_longest_first_and_unsorting_undoes_it():
    packing = PackedSequences(5, 4, LENGTHS)
    np.testing.assert_array_equal(packing.sort_by_length(LENGTHS), [4, 4, 3, 2, 1])
    np.testing.assert_array_equal(packing.unsort(packing.sort_by_length(LENGTHS)), LENGTHS)


def test_sequences_of_equal_length_keep_their_order():
    np.testing.assert_array_equal(PackedSequences(5, 4, LENGTHS).sort_by_length(np.arange(5)), [1, 3, 4, 0, 2])


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_lengths_column_has_the_lengths_in_their_order(lengths):
    column = PackedSequences(5, 4, lengths).lengths_column(np.dtype(np.float32))
    assert column.dtype == np.float32
    np.testing.assert_array_equal(column[:, 0], 4 if lengths is None else lengths)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "uint64"])
def test_lengths_may_be_integers_of_any_width(dtype):
    steps = min(int(np.iinfo(dtype).max), 300)
    x = np.random.default_rng(0).normal(size=(3, steps, 1))
    lengths = np.array([steps, 2, steps - 1])
    one, other = PackedSequences(3, steps, lengths.astype(dtype)), PackedSequences(3, steps, lengths)
    rows = packed(one, x)
    np.testing.assert_array_equal(rows, packed(other, x))
    np.testing.assert_array_equal(one.reverse(rows, np.empty_like(rows)), other.reverse(rows, np.empty_like(rows)))


def test_lengths_may_be_a_list():
    np.testing.assert_array_equal(
        PackedSequences(5, 4, LENGTHS.tolist()).lengths, PackedSequences(5, 4, LENGTHS).lengths
    )


def test_lengths_are_copied():
    lengths = LENGTHS.copy()
    packing = PackedSequences(5, 4, lengths)
    lengths[:] = 1
    np.testing.assert_array_equal(packing.lengths_column(np.dtype(int))[:, 0], LENGTHS)


def test_no_sequences_are_packed_into_no_rows():
    packing, x = PackedSequences(0, 4), np.empty((0, 4, 2))
    assert packed(packing, x).shape == (0, 2)
    assert unpacked(packing, packed(packing, x)).shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([2, 0, 1], r"length 0 for sequence 1 of 3; it needs 1 to 4"),
        ([2, 4, 5], r"length 5 for sequence 2 of 3; it needs 1 to 4"),
        ([-1, 4, 5], r"length -1 for sequence 0 of 3; it needs 1 to 4"),
        ([2, 4], r"lengths of shape \(2,\) and dtype int64; it needs one integer for each of 3 sequences"),
        ([[2], [4], [1]], r"lengths of shape \(3, 1\) and dtype int64; it needs one integer .* 3 sequences"),
        ([2.0, 4.0, 1.0], r"lengths of shape \(3,\) and dtype float64; it needs one integer .* 3 sequences"),
        ([True, True, True], r"lengths of shape \(3,\) and dtype bool; it needs one integer .* 3 sequences"),
    ],
)
def test_wrong_lengths_are_refused_in_one_sentence(lengths, words):
    with pytest.raises(ValueError, match=f"^a batch got {words}$"):
        PackedSequences(3, 4, np.array(lengths))
