from dataclasses import replace

import pytest

from tiny_runs import tiny_config
from warpmarks.report.content import RunSummary, ShownImages
from warpmarks.report.verdict import duration, headline_facts, verdict_on
from warpmarks.training.health import Health, diagnose

SOUND = RunSummary(
    name="run",
    num_landmarks=10,
    num_images=100,
    steps=10,
    seconds=1.0,
    ending="it has converged",
    equivariance_error_percent=1.5,
)


def test_a_sound_run():
    verdict = verdict_on(SOUND)
    assert verdict.mood == "good"
    assert verdict.sentence.startswith("All 10 landmarks are sound")
    assert "1.50 %" in verdict.sentence


def test_some_lost_landmarks_are_counted_once_and_named():
    verdict = verdict_on(replace(SOUND, dead=(4,), nailed=(4, 7), doubled=((1, 2), (1, 3))))
    assert verdict.mood == "warning"
    assert verdict.sentence.startswith("6 of 10 landmarks are sound")
    assert "landmarks 5, 8" in verdict.details[1]
    assert "2 and 3, 2 and 4" in verdict.details[2]


@pytest.mark.parametrize(("middle", "mood"), [(0.43, "warning"), (0.75, "good")])
def test_a_stiff_grid_is_not_called_sound(middle: float, mood: str):
    verdict = verdict_on(replace(SOUND, follow=(0.95, middle, 0.55)))
    assert verdict.mood == mood
    told = "a stiff grid: the middle one follows 55 % of the object's motion" in verdict.sentence
    assert told == (mood == "warning")


def test_nothing_is_said_twice():
    health = Health(
        equivariance_error_percent=3.0,
        spread_percent=[10.0] * 8,
        follow=[0.95] * 8,
        dead=[],
        nailed=[],
        lagging=[3],
        doubled=[(0, 7)],
        mean_concentration=0.8,
    )
    advice = tuple(diagnose(health, tiny_config()))
    verdict = verdict_on(replace(SOUND, lagging=(3,), doubled=((0, 7),), dead=(4,), advice=advice))
    assert verdict.details == ("Dead, without a clear peak anywhere: landmark 5.", *advice)
    assert "1 of 8 landmarks follows the object only in part (less than 50 % of its" in advice[0]
    assert "; landmark 4): train longer" in advice[0]
    assert "another (1 and 8): ask" in advice[1]


def test_lagging_landmarks_are_not_called_sound():
    verdict = verdict_on(replace(SOUND, dead=(4,), lagging=(0, 7, 8)))
    assert verdict.mood == "warning"
    assert verdict.sentence.startswith("6 of 10 landmarks are sound")
    assert "Following the object only in part: landmarks 1, 8, 9." in verdict.details
    # Not of no use, and so no collapse.
    assert verdict_on(replace(SOUND, lagging=tuple(range(10)))).mood == "warning"


def test_a_supervised_run_is_not_called_sound_from_its_own_images():
    verdict = verdict_on(replace(SOUND, training_error="3.21 % of the distance from 1 to 2"))
    assert verdict.mood == "warning"
    assert "within 3.21 % of the distance from 1 to 2; how well" in verdict.sentence
    assert verdict.sentence.startswith("On the annotated images")


def test_points_that_are_told_by_annotations_cannot_collapse():
    """From few annotations they stay near the mean shape, which is no failure of the training."""
    points = replace(SOUND, training_error="30.00 % of the box around the points")
    some = verdict_on(replace(points, nailed=(0, 1), lagging=(2,)))
    assert some.mood == "warning"
    assert some.sentence.startswith("7 of 10 points follow a deformation of the image, the others")
    assert some.details == (
        "Nailed to one place whatever the image: points 1, 2.",
        "Following the object only in part: point 3.",
    )
    every = verdict_on(replace(points, nailed=tuple(range(10)), follow=(0.2,) * 10))
    assert (every.mood, "collapsed" in every.sentence) == ("bad", False)
    assert "30.00 % of the box" in every.sentence
    stiff = verdict_on(replace(points, follow=(0.55,) * 10))
    assert "grid" not in stiff.sentence


def test_a_supervised_run_tells_its_training_error():
    facts = headline_facts(replace(SOUND, training_error="3.21 % of the distance from 1 to 2"))
    (fact,) = (fact for fact in facts if fact.label == "Training error")
    assert (fact.value, fact.note) == ("3.21 %", "the distance from 1 to 2")
    labels = {fact.label for fact in facts}
    assert {"Points", "Dead, nailed"} < labels
    plain = {fact.label for fact in headline_facts(SOUND)}
    assert labels - plain == {"Points", "Dead, nailed", "Training error"}
    assert plain - labels == {"Landmarks", "Dead, nailed, doubled"}


def test_a_collapsed_run_says_so_and_what_to_try():
    verdict = verdict_on(replace(SOUND, nailed=tuple(range(5)), advice=("Try this.",)))
    assert verdict.mood == "bad"
    assert "collapsed" in verdict.sentence
    assert verdict.details[-1] == "Try this."


@pytest.mark.parametrize(("error", "mood"), [(4.9, "good"), (5.1, "warning")])
def test_a_high_error_is_not_called_sound(error: float, mood: str):
    """Over a twentieth of the view dots visibly slide on the object."""
    assert verdict_on(replace(SOUND, equivariance_error_percent=error)).mood == mood


def test_the_verdict_on_other_images_is_marked_as_that_of_the_training():
    summary = replace(SOUND, shown=ShownImages("dogs", 300, 96))
    verdict = verdict_on(summary)
    assert verdict.sentence == verdict_on(SOUND).sentence
    assert "training on 100 images, not of the images shown" in verdict.heading
    assert verdict_on(SOUND).heading == ""
    facts = {fact.label: (fact.value, fact.note) for fact in headline_facts(summary)}
    assert facts["Images shown"] == ("96", "of the 300 in dogs")
    (_, all_of_them, *_) = headline_facts(replace(SOUND, shown=ShownImages("cat", 1, 1)))
    assert (all_of_them.value, all_of_them.note) == ("1", "cat")
    assert facts["Images trained on"][0] == "100"
    assert "Images" not in facts
    assert summary.title == "run on dogs"
    assert [fact.label for fact in headline_facts(SOUND)][1] == "Images"


def test_of_how_many_landmarks_those_kept_are():
    kept, *_ = headline_facts(replace(SOUND, num_landmarks=4, num_learned=50))
    assert (kept.label, kept.value, kept.note) == ("Landmarks", "4", "of 50 that were learned")
    all_of_them, *_ = headline_facts(replace(SOUND, num_landmarks=4, num_learned=4))
    assert (all_of_them.value, all_of_them.note) == ("4", "")


def test_a_run_without_numbers():
    broken = replace(SOUND, equivariance_error_percent=float("nan"))
    assert verdict_on(broken).mood == "bad"
    assert "nan" not in "".join(fact.value for fact in headline_facts(broken))


def test_each_landmark_in_trouble_has_its_worst_flag():
    summary = replace(SOUND, dead=(1,), nailed=(1, 2), doubled=((2, 3),), lagging=(3, 4))
    assert summary.flags() == {1: "dead", 2: "nailed", 3: "doubled", 4: "lagging"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (75, "1 min 15 s"), (754, "12 min"), (7260, "2 h 1 min")],
)
def test_duration(seconds: float, said: str):
    assert duration(seconds) == said
