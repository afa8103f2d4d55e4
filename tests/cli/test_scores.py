import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from evaluation.made_examples import made_evaluation, made_examples
from warpmarks.cli.scores import print_scores
from warpmarks.evaluation.evaluate import SetEvaluation


@pytest.fixture(scope="module")
def evaluation() -> SetEvaluation:
    return made_evaluation(made_examples(9))


@pytest.mark.parametrize(
    ("times", "told"),
    [(0.99, ""), (1.01, "tell no more of these points than the"), (1.1, "worse than the mean")],
)
@pytest.mark.parametrize("without_bias", [True, False])
def test_landmarks_no_better_than_the_mean_shape_are_told_of(
    evaluation, times, told, without_bias, capsys
):
    mean = times * evaluation.mean_shape.mean
    found = replace(evaluation, landmarks=replace(evaluation.landmarks, mean=mean))
    print_scores(found, "run", without_bias=without_bias)
    out = capsys.readouterr().out
    assert told in out
    assert ("train on images of this kind" in out) == bool(told)
    assert ("--bias" in out) == (bool(told) and without_bias)


def test_a_narrow_terminal_cuts_no_number(evaluation):
    def numbers(width):
        stream = io.StringIO()
        console = Console(file=stream, width=width, highlight=False, soft_wrap=True)
        print_scores(evaluation, "run", console)
        return re.findall(r"\d+\.\d+(?: to \d+\.\d+)?", stream.getvalue()), stream.getvalue()

    wide, text = numbers(200)
    assert len(wide) > 20
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert max(map(len, rows)) < 80  # no wider than it has to be
    for width in (80, 50, 30, 1):
        narrow, told = numbers(width)
        assert sorted(narrow) == sorted(wide)
        assert "\u2026" not in told
