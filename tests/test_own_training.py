import csv
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from warpmarks.datasets.synthetic.image_set import write_image_set

DOCS = Path(__file__).parents[1] / "docs"
PROGRAM = DOCS / "own_training.py"


def test_the_program_learns_landmarks_and_says_what_they_are_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image_set(tmp_path / "set", 20, size=48, val_fraction=0.3)
    output = tmp_path / "landmarks.csv"
    with torch.random.fork_rng():
        runpy.run_path(str(PROGRAM))["main"]([str(tmp_path / "set"), str(output), "--steps", "3"])
    step, end = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"step 3: (eq\. [5-8] \d+\.\d+, ){4}own \d+\.\d+", step)
    assert re.fullmatch(r"error \d+\.\d\d%, of the mean shape \d+\.\d\d%", end)
    with output.open(newline="") as file:
        _, *rows = csv.reader(file)
    assert [row[0] for row in rows] == [f"{index:06}.png" for index in range(20)]
    points = np.array([row[1:21] for row in rows], dtype=float)
    assert ((points > 0) & (points < 47)).all()


def test_each_term_of_the_program_has_a_gradient() -> None:
    program = runpy.run_path(str(PROGRAM))
    generator = torch.Generator().manual_seed(0)
    sampler = program["make_sampler"]()
    pictures = torch.rand(2, 3, *program["PICTURE"], generator=generator)
    pair = sampler.sample(pictures, sampler.draw(2, generator))
    peaks = torch.zeros(4, program["LANDMARKS"], *program["CELLS"])
    peaks[..., 0, 0] = 12.0
    peaks.requires_grad_()
    terms = program["terms_of"](peaks, pair)
    assert terms.keys() == program["WEIGHTS"].keys()
    for name, term in terms.items():
        assert term.shape == (2,), name
        (slope,) = torch.autograd.grad(term.sum(), peaks, retain_graph=True)
        assert slope.abs().sum() > 0, name


def test_the_page_shows_the_program() -> None:
    page, program = (DOCS / "own_training.md").read_text(), PROGRAM.read_text()
    pieces = re.findall(r"^```python\n(.*?)^```$", page, re.S | re.M)
    assert len(pieces) >= 6
    for piece in pieces:
        assert piece in program
