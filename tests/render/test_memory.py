"""What is kept, and what goes first."""

import numpy as np
import pytest

from seldsynth.render.memory import Memory


def kept(memory: Memory[int, np.ndarray]) -> list[int]:
    return [key for key in range(10) if memory.get(key) is not None]


def filled(memory: Memory[int, np.ndarray], count: int) -> Memory[int, np.ndarray]:
    for key in range(count):
        memory.put(key, np.zeros(100, np.uint8))
        assert memory.get(key) is not None
    return memory


def test_the_oldest_makes_room() -> None:
    assert kept(filled(Memory(350), 5)) == [2, 3, 4]


def test_in_a_circle_the_newest_makes_room() -> None:
    memory = Memory[int, np.ndarray](350, comes_round=True)
    found = 0
    for key in [*range(5)] * 3:
        found += memory.get(key) is not None
        if memory.get(key) is None:
            memory.put(key, np.zeros(100, np.uint8))
    assert kept(memory) == [0, 1, 4]
    assert found == 2 * 2


@pytest.mark.parametrize("comes_round", [True, False])
def test_the_last_one_stays_however_large(comes_round: bool) -> None:
    assert kept(filled(Memory(0, comes_round=comes_round), 4)) == [3]


def test_so_many_stay_however_large() -> None:
    assert kept(filled(Memory(0, least=3), 5)) == [2, 3, 4]


def test_bytes_are_counted_once() -> None:
    memory = filled(Memory[int, np.ndarray](350), 3)
    for _ in range(5):
        memory.put(1, np.zeros(100, np.uint8))
    assert kept(memory) == [0, 1, 2]
    memory.keep_only(lambda key: key == 2)
    assert kept(memory) == [2]
    memory.put(3, np.zeros(250, np.uint8))
    assert kept(memory) == [2, 3]
