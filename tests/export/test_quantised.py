import numpy as np
import onnx
import pytest
from PIL import Image

from textured_pictures import textured
from warpmarks.datasets.image_set import find_images
from warpmarks.detectors.exported import ExportedDetector
from warpmarks.errors import InputError
from warpmarks.export import quantised


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(9):
        pixels = np.roll(textured((60, 75)), (5 * index, 7 * index), axis=(0, 1))
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "letter.png").write_text("Dear reader")
    return find_images(folder)


@pytest.fixture(autouse=True)
def _traced(onnx_file, monkeypatch):
    monkeypatch.setattr(quantised, "build_model", lambda *_: onnx.load(onnx_file))


def test_convolutions_in_bytes_find_nearly_the_same(detector, regressor, images, tmp_path):
    path = tmp_path / "small.onnx"
    quantised.write_int8(detector, path, images, regressor)
    graph = onnx.load(path).graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    sources = {output: node for node in graph.node for output in node.output}
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    last = [node for node in convolutions if node.input[1] in stored]
    in_bytes = [node for node in convolutions if node not in last]
    assert (len(in_bytes), len(last)) == (3 * 8, 3)  # of the first look and two copies
    for node in in_bytes:
        of_weights = sources[node.input[1]]
        assert of_weights.op_type == "DequantizeLinear"
        weights, scales = (stored[name] for name in of_weights.input[:2])
        assert weights.dtype == np.int8
        assert scales.shape == weights.shape[:1]
    for node in last:
        assert stored[node.input[1]].dtype == np.float32
        assert len(stored[node.input[1]]) == detector.num_landmarks
    exported = ExportedDetector.load(path, threads=1)
    assert exported.record.precision == "int8"
    assert exported.digest == detector.digest
    quantised.write_int8(detector, tmp_path / "other.onnx", images.subset(images.names[:4]))
    other = ExportedDetector.load(tmp_path / "other.onnx", threads=1)
    assert other.digest == exported.digest
    assert len({other.made_by, exported.made_by, detector.made_by}) == 3
    pictures = images.paths()[:9]
    found, expected = exported(pictures), detector(pictures)
    errors = np.linalg.norm(found.landmarks - expected.landmarks, axis=-1)
    assert 0 < np.median(errors) < 2.5  # of 75 pixels, after two looks of random weights
    assert exported.regressor.scheme == regressor.scheme


def test_images_that_cannot_be_read_do_not_calibrate(detector, tmp_path):
    (tmp_path / "letter.png").write_text("Dear reader")
    with pytest.raises(InputError, match="none of its images can be read"):
        quantised.write_int8(detector, tmp_path / "small.onnx", find_images(tmp_path))
    assert not (tmp_path / "small.onnx").exists()
