"""How many workers a machine gets, and what each of them may use."""

from __future__ import annotations

from runs.study.workers import worker_environments


def test_cores_are_divided() -> None:
    assert [env["OMP_NUM_THREADS"] for env in worker_environments(60, 8, [], None)] == ["1"] * 8
    assert [env["OMP_NUM_THREADS"] for env in worker_environments(3, 8, [], None)] == ["2"] * 3
    assert [env["OMP_NUM_THREADS"] for env in worker_environments(60, 8, [], 4)] == ["2"] * 4
    assert len(worker_environments(1, 8, [], 4)) == 1


def test_every_gpu_gets_a_worker() -> None:
    found = worker_environments(60, 16, ["0", "3"], None)
    assert [env["CUDA_VISIBLE_DEVICES"] for env in found] == ["0", "3"]
    assert found[0]["OMP_NUM_THREADS"] == "8"
    shared = worker_environments(60, 16, ["0", "1"], 4)
    assert [env["CUDA_VISIBLE_DEVICES"] for env in shared] == ["0", "1", "0", "1"]
