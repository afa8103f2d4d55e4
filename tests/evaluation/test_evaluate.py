import pytest

from evaluation.made_examples import made_evaluation, made_examples


@pytest.mark.parametrize("part", ["", "examples", "predictions", "landmarks", "both_ways"])
def test_what_holds_arrays_can_be_compared_and_put_into_sets(part: str) -> None:
    one, other = (made_evaluation(made_examples(6), both_ways=True) for _ in range(2))
    if part:
        one, other = getattr(one, part), getattr(other, part)
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other}) == 2
