"""The room `tutelage.data`: the order of visits, and rows from an iterator."""

import itertools

import numpy as np
import pytest
from refusals import refused

from tutelage import data

# ---------------------------------------------------------------------------------------------- visits


def test_permutation_visits_each_sample_once_and_is_pure():
    orders = {}
    for seed, replica, epoch in itertools.product(range(3), repeat=3):
        order = data.permutation(100, seed, replica, epoch)
        assert order.dtype == np.int64
        assert sorted(order.tolist()) == list(range(100))
        np.testing.assert_array_equal(order, data.permutation(100, seed, replica, epoch))
        orders[order.tobytes()] = (seed, replica, epoch)
    assert len(orders) == 27  # all different
    stated = np.random.default_rng(np.random.SeedSequence(entropy=2, spawn_key=(5, 7, 1))).permutation(100)
    np.testing.assert_array_equal(data.permutation(100, seed=2, replica=5, epoch=7), stated)


def test_permutation_is_uniform():
    """Sample 0 stands in each of 6 places equally often: chi square with 5 degrees of freedom."""
    places = [int(np.argmin(data.permutation(6, seed=0, epoch=epoch))) for epoch in range(3000)]
    counts = np.bincount(places, minlength=6)
    assert ((counts - 500) ** 2 / 500).sum() < 20  # p = 0.001


@pytest.mark.parametrize("samples", [1, 2, 7, 11])
def test_indices_are_the_epochs_laid_end_to_end(samples):
    line = np.concatenate([data.permutation(samples, 9, 2, epoch) for epoch in range(30 // samples + 1)])
    for start, count in itertools.product(range(16), range(15)):
        block = data.indices(samples, start, count, seed=9, replica=2)
        assert block.dtype == np.int64
        np.testing.assert_array_equal(block, line[start : start + count])


@pytest.mark.parametrize("batch", [1, 3, 7, 20])
@pytest.mark.parametrize("start", [0, 6, 7, 15])
def test_epochs_yield_indices_and_continue_from_anywhere(batch, start):
    blocks = list(itertools.islice(data.epochs(7, batch, seed=1, replica=4, start=start), 12))
    assert all(block.shape == (batch,) for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), data.indices(7, start, 12 * batch, seed=1, replica=4))
    later = next(data.epochs(7, batch, seed=1, replica=4, start=start + 5 * batch))
    np.testing.assert_array_equal(later, blocks[5])
    blocks[0][:] = -1  # the blocks are the reader's own
    np.testing.assert_array_equal(next(data.epochs(7, batch, seed=1, replica=4, start=start + batch)), blocks[1])


def test_visits_refuse_bad_arguments_at_once():
    refused("`samples` must be an integer >= 1", data.permutation, 0, 0)
    refused("`epoch` must be an integer >= 0", data.permutation, 5, 0, 0, -1)
    refused("`replica`", data.permutation, 5, 0, 1.0)
    refused("`start`", data.indices, 5, -1, 3, 0)
    refused("`count`", data.indices, 5, 0, -3, 0)
    refused("`batch` must be an integer >= 1", data.epochs, 5, 0, seed=0)  # before the first block is asked for
    refused("`seed`", data.epochs, 5, seed=-1)


# ---------------------------------------------------------------------------------------------- RowReader


def pieces(x, sizes):
    """Yield the rows of `x` in blocks of `sizes`; size 0 means a single vector."""
    at = 0
    for size in sizes:
        yield x[at] if size == 0 else x[at : at + size]
        at += size or 1


def test_rows_come_in_order_whatever_the_blocks():
    x = np.random.default_rng(0).normal(size=(200, 3))
    rng = np.random.default_rng(1)
    for _ in range(20):
        reader = data.RowReader(pieces(x, rng.integers(0, 8, size=28)), 3)
        at = 0
        for count in [0, 1, 2, 9, 0, 5, 1, 1]:
            rows = reader.take(count)
            assert rows.shape == (count, 3)
            assert rows.dtype == np.float64
            np.testing.assert_array_equal(rows, x[at : at + count])
            at += count
            assert reader.taken == at


def test_reader_draws_no_more_than_it_needs():
    drawn = []
    reader = data.RowReader((drawn.append(i) or np.full((4, 2), i) for i in range(10)), 2)
    assert drawn == []
    for count, items in [(4, 1), (1, 2), (3, 2), (1, 3)]:
        reader.take(count)
        assert len(drawn) == items


def test_dry_iterator_says_how_many_it_gave_and_loses_nothing():
    x = np.arange(20.0).reshape(10, 2)
    reader = data.RowReader(iter(x), 2, name="inputs")
    reader.take(3)
    refused("`inputs` must last for the whole run: it gave 10 samples, but 14 were asked for", reader.take, 11)
    assert reader.taken == 3
    np.testing.assert_array_equal(reader.take(7), x[3:])
    refused("it gave 10 samples, but 11 were asked for", reader.take, 1)
    refused("it gave 0 samples, but 1 were asked for", data.RowReader([], 2).take, 1)


def test_a_bad_item_keeps_the_good_rows_before_it():
    reader = data.RowReader([[1, 2], [[3, 4], [5, 6]], [np.nan, 0], [7, 8]], 2)
    refused("must yield finite numbers, but item 3 contains NaN or infinity", reader.take, 4)
    assert reader.take(4).tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]


def test_a_reused_buffer_is_copied():
    def one_buffer():
        buffer = np.empty((3, 2))
        for i in range(4):
            buffer[:] = [[3 * i], [3 * i + 1], [3 * i + 2]]
            yield buffer

    reader = data.RowReader(one_buffer(), 2)
    assert np.concatenate([reader.take(n) for n in (2, 5, 4, 1)])[:, 0].tolist() == list(range(12))


def test_rows_that_wait_do_not_change_under_the_reader():
    block = np.ones((3, 2))
    reader = data.RowReader([block], 2)
    reader.take(1)
    block[:] = -1.0
    assert (reader.take(2) == 1).all()


def test_skip_leads_back_to_a_checkpoint():
    x = np.arange(60.0).reshape(30, 2)
    first = data.RowReader(pieces(x, [7, 0, 9, 13]), 2)
    first.take(11)
    again = data.RowReader(pieces(x, [7, 0, 9, 13]), 2)
    again.skip(first.taken)
    assert again.taken == 11
    np.testing.assert_array_equal(first.take(9), again.take(9))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (np.ones(4), "inputs of shape (3,) or blocks of shape (b, 3), but item 2 has shape (4,)"),
        (np.ones((3, 4)), "item 2 has shape (3, 4)"),
        (np.ones((0, 3)), "item 2 has shape (0, 3)"),
        (np.ones((1, 1, 3)), "item 2 has shape (1, 1, 3)"),
        (1.0, "item 2 has shape ()"),
        ("abc", "must yield real numbers, but item 2 is str 'abc'"),
        (np.ones(3) * 1j, "must yield real numbers, but item 2 is ndarray"),
        (None, "must yield real numbers"),
        ([[1.0, 2.0, 3.0], [1.0]], "must yield arrays"),
        ([np.inf, 0, 0], "finite"),
    ],
)
def test_reader_names_the_item_it_cannot_use(item, message):
    refused(message, data.RowReader([np.ones(3, np.float32), item], 3).take, 5)


def test_reader_refuses_bad_arguments():
    refused("must be an iterator of inputs, but is 3", data.RowReader, 3, 2)
    refused("must be an iterator of inputs", data.RowReader, np.array(1.0), 2)
    refused("`dim`", data.RowReader, [], 0)
    refused("`count`", data.RowReader([], 2).take, -1)
    with pytest.raises(ZeroDivisionError):  # the user's own errors pass through
        data.RowReader((np.ones(2) / (1 // i) for i in (0,)), 2).take(1)
