import pytest

from warpmarks.errors import InputError
from warpmarks.evaluation.record import begin_anew


def test_a_folder_is_made_and_loses_the_figures_of_the_pictures_before(tmp_path):
    folder = tmp_path / "evaluations" / "val"
    begin_anew(folder)
    (folder / "evaluation.json").write_text("{}")
    (folder / "label_curve.json").write_text("{}")
    begin_anew(folder)
    assert [path.name for path in folder.iterdir()] == ["label_curve.json"]
    begin_anew(folder, "label_curve.json")
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written \(.*\): choose another with --pict"):
        begin_anew(tmp_path / "file" / "val")
