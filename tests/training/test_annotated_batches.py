import numpy as np
import pytest
import torch
from torch.testing import assert_close

from annotated_examples import annotated, config, geometry
from warpmarks.coordinates import pixel_centres, to_pixels
from warpmarks.training.annotated_batches import AnnotatedBatch, AnnotatedBatchMaker
from warpmarks.training.next_step import Ahead
from warpmarks.training.step import BatchMaker, Share
from warpmarks.training.supervised_task import Supervision


def maker(share: Share | None = None, **changes) -> AnnotatedBatchMaker:
    return AnnotatedBatchMaker(annotated(), config(**changes), geometry(), share=share)


def assert_same(a: AnnotatedBatch, b: AnnotatedBatch) -> None:
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.annotations, b.annotations)
    assert torch.equal(a.there, b.there)


def test_points_of_originals_in_the_view() -> None:
    """By hand: pixel 50 of 120 is at 2 * 50.5 / 120 - 1 of the picture, and 0.8 of it is view."""
    in_view = annotated().in_view("stretch", 0.1)
    expected = torch.tensor([2 * 50.5 / 120 - 1, 2 * 33.5 / 60 - 1], dtype=torch.float64) / 0.8
    assert_close(in_view[0, 0], expected)
    assert in_view[1, 1].isnan().all()


def test_lengths_are_in_pixels_of_the_originals_and_never_zero() -> None:
    lengths = annotated().lengths()
    assert lengths[0] == pytest.approx(np.hypot(30, 13))
    assert np.isnan(lengths[1:]).all()  # one point is not known, and two are at one place


def test_annotations_move_with_what_the_images_show() -> None:
    batches = maker(warps={"first": {"deformation": 0.02}})  # a bend moves a blob's middle
    rows, columns = geometry().view
    offs, moves = [], []
    for step in range(6):
        batch = batches.batch(step)
        assert batch.images.shape == (4, 3, rows, columns)
        red = batch.images[:, 0]
        found = torch.einsum(
            "bhw,hwc->bc", red / red.sum((1, 2), keepdim=True), pixel_centres(rows, columns)
        )
        said, there = batch.annotations[:, 0], batch.there[:, 0]
        inner = there & (said.abs() < 0.8).all(-1)
        offs.append((to_pixels(found, rows, columns) - to_pixels(said, rows, columns))[inner])
        moves.append(said[inner])
    off = torch.cat(offs)
    assert len(off) >= 20
    assert off.norm(dim=-1).max() < 0.3
    assert off.mean(dim=0).norm() < 0.06
    assert torch.cat(moves).std(dim=0).min() > 0.05


def test_points_that_nobody_annotated_are_never_there() -> None:
    batches = maker()
    for step in range(5):
        chosen = batches.pairs.order.batch(step)
        there = batches.batch(step).there
        assert not there[chosen == 1, 1].any()
        assert there[chosen == 2].any()


def test_a_batch_follows_from_seed_and_step_alone() -> None:
    batches = maker()
    expected = [batches.batch(step) for step in range(3)]
    assert_same(maker().batch(2), expected[2])
    assert not torch.equal(expected[0].annotations, expected[1].annotations)
    assert not torch.equal(maker(seed=1).batch(0).annotations, expected[0].annotations)


@pytest.mark.parametrize("on_device", [True, False])
def test_a_device_is_given_the_same_batches_drawn_ahead(monkeypatch, on_device) -> None:
    """On the CPU as if it were one: pictures live there, or are sent, and a thread draws."""
    colours = {"contrast": 0.4, "colour": 0.3}
    expected, known = maker(photometric=colours), annotated()
    loads = []

    def load(pictures, _):
        loads.append(len(pictures))
        return torch.from_numpy(pictures) if on_device else None

    monkeypatch.setattr("warpmarks.training.step.pictures_on_device", load)
    monkeypatch.setattr(BatchMaker, "ahead", lambda _, draw: Ahead(draw))
    found = maker(photometric=colours)
    for step in (0, 1, 4):
        assert_same(found.batch(step), expected.batch(step))
    assert loads == [3]
    Supervision(known, config(), geometry())
    assert loads == [3, 3]
    indices = torch.tensor([2, 0])
    assert found.pairs.chosen(indices).dtype == (torch.int64 if on_device else torch.uint8)
    shown = torch.from_numpy(known.pictures[[2, 0]]).permute(0, 3, 1, 2) / 255
    assert_close(found.pictures_at(indices), shown)


@pytest.mark.parametrize("photometric", [{}, {"contrast": 0.4, "colour": 0.3}], ids=["", "colours"])
def test_the_shares_of_two_processes_are_the_whole_batch(photometric) -> None:
    whole = maker(photometric=photometric).batch(1)
    parts = [maker(Share(rank, 2), photometric=photometric).batch(1) for rank in (0, 1)]
    for name in ("images", "annotations", "there"):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert_close(joined, getattr(whole, name), rtol=0, atol=1e-5)


def test_held_out_warps_are_fixed_and_never_trained_on() -> None:
    indices = torch.tensor([0, 2, 1])
    chunks = maker(photometric={"contrast": 1.0}).held_out(indices, 2)
    assert [len(chunk.images) for chunk in chunks] == [2, 1]
    for chunk, again in zip(chunks, maker().held_out(indices, 2), strict=True):
        assert_same(chunk, again)  # and in their own colours
    trained = maker().batch(0)
    assert not torch.equal(trained.annotations[:2], chunks[0].annotations)


def test_processes_weigh_as_much_as_the_annotations_that_they_have() -> None:
    """The mean over processes of weighted means is the mean over the whole batch's annotations."""
    whole = maker().batch(2)
    parts = [maker(Share(rank, 2)).batch(2) for rank in (0, 1)]
    assert whole.weight == 1
    counts = [int(part.there.sum()) for part in parts]
    assert counts[0] != counts[1]
    value = whole.annotations.norm(dim=-1)
    expected = (value * whole.there).sum() / whole.there.sum()
    means = [
        (part.annotations.norm(dim=-1) * part.there).sum() / part.there.sum() for part in parts
    ]
    found = sum(part.weight * mean for part, mean in zip(parts, means, strict=True)) / 2
    assert_close(found, expected)
