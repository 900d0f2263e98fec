"""Work on a cluster: a result for each item, what a lost worker leaves, and errors as they would come here."""

from pathlib import Path

import pytest

from tests.fake_ray import FakeRay
from tools.observation import MissingPartError
from tools.runtime import ray_cluster
from tools.runtime.ray_cluster import LostWork, work_off


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRay:
    ray = FakeRay()
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path))
    monkeypatch.setattr(ray_cluster, "is_installed", lambda name: True)
    monkeypatch.setattr(ray_cluster, "import_module", lambda name: ray)
    return ray


def halve(number: int) -> float:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number / 2


def test_each_item_comes_with_its_result_and_the_cluster_is_left(ray: FakeRay) -> None:
    assert dict(work_off(halve, [2, 4, 6], "head:6379")) == {2: 1.0, 4: 2.0, 6: 3.0}
    assert (ray.address, ray.names, ray.is_open) == ("head:6379", ["halve"], False)


def test_a_lost_item_is_said_and_the_others_go_on(ray: FakeRay) -> None:
    ray.dies = (1,)
    assert dict(work_off(halve, [2, 4, 6], "local")) == {2: 1.0, 4: LostWork("killed"), 6: 3.0}


def test_an_error_of_the_work_comes_as_it_is_and_the_cluster_is_left(ray: FakeRay) -> None:
    with pytest.raises(ValueError, match=r"^3 is odd$"):
        list(work_off(halve, [2, 3], "local"))
    assert not ray.is_open


def test_without_cluster_or_package_it_is_said(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no Ray cluster answers at nowhere:1: no such cluster"):
        list(work_off(halve, [2], "nowhere:1"))
    with pytest.raises(ValueError, match="no Ray cluster answers at busy:1: the node timed out"):
        list(work_off(halve, [2], "busy:1"))
    monkeypatch.setattr(ray_cluster, "is_installed", lambda name: False)
    with pytest.raises(MissingPartError, match="Ray is not installed: run `pip install"):
        list(work_off(halve, [2], "local"))
