from fractions import Fraction
from itertools import product
from types import ModuleType

import pytest

from warpmarks.errors import InputError
from warpmarks.fleet.detecting import Machine, _share, share


def rounded(amount: float) -> Fraction:
    """As Ray counts."""
    return Fraction(round(amount * 10_000), 10_000)


def placed(machines: list[Machine], workers: int, taken: dict[str, float]) -> int:
    """How many find room, one after the other, each on the first machine that has some."""
    processors, gpu = rounded(taken["num_cpus"]), rounded(taken.get("num_gpus", 0.0))
    free = [rounded(machine.processors) for machine in machines]
    free_gpus = [[Fraction(1)] * machine.gpus for machine in machines]
    for worker in range(workers):
        for at in range(len(machines)):
            device = next((n for n, left in enumerate(free_gpus[at]) if left >= gpu), None)
            if free[at] >= processors and (not gpu or device is not None):
                free[at] -= processors
                if gpu:
                    free_gpus[at][device or 0] -= gpu
                break
        else:
            return worker
    return workers


MACHINES = [Machine(*each) for each in ((0.0, 0), (1.0, 1), (2.0, 2), (6.0, 0), (6.0, 3), (2.5, 1))]


@pytest.mark.parametrize("on_gpus", [False, True])
def test_all_workers_find_room(on_gpus: bool) -> None:
    for pair, workers in product(product(MACHINES, repeat=2), [*range(1, 14), 60]):
        if not any(machine.gpus if on_gpus else machine.processors for machine in pair):
            continue
        machines = list(pair)
        taken = share(machines, workers, on_gpus=on_gpus)
        assert placed(machines, workers, taken) == workers, (machines, workers, taken)
        assert taken["num_cpus"] > 0, (machines, workers)
        more = taken | {"num_cpus": taken["num_cpus"] + (1 if taken["num_cpus"] >= 1 else 0.5)}
        assert placed(machines, workers, more) < workers or more["num_cpus"] > 6


@pytest.mark.parametrize(
    ("machines", "workers", "expected"),
    [
        ([(8, 2)], 3, {"num_cpus": 2, "num_gpus": 0.5}),
        ([(8, 2)], 2, {"num_cpus": 4, "num_gpus": 1}),
        ([(8, 2)], 1, {"num_cpus": 8, "num_gpus": 1}),
        ([(8, 1)], 6, {"num_cpus": 1, "num_gpus": 0.1666}),
        ([(6, 0), (6, 0)], 3, {"num_cpus": 3}),
        ([(2, 0)], 5, {"num_cpus": 0.3333}),
        ([(0, 0), (4, 0)], 4, {"num_cpus": 1}),
        ([(32, 0), (4, 1)], 1, {"num_cpus": 4, "num_gpus": 1}),
        ([(0, 1)], 1, {"num_cpus": 0, "num_gpus": 1}),
    ],
)
def test_shares(
    machines: list[tuple[float, int]], workers: int, expected: dict[str, float]
) -> None:
    on_gpus = "num_gpus" in expected
    assert share([Machine(*each) for each in machines], workers, on_gpus=on_gpus) == expected


def test_what_ray_says_is_there() -> None:
    nodes = [
        {"Alive": True, "Resources": {"CPU": 6.0, "memory": 1e9}},
        {"Alive": True, "Resources": {"CPU": 6.0, "GPU": 1.0}},
        {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
    ]
    ray = ModuleType("ray")
    ray.nodes = lambda: nodes  # type: ignore[attr-defined]
    assert _share(ray, None, "auto", pieces=9) == (1, {"num_cpus": 6, "num_gpus": 1})
    assert _share(ray, 2, "cuda", pieces=9) == (2, {"num_cpus": 3, "num_gpus": 0.5})
    assert _share(ray, None, "cpu", pieces=12) == (12, {"num_cpus": 1})
    assert _share(ray, 8, "cpu", pieces=3) == (3, {"num_cpus": 3})
    del nodes[1]
    assert _share(ray, None, "auto", pieces=9) == (6, {"num_cpus": 1})
    with pytest.raises(InputError, match="--device is cuda, but Ray sees no GPU"):
        _share(ray, None, "cuda", pieces=9)
