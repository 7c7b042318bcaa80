from itertools import pairwise

import pytest

from liveness.engine.reel import Reel, spread


def _reel(count: int) -> Reel[int]:
    reel: Reel[int] = Reel()
    for number in range(count):
        reel.add(number)
    return reel


def test_few_frames_are_all_kept() -> None:
    assert _reel(0).pick(8) == []
    assert _reel(1).pick(8) == [0]
    assert _reel(8).pick(8) == list(range(8))


@pytest.mark.parametrize("count", [9, 17, 33, 100, 240])
def test_many_frames_are_kept_evenly_from_the_first_to_the_last(count: int) -> None:
    kept = _reel(count).pick(8)
    gaps = [after - before for before, after in pairwise(kept)]
    assert (len(kept), kept[0], kept[-1]) == (8, 0, count - 1)
    assert max(gaps) <= 3 * min(gaps) + 1 <= count


def test_memory_does_not_grow_with_the_attempt() -> None:
    assert len(_reel(10_000).pick(1000)) <= 17


def test_a_spread_takes_the_ends() -> None:
    assert spread(range(100), 2) == [0, 99]
