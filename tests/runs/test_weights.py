import json
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import warpmarks
from tiny_runs import tiny_config
from warpmarks.errors import InputError
from warpmarks.runs.weights import build_network, load_weights, read_tensors, write_tensors


def some_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(3, 2, 5, generator=generator).to(torch.float64),
        "channels_last": torch.randn(2, 3, 4, 5, generator=generator).contiguous(
            memory_format=torch.channels_last
        ),
        "step": torch.tensor(12),
    }


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing beyond ``size`` bytes fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    written, about = some_tensors(), {"step": 3, "schedule": {"best": None, "kind": "Käfer"}}
    write_tensors(path, written, about)
    tensors, told = read_tensors(path)
    assert told == about
    assert tensors.keys() == written.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, written[name], rtol=0, atol=0)
        assert tensor.dtype == written[name].dtype


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.2, 0.5, 0.99, 0.9999])
def test_a_file_that_was_cut_off(tmp_path: Path, share: float) -> None:
    path = tmp_path / "weights.safetensors"
    write_tensors(path, some_tensors(), {"step": 3})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"weights\.safetensors is damaged .*train again") as told:
        read_tensors(path)
    assert "\n" not in str(told.value)


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    for content in (b"\x80\x04\x95 a pickle", b"\xff" * 100, b"{}", bytes(2000)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"weights\.safetensors is damaged"):
            read_tensors(path)


def test_a_file_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    for about in (None, {"format": "pt"}, {"about": "[]"}):
        save_file({"weight": torch.ones(2)}, path, about)
        with pytest.raises(InputError, match="foreign weights file: expected one written by warp"):
            read_tensors(path)
    save_file({"weight": torch.ones(2)}, path, {"about": "{cut"})
    with pytest.raises(InputError, match="is damaged"):
        read_tensors(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing: the run has not come to its first checkpo"):
        read_tensors(tmp_path / "weights.safetensors")


def test_a_full_disk_leaves_the_old_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_tensors(path, some_tensors(), {"step": 3})
    before = path.read_bytes()
    with largest_file(200), pytest.raises(InputError, match=r"weights\.safetensors cannot be writ"):
        write_tensors(path, some_tensors(), {"step": 4})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_network_is_the_seeds() -> None:
    def network(seed: int) -> torch.nn.Module:
        return build_network(tiny_config(), torch.Generator().manual_seed(seed))

    images = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(1)(images), network(1)(images), rtol=0, atol=0)
    assert not torch.allclose(network(1)(images), network(2)(images))


def test_weights_go_from_network_to_network(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    first = build_network(tiny_config(), torch.Generator().manual_seed(1))
    second = build_network(tiny_config(), torch.Generator().manual_seed(2))
    first(torch.rand(4, 3, 12, 20, generator=torch.Generator().manual_seed(0)))  # moves statistics
    write_tensors(path, first.state_dict(), {})
    load_weights(second, read_tensors(path)[0], path)
    images = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(second.eval()(images), first.eval()(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    "other",
    [
        tiny_config(num_landmarks=5),
        tiny_config(network={"filters": [4, 6, 6, 6, 9]}),
        tiny_config(network={"filters": [4], "kernels": [3, 1], "dilations": [1, 1]}),
        tiny_config(network={"filters": [4, 6, 6, 6, 8], "last_layer": "batchnorm_relu"}),
    ],
    ids=["K", "filters", "depth", "last layer"],
)
def test_weights_of_another_network(other: warpmarks.TrainingConfig) -> None:
    network = build_network(tiny_config())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights = build_network(other).state_dict()
    with pytest.raises(InputError, match=r"there\.safetensors belongs to another network: layers"):
        load_weights(network, weights, "there.safetensors")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_nothing_in_the_package_can_run_code_from_a_file() -> None:
    root = Path(warpmarks.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in (
            "torch.load",
            "torch.save",
            "import pickle",
            "np.load(",
            "yaml.load(",
            "eval(",
        ):
            # Not in the middle of a name, such as torch's fuse_conv_bn_eval.
            found = re.search(rf"(?<!\w){re.escape(word)}", text.replace(".eval()", ""))
            assert found is None, f"{word} in {path.relative_to(root)}"


def test_what_is_told_about_tensors_is_plain_json(tmp_path: Path) -> None:
    """Readable without the package: a length, then a JSON header."""
    path = tmp_path / "weights.safetensors"
    write_tensors(path, some_tensors(), {"step": 3})
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["about"]) == {"step": 3}


def test_weights_that_are_not_numbers_are_refused() -> None:
    network = build_network(tiny_config())
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights["layers.0.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(InputError, match=r"w\.safetensors is damaged: layers\.0\.weight holds"):
        load_weights(network, weights, "w.safetensors")
