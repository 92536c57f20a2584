"""Work on long vectors shared among threads."""

import os
import threading

import numpy as np
import pytest

from neuralzoo.core.kernels import threads


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch):
    """Set how many threads there may be."""

    def allow(count: int) -> None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", str(count))
        threads.count.cache_clear()
        threads._pool.cache_clear()

    yield allow
    monkeypatch.undo()
    threads.count.cache_clear()
    threads._pool.cache_clear()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("size", [0, 1, threads.LONG - 1, threads.LONG, threads.LONG + 1])
def test_every_number_is_worked_on_once(allowed, count: int, size: int) -> None:
    allowed(count)
    seen = np.zeros(size, np.int8)
    who = set()

    def work(part: slice) -> None:
        seen[part] += 1
        who.add((part.start, threading.get_ident()))

    threads.share(work, size)
    assert (seen == 1).all()
    assert len(who) == (count if size >= threads.LONG else 1)
    assert len({ident for _, ident in who}) > 1 or len(who) == 1


def test_an_error_in_another_thread_is_raised_here(allowed) -> None:
    allowed(2)

    def work(part: slice) -> None:
        if part.start:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        threads.share(work, threads.LONG)


def test_the_environment_says_how_many(allowed, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed(3)
    assert threads.count() == 3
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    threads.count.cache_clear()
    assert threads.count() >= 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_fork_has_threads_of_its_own(allowed) -> None:
    allowed(2)
    threads.share(lambda part: None, threads.LONG)
    child = os.fork()
    if child == 0:
        seen = np.zeros(threads.LONG, np.int8)
        threads.share(lambda part: seen[part].fill(1), len(seen))
        os._exit(0 if seen.all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
