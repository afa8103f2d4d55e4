import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

import warpmarks
from textured_pictures import textured
from warpmarks.detectors.base import ImageDetector
from warpmarks.detectors.detector import Detector
from warpmarks.detectors.exported import ExportedDetector
from warpmarks.detectors.point_detector import PointDetector
from warpmarks.errors import InputError
from warpmarks.export import onnx_file as module
from warpmarks.export.about import describe

PIXELS = 1e-3


@pytest.fixture(scope="module")
def exported(onnx_file) -> ExportedDetector:
    return ExportedDetector.load(onnx_file, threads=1)


@pytest.fixture(scope="module")
def session(onnx_file) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(onnx_file)


@pytest.mark.parametrize("size", [(20, 25), (9, 16), (97, 160), (301, 170), (40, 50)])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_graph_alone_finds_what_the_detector_finds(session, detector, regressor, size, batch):
    images = np.stack([np.roll(textured(size), 3 * index, axis=1) for index in range(batch)])
    landmarks, scores, points = session.run(["landmarks", "scores", "points"], {"images": images})
    expected = detector(images)
    middle = (np.array(size[::-1]) - 1) / 2
    assert np.abs(expected.landmarks - middle).max() > 0.08 * min(size)  # not all in the middle
    pixels = PIXELS * max(1, max(size) / 50)  # what a view of 20 px tells of a large image
    np.testing.assert_allclose(landmarks, expected.landmarks, atol=pixels, rtol=0)
    np.testing.assert_allclose(scores, expected.scores, atol=1e-4, rtol=0)
    at_points = regressor.predict(expected.landmarks, expected.size)
    np.testing.assert_allclose(points, at_points, atol=2 * pixels, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1)])
def test_images_of_one_pixel_a_side_are_taken(session, detector, size):
    image = textured(size)[None]
    (found,) = session.run(["landmarks"], {"images": image})
    np.testing.assert_allclose(found, detector(image).landmarks, atol=PIXELS, rtol=0)


def test_means_at_the_edge_are_what_every_runtime_knows(onnx_file):
    """Maps of 8 x 10 cells do not end with a block of 4: some runtimes miscount what is beyond."""
    nodes = onnx.load(onnx_file).graph.node
    pools = [node for node in nodes if node.op_type == "AveragePool"]
    assert len(pools) == 3  # of the first look, and of each copy in the second
    for pool in pools:
        settings = {given.name: onnx.helper.get_attribute_value(given) for given in pool.attribute}
        assert settings.get("ceil_mode", 0) == 0
        assert not any(settings.get("pads", ()))


@pytest.mark.slow
def test_a_file_of_one_look_finds_what_its_detector_finds(make_detector, tmp_path):
    detector = make_detector("stretch", looks=1, copies=1)
    module.write_onnx(detector, tmp_path / "once.onnx")
    operators = [node.op_type for node in onnx.load(tmp_path / "once.onnx").graph.node]
    assert "GridSample" not in operators
    image = textured((97, 60))
    found = ExportedDetector.load(tmp_path / "once.onnx", device="cpu")(image)
    np.testing.assert_allclose(found.landmarks, detector(image).landmarks, atol=PIXELS, rtol=0)


@pytest.mark.slow
def test_a_file_of_looks_that_do_not_unbend_finds_what_its_detector_finds(make_detector, tmp_path):
    detector = make_detector(unbend=False)
    module.write_onnx(detector, tmp_path / "straight.onnx")
    images = np.stack([textured((40, 50)), textured((40, 50))[:, ::-1]])
    found = ExportedDetector.load(tmp_path / "straight.onnx", device="cpu")(images)
    expected = detector(images).landmarks
    np.testing.assert_allclose(found.landmarks, expected, atol=PIXELS, rtol=0)
    assert np.abs(make_detector()(images).landmarks - expected).max() > 0.1


def test_an_exported_detector_is_called_like_a_detector(exported, detector, regressor, tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(textured((90, 61))).save(tmp_path / "turned.png", exif=turned)
    Image.fromarray(textured((700, 901))).save(tmp_path / "large.jpg", quality=90)
    images = [tmp_path / "turned.png", str(tmp_path / "large.jpg"), textured((33, 44))]
    found, expected = exported(images), detector(images)
    assert found.size.tolist() == [[90, 61], [901, 700], [44, 33]]
    # A pixel of the picture is 36 of the largest image.
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=5 * PIXELS, rtol=0)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4, rtol=0)
    points = PointDetector(exported, exported.regressor)(images)
    expected_points = PointDetector(detector, regressor)(images)
    np.testing.assert_allclose(points.landmarks, expected_points.landmarks, atol=0.05, rtol=0)
    np.testing.assert_allclose(points.scores, expected_points.scores, atol=1e-4, rtol=0)
    one = exported(images[2])
    np.testing.assert_allclose(one.landmarks, found.landmarks[2], atol=PIXELS, rtol=0)
    assert isinstance(exported, ImageDetector)
    assert isinstance(exported, warpmarks.ExportedDetector)


def test_a_run_that_does_not_know_its_usual_landmarks_yet_says_one_look(make_detector):
    early = make_detector()
    early.network.reference.zero_()
    told = describe(Detector(early.network, early.record, device="cpu"))
    assert (told.looks, told.copies) == (1, 1)


@pytest.mark.slow
def test_a_file_without_a_regressor_has_no_points(detector, tmp_path):
    module.write_onnx(detector, tmp_path / "bare.onnx")
    bare = ExportedDetector.load(tmp_path / "bare.onnx", device="cpu")
    with pytest.raises(InputError, match=r"no regressor: export it with --regressor NAME$"):
        PointDetector(bare, bare.regressor)


def test_the_file_has_nothing_of_the_machine_that_wrote_it(onnx_file):
    content = onnx_file.read_bytes()
    assert b".py" not in content
    assert b"call_function" not in content


def test_runtimes_of_early_2023_can_read_the_file(onnx_file):
    """Some, 1.24 still, fuse a transposition with a product, and cannot do that in float64."""
    model = onnx.shape_inference.infer_shapes(onnx.load(onnx_file))
    assert model.ir_version <= 8
    assert [(used.domain, used.version) for used in model.opset_import] == [("", 18)]
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    precise = [
        node
        for node in model.graph.node
        if node.op_type == "MatMul" and kinds[node.output[0]] == onnx.TensorProto.DOUBLE
    ]
    assert len(precise) > 3
    assert "Transpose" not in {makers.get(name) for node in precise for name in node.input}


def test_the_file_says_what_it_is(onnx_file, detector, regressor, exported):
    model = onnx.load(onnx_file)
    onnx.checker.check_model(model, full_check=True)
    assert [
        size.dim_param or size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim
    ] == ["batch", "height", "width", 3]
    told = json.loads({entry.key: entry.value for entry in model.metadata_props}["warpmarks"])
    assert told["version"] == warpmarks.__version__
    assert (told["num_landmarks"], told["fit"], told["margin"]) == (3, "crop", 0.1)
    assert (told["view"], told["picture"]) == ([16, 20], [20, 25])
    assert (told["looks"], told["copies"]) == (2, 2)
    assert told["digest"] == detector.digest == exported.digest
    assert told["regressor"]["names"] == ["snout", "left ear", "right ear", "tail"]
    folded = exported.regressor
    assert folded.scheme == regressor.scheme
    np.testing.assert_array_equal(folded.weights, regressor.weights)
    np.testing.assert_array_equal(folded.mean_shape, regressor.mean_shape)
    assert (folded.method, folded.fitted_on, folded.detector) == ("linear", 17, detector.digest)


def test_there_is_one_file(onnx_file):
    assert [path.name for path in onnx_file.parent.iterdir()] == ["mice.onnx"]


def test_detecting_imports_no_torch(onnx_file, image_folder, tmp_path):
    output = tmp_path / "found.csv"
    code = (
        "import sys; from warpmarks.cli import main; "
        f"assert main(['detect', {str(onnx_file)!r}, {str(image_folder)!r}, '--output', "
        f"{str(output)!r}, '--scores', '--threads', '1']) == 0; "
        "assert 'onnxruntime' in sys.modules; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(output.read_text().splitlines()) == 13


def test_a_file_that_finds_something_else_is_not_kept(detector, make_detector, onnx_file, tmp_path):
    other = make_detector()
    with torch.no_grad():
        for weights in other.network.parameters():
            weights.mul_(1.5)
    model = onnx.load(onnx_file)
    with pytest.raises(RuntimeError, match="px of the picture from the detector"):
        module.save_model(
            model,
            tmp_path / "cats.onnx",
            check=lambda written: module.check_agreement(other, written),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("pictures", "kept"), [(slice(1, None), True), (slice(None), False)])
def test_a_landmark_that_rounding_moves_on_some_noise_is_no_other(
    detector, onnx_file, monkeypatch, pictures, kept
):
    class Moved:
        def search(self, noise):
            found, scores = detector.search(noise)
            found[pictures, 1] += [0.0, 0.004]
            return found, scores

    monkeypatch.setattr(ExportedDetector, "load", lambda *_, **__: Moved())
    if kept:
        module.check_agreement(detector, onnx_file)
    else:
        with pytest.raises(
            RuntimeError, match=r"file is 0\.04 px of the picture from the detector"
        ):
            module.check_agreement(detector, onnx_file)


# What cannot be used


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.onnx does not exist: make it with"):
        ExportedDetector.load(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"Dear reader", b"\x08\x07"])
def test_what_is_no_onnx_file(tmp_path, content):
    path = tmp_path / "letter.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"letter\.onnx (is no ONNX file|was not written by)"):
        ExportedDetector.load(path)


def resave(onnx_file, path, change):
    model = onnx.load(onnx_file)
    change(model)
    onnx.save(model, path)
    return path


def forget(model):
    del model.metadata_props[:]


def come_from_the_future(model):
    record = json.loads(model.metadata_props[-1].value)
    model.metadata_props[-1].value = json.dumps(record | {"format": 99})


def lose_half(model):
    model.metadata_props[-1].value = model.metadata_props[-1].value[:50]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (forget, "was not written by `warpmarks export`"),
        (come_from_the_future, "written in format 99 by a later warpmarks"),
        (lose_half, "is damaged"),
    ],
)
def test_a_file_of_others(onnx_file, tmp_path, change, sentence):
    path = resave(onnx_file, tmp_path / "other.onnx", change)
    with pytest.raises(InputError, match=sentence):
        ExportedDetector.load(path)


def test_no_gpu(onnx_file, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(InputError, match="--device is cuda, but this onnxruntime"):
        ExportedDetector.load(onnx_file, device="cuda")


REAL_SESSION = onnxruntime.InferenceSession


class GpuSession:
    """What onnxruntime makes of a file on a machine whose GPU it may or may not be able to use."""

    def __init__(self, working: bool) -> None:
        self.working = working

    def __call__(self, path, options, *, providers):
        self.asked = dict(providers)
        self.file = path
        return self

    def get_providers(self):
        return [name for name in self.asked if self.working or name == "CPUExecutionProvider"]

    def get_modelmeta(self):
        return REAL_SESSION(self.file).get_modelmeta()


@pytest.mark.parametrize("working", [True, False])
def test_a_gpu_that_onnxruntime_knows_but_cannot_use(onnx_file, monkeypatch, working):
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", opened := GpuSession(working))
    ExportedDetector.load(onnx_file, device="auto")
    assert list(opened.asked) == both
    assert opened.asked["CUDAExecutionProvider"] == {"use_tf32": "0"}
    ExportedDetector.load(onnx_file, device="cpu")
    assert list(opened.asked) == both[1:]
    if working:
        ExportedDetector.load(onnx_file, device="cuda")
        return
    with pytest.raises(InputError, match="--device is cuda, but onnxruntime could not use the GPU"):
        ExportedDetector.load(onnx_file, device="cuda")


@pytest.mark.parametrize("library", ["onnxscript", "onnxruntime"])
def test_a_missing_library_is_named(detector, onnx_file, tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=rf"need {library}, .* pip install 'warpmarks\[export\]'"):
        module.write_onnx(detector, tmp_path / "cats.onnx")
    if library == "onnxruntime":
        with pytest.raises(InputError, match="needs onnxruntime, which is not installed"):
            ExportedDetector.load(onnx_file)
