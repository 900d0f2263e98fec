import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.index import vectors as index_module
from tools.index.vectors import FrameIndex
from tools.observation import FULL_FRAME
from tools.sampling import TILES

DIM = 8


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def _axis(number: int) -> np.ndarray:
    return np.eye(DIM, dtype=np.float32)[number]


def _index(vectors: np.ndarray, seconds: list[float] | None = None, rows: list[int] | None = None) -> FrameIndex:
    """A finished index of (K, T, D) vectors; by default one sampled frame a second for each."""
    seconds = seconds or [float(i) for i in range(len(vectors))]
    found = FrameIndex("test", DIM, vectors.shape[1] - 1, duration_seconds=seconds[-1] + 1)
    found.add(np.array(seconds), np.array(rows or range(len(vectors))), vectors[:, 0])
    found.add_tiles(np.arange(len(vectors)), vectors[:, 1:])
    found.complete()
    found.complete_tiles()
    return found


def test_the_best_moment_comes_first_with_its_cosine_and_the_tile_that_fits() -> None:
    vectors = np.tile(_axis(0), (5, 10, 1))
    vectors[3, 9] = _unit(_axis(1) + _axis(0))
    (moment,) = _index(vectors).search(_axis(1), count=1)
    assert (moment.seconds, moment.box) == (3.0, TILES[9])
    assert moment.score == pytest.approx(0.7071, abs=1e-3)


def test_five_results_are_never_five_neighbours() -> None:
    vectors = np.tile(_axis(0), (60, 1, 1))
    vectors[30:40] = _axis(1)
    moments = _index(vectors).search(_axis(1), count=5)
    assert len(moments) == 5
    times = sorted(moment.seconds for moment in moments)
    assert min(np.diff(times)) >= 4
    assert sum(30 <= time < 40 for time in times) == 3


def test_only_the_window_is_searched() -> None:
    vectors = np.stack([_axis(0)] * 10)[:, None]
    vectors[2] = _axis(1)
    vectors[7] = _unit(_axis(1) + 0.5 * _axis(0))
    found = _index(vectors)
    assert found.search(_axis(1), 1)[0].seconds == 2
    assert found.search(_axis(1), 1, start_seconds=3)[0].seconds == 7
    assert found.search(_axis(1), 1, stop_seconds=2)[0].score == pytest.approx(0, abs=1e-3)


def test_a_window_between_two_samples_gives_the_frame_that_is_on_screen() -> None:
    vectors = np.stack([_axis(i) for i in range(4)])[:, None]
    (moment,) = _index(vectors).search(_axis(2), 3, start_seconds=2.4, stop_seconds=2.6)
    assert moment.seconds == 2.4
    assert moment.score == pytest.approx(1, abs=1e-3)


def test_a_moment_stands_for_the_whole_run_of_near_equal_frames() -> None:
    found = _index(np.stack([_axis(0), _axis(1)])[:, None], [0, 1, 2, 3, 4, 5], rows=[0, 0, 0, 1, 1, 1])
    (moment,) = found.search(_axis(1), 1)
    assert (moment.seconds, moment.stop_seconds) == (3, 6)
    (moment,) = found.search(_axis(0), 1, start_seconds=1)
    assert (moment.seconds, moment.stop_seconds, moment.box) == (1, 3, FULL_FRAME)
    assert [m.seconds for m in found.search(_axis(0), 5)] == [0, 3]


@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 40),
    tiles=st.sampled_from([1, 10]),
    window=st.tuples(st.floats(0, 40), st.floats(0, 40)),
    count=st.integers(1, 8),
)
def test_search_equals_comparing_everything(
    seed: int, frames: int, tiles: int, window: tuple[float, float], count: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = _unit(random.standard_normal((frames, tiles, DIM)))
    query = _unit(random.standard_normal(DIM))
    start, stop = sorted(window)
    inside = [i for i in range(frames) if start <= i < stop]
    moments = _index(vectors).search(query, count, start, stop, apart_seconds=0)
    if inside:
        best = sorted(((vectors[i] @ query).max() for i in inside), reverse=True)[:count]
        assert [m.score for m in moments] == pytest.approx(best, abs=3e-3)
        assert all(start <= m.seconds < stop for m in moments)


def test_keyframes_answer_until_the_full_pass_has_come_there() -> None:
    found = FrameIndex("test", DIM, 9, duration_seconds=100)
    assert found.search(_axis(1), 3) == []
    found.add_quick([0.0, 50.0, 90.0], np.stack([_axis(0), _axis(1), _axis(1)]))
    assert [m.seconds for m in found.search(_axis(1), 2)] == [50, 90]
    assert found.indexed_share == 0
    found.add(np.arange(61.0), np.arange(61), np.tile(_axis(2), (61, 1)))
    moments = found.search(_axis(1), 2)
    assert moments[0].seconds == 90
    assert moments[0].score > 0.9 > moments[1].score
    assert found.indexed_share == pytest.approx(0.6)


def test_a_query_of_another_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match=r"need a query of shape \(8,\), got \(5,\)"):
        _index(np.ones((1, 1, DIM), np.float32)).search(np.ones(5, np.float32), 1)


def test_searching_while_another_thread_adds_always_sees_whole_batches() -> None:
    found = FrameIndex("test", DIM, 9, duration_seconds=400)
    stop = threading.Event()
    problems: list[Exception] = []

    def search() -> None:
        while not stop.is_set():
            try:
                assert all(m.score > 0.99 for m in found.search(_axis(1), 5))
            except Exception as error:
                problems.append(error)
                raise

    searcher = threading.Thread(target=search)
    searcher.start()
    for start in range(0, 400, 4):
        found.add(np.arange(start, start + 4.0), np.arange(start, start + 4), np.tile(_axis(1), (4, 1)))
        found.add_tiles(np.arange(start, start + 4), np.tile(_axis(1), (4, 9, 1)))
    stop.set()
    searcher.join()
    assert not problems


@pytest.mark.parametrize("tiles", [0, 2])
def test_very_many_vectors_are_searched_by_a_graph_that_is_kept_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiles: int
) -> None:
    monkeypatch.setattr(index_module, "GRAPH_ROWS", 1000)
    random = np.random.default_rng(0)
    vectors = _unit(random.standard_normal((1500, tiles + 1, DIM)))
    order = random.permutation(1500)
    queries = _unit(random.standard_normal((20, DIM)))
    exact = _index(vectors[:])
    path = tmp_path / "graph"

    def with_graph() -> FrameIndex:
        found = FrameIndex("test", DIM, tiles, duration_seconds=1500)
        found.add(np.arange(1500.0), np.arange(1500), vectors[:, 0])
        found.add_tiles(order, vectors[order, 1:])
        found.complete(None if tiles else path)
        found.complete_tiles(path)
        return found

    built, read = with_graph(), with_graph()
    truth = [exact.search(query, 1, apart_seconds=0)[0].score for query in queries]
    for found in (built, read):
        scores = [found.search(query, 1, apart_seconds=0)[0].score for query in queries]
        assert np.mean(np.isclose(scores, truth, atol=1e-3)) >= 0.95
        assert found.search(queries[0], 1, 700, 800)[0].seconds == exact.search(queries[0], 1, 700, 800)[0].seconds
    path.write_bytes(path.read_bytes()[:1000])
    assert with_graph().search(queries[0], 1)[0].score == pytest.approx(truth[0], abs=2e-3)
