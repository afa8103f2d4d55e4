import torch

from warpmarks.training.randomness import ShuffledOrder, generator_for


def first_draws(*key) -> list[float]:
    return torch.rand(4, generator=generator_for(*key)).tolist()


def test_draws_follow_from_seed_purpose_and_index_alone():
    assert first_draws(3, "step", 17) == first_draws(3, "step", 17)
    others = [
        (4, "step", 17),
        (3, "held out", 17),
        (3, "step", 18),
        (31, "step", 7),
        (3, "step", 1),
    ]
    assert all(first_draws(*other) != first_draws(3, "step", 17) for other in others)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first_draws(3, "step", 17)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_each_epoch_shows_every_picture_once_in_a_new_order():
    order = ShuffledOrder(10, batch_size=4, seed=7)
    shown = torch.cat([order.batch(step) for step in range(10)]).reshape(4, 10)
    assert torch.equal(shown.sort(dim=1).values, torch.arange(10).expand(4, -1))
    assert len({tuple(epoch) for epoch in shown.tolist()}) == 4


def test_steps_may_be_asked_for_in_any_order():
    forwards = ShuffledOrder(10, batch_size=4, seed=7)
    expected = [forwards.batch(step).tolist() for step in range(8)]
    anew = ShuffledOrder(10, batch_size=4, seed=7)
    assert [anew.batch(step).tolist() for step in (7, 2, 5, 0)] == [
        expected[i] for i in (7, 2, 5, 0)
    ]
    assert ShuffledOrder(10, batch_size=4, seed=8).batch(0).tolist() != expected[0]


def test_a_batch_larger_than_the_set_goes_through_it_again():
    batch = ShuffledOrder(3, batch_size=8, seed=0).batch(1)
    assert batch.shape == (8,)
    assert torch.bincount(batch, minlength=3).min() >= 2
