import json
import zipfile

import numpy as np
import torch

from textured_pictures import textured
from warpmarks.export import torch_file


def test_a_program_finds_what_the_detector_finds(
    detector, regressor, program, tmp_path, monkeypatch
):
    path = tmp_path / "mice.pt2"
    monkeypatch.setattr(torch_file, "trace", lambda _: program)
    torch_file.write_torch(detector, path, regressor)
    about = {"warpmarks.json": ""}
    loaded = torch.export.load(path, extra_files=about).module()
    assert json.loads(about["warpmarks.json"])["digest"] == detector.digest
    for size, batch in (((20, 25), 1), ((97, 160), 3), ((1, 1), 2), ((1, 9), 1)):
        images = np.stack([np.roll(textured(size), index, axis=0) for index in range(batch)])
        found = loaded(torch.from_numpy(images))
        expected = detector(images)
        pixels = 1e-3 * max(1, max(size) / 50)  # what a view of 20 px tells of a large image
        np.testing.assert_allclose(found["landmarks"], expected.landmarks, atol=pixels, rtol=0)
        np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-4, rtol=0)
        points = regressor.predict(expected.landmarks, expected.size)
        np.testing.assert_allclose(found["points"], points, atol=2 * pixels, rtol=0)
    assert [found.name for found in tmp_path.iterdir()] == ["mice.pt2"]
    torch_file.write_torch(detector, tmp_path / "again.pt2", regressor)
    content = path.read_bytes()
    assert content == (tmp_path / "again.pt2").read_bytes()
    with zipfile.ZipFile(path) as parts:
        assert not any(b".py" in parts.read(name) for name in parts.namelist())
