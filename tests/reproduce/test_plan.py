from dataclasses import replace

import pytest

from made_up_copies import made_up
from warpmarks.errors import InputError
from warpmarks.recipe_reading import load_recipe
from warpmarks.reproduce.plan import Cell, Drawing, Plan, Training, make_plan, network_of
from warpmarks.reproduce.protocol import load_protocol
from warpmarks.reproduce.settings import Settings
from warpmarks.training.schedule import Budget

CELEBA = made_up("celeba", train=500, val=50)
TIGHT = made_up("celeba-tight", train=500, val=50)
MAFL = made_up("mafl", train=90, test=40)
AFLW = made_up("aflw", train=80, test=30)
THREE = made_up("300w", points=68, train=60, test=20)


def settings(**changes):
    return replace(Settings(load_recipe("default"), budget=Budget(steps=7)), **changes)


def plan(name, *copies, **changes) -> Plan:
    return make_plan(
        load_protocol(name), settings(**changes), {copy.source: copy for copy in copies}
    )


def trainings(made: Plan) -> list[Training]:
    return [step for step in made.steps if isinstance(step, Training)]


def test_table1_trains_three_networks_and_scores_each_twice():
    made = plan("table1", CELEBA, MAFL)
    assert [step.config.num_landmarks for step in trainings(made)] == [10, 30, 50]
    assert all(step.images == "celeba/train" for step in trainings(made))
    cells = {step.key: step for step in made.steps if isinstance(step, Cell)}
    of_row = {row: [cells[key] for key in keys] for row, keys in made.cells.items()}
    (cell,) = of_row["30 landmarks, regressor on CelebA"]
    assert (cell.fit, cell.score, cell.draws) == ("celeba/train", "mafl/test", 1)
    assert cell.run == trainings(made)[1].key
    (shape,) = of_row["mean shape"]
    assert (shape.run, shape.fit) == (None, "mafl/train")
    assert not made.missing


def test_every_step_comes_after_the_network_it_needs():
    for name, copies in {
        "table3": (CELEBA, TIGHT, AFLW),
        "table5": (CELEBA, THREE),
        "aflw5": (made_up("own", train=100, val=40),),
    }.items():
        made, seen = plan(name, *copies, seeds=(0, 1)), set()
        for step in made.steps:
            assert network_of(step) is None or network_of(step) in seen
            seen.add(step.key)
        assert len(seen) == len(made.steps)


def test_aflw_is_reached_by_two_fine_tunings_and_one_landmark_more():
    first, second, third = trainings(plan("table3", CELEBA, TIGHT, AFLW))[:3]
    assert [step.config.num_landmarks for step in (first, second, third)] == [50, 51, 51]
    assert [step.images for step in (first, second, third)] == [
        "celeba/train",
        "celeba-tight/train",
        "aflw/train",
    ]
    assert (first.begin, second.begin, third.begin) == (None, first.key, second.key)
    rates = [step.config.optimiser.learning_rate for step in (first, second, third)]
    assert rates == pytest.approx([3e-3, 9e-4, 9e-4])


def test_supervised_networks_have_a_landmark_for_each_point():
    made = plan("table3", CELEBA, TIGHT, AFLW)
    supervised = [step for step in trainings(made) if step.annotated]
    assert [(step.config.num_landmarks, step.labels) for step in supervised] == [(5, 2), (5, 20)]
    cells = {step.run: step for step in made.steps if isinstance(step, Cell)}
    assert cells[supervised[0].key].supervised
    assert cells[supervised[0].key].draws == 1


def test_few_labels_are_drawn_ten_times_and_all_of_them_once():
    made = plan("table4", CELEBA, MAFL)
    drawn = [(s.labels, s.draws) for s in made.steps if isinstance(s, Cell) and s.run]
    assert drawn[:5] == [(None, 1), (20, 10), (10, 10), (5, 10), (1, 10)]
    quick = plan("table4", CELEBA, MAFL, draws=2)
    assert {s.draws for s in quick.steps if isinstance(s, Cell)} == {1, 2}


def test_seeds_make_networks_of_their_own_and_share_the_mean_shape():
    made = plan("table1", CELEBA, MAFL, seeds=(0, 1, 2))
    assert [step.config.seed for step in trainings(made)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len(made.cells["10 landmarks, regressor on MAFL"]) == 3
    assert len(made.cells["mean shape"]) == 1
    one = plan("table1", CELEBA, MAFL)
    assert {step.key for step in one.steps} <= {step.key for step in made.steps}


def test_tables_share_steps():
    first, second = plan("table1", CELEBA, MAFL), plan("table2", CELEBA, MAFL)
    assert second.cells["50 landmarks"] == first.cells["50 landmarks, regressor on MAFL"]
    assert {step.key for step in second.steps} < {step.key for step in first.steps}


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": Budget(steps=8)},
        {"budget": Budget(minutes=7)},
        {"limit": 64},
        {"config": load_recipe("paper")},
    ],
)
def test_what_decides_a_network_decides_its_key(changes):
    before, after = plan("table2", CELEBA, MAFL), plan("table2", CELEBA, MAFL, **changes)
    assert not {step.key for step in before.steps} & {step.key for step in after.steps}


@pytest.mark.parametrize("changes", [{"method": "linear"}, {"normaliser": "box"}])
def test_what_decides_a_figure_alone_leaves_its_network(changes):
    before, after = plan("table2", CELEBA, MAFL), plan("table2", CELEBA, MAFL, **changes)
    assert [step.key for step in trainings(before)] == [step.key for step in trainings(after)]
    assert before.cells["50 landmarks"] != after.cells["50 landmarks"]


def test_other_images_are_other_steps():
    grown = replace(CELEBA.splits["train"], digest="other")
    celeba = replace(CELEBA, splits={**CELEBA.splits, "train": grown})
    before, after = plan("table2", CELEBA, MAFL), plan("table2", celeba, MAFL)
    assert not {step.key for step in before.steps} & {step.key for step in after.steps}


def test_without_a_set_the_rest_is_done():
    absent = made_up("celeba", absent="CelebA was not given: say where it is by --celeba")
    made = plan("table3", absent, replace(absent, source="celeba-tight"), AFLW)
    assert set(made.cells) == {"supervised, 2 labels", "supervised, 20 labels", "mean shape"}
    assert set(made.missing) == {
        "51 landmarks",
        "51 landmarks, 1 label",
        "51 landmarks, 5 labels",
    }
    assert set(made.missing.values()) == {absent.absent}
    assert all(step.annotated for step in trainings(made))


def test_too_few_labels_and_an_empty_split_are_told():
    few = plan("table4", CELEBA, made_up("mafl", train=7, test=40))
    assert few.missing["30 landmarks, 20 labels"] == (
        "MAFL train has 7 images with all points, where 20 are drawn"
    )
    assert "30 landmarks, 5 labels" in few.cells
    empty = plan("table5", CELEBA, made_up("300w", points=68, train=60))
    assert empty.steps == ()
    assert "300-W has no images of the split 'test': the splits there are train" in set(
        empty.missing.values()
    )


def test_annotations_that_are_not_there_or_too_many():
    bare = plan("own", made_up("own", points=0, train=100, val=40))
    assert "no image of the set train is annotated" in set(bare.missing.values())
    assert [type(step) for step in bare.steps] == [Training, Drawing]
    nine = plan("aflw5", made_up("own", points=9, train=100, val=40))
    assert "own/train has 9 points, where aflw5 is about 5: take the experiment own" in set(
        nine.missing.values()
    )


def test_networks_are_trained_again_only_for_what_is_unfinished():
    made = plan("table1", CELEBA, MAFL)
    finished = {step.key for step in made.steps} - {made.cells["mean shape"][0]}
    lost = {step.key for step in trainings(made)}
    assert [step.key for step in made.left(finished - lost)] == [made.cells["mean shape"][0]]
    (cell,) = made.cells["50 landmarks, regressor on MAFL"]
    left = made.left({step.key for step in made.steps} - lost - {cell})
    assert [step.key for step in left] == [trainings(made)[2].key, cell]


def test_a_failed_step_is_missing():
    made = plan("table1", CELEBA, MAFL)
    (cell,) = made.cells["50 landmarks, regressor on MAFL"]
    assert made.without({cell: "why"}).missing == {"50 landmarks, regressor on MAFL": "why"}


def test_settings_without_room_for_the_landmarks_are_told():
    config = load_recipe("default")
    small = config.model_copy(update={"image": config.image.model_copy(update={"size": 16})})
    small = small.model_copy(update={"loss": small.loss.model_copy(update={"pooling": 2})})
    with pytest.raises(InputError, match=r"celeba-30, seed 0: .*has room for 16 landmarks"):
        plan("table1", CELEBA, MAFL, config=small)
