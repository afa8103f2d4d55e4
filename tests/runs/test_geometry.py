import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from warpmarks.configuration import ImageConfig, NetworkConfig
from warpmarks.errors import InputError
from warpmarks.network import LandmarkNetwork
from warpmarks.runs.geometry import Geometry, plan_geometry, require_room_for_padding


def test_a_square_view_inside_its_margin():
    geometry = plan_geometry(ImageConfig(size=80, margin=0.1), 1.0)
    assert geometry == Geometry(picture=(100, 100), view=(80, 80))
    assert geometry.cells == (40, 40)
    assert geometry.aspect == 1


def test_a_wide_view_is_wide():
    geometry = plan_geometry(ImageConfig(size=80, margin=0.1), 2.0)
    assert geometry == Geometry(picture=(70, 140), view=(56, 112))
    assert geometry.cells == (28, 56)
    assert geometry.aspect == 2


def test_a_tall_view_is_the_wide_one_turned():
    tall, wide = (plan_geometry(ImageConfig(size=64), aspect) for aspect in (0.5, 2.0))
    assert (tall.picture, tall.view) == (wide.picture[::-1], wide.view[::-1])


def test_without_a_margin_the_picture_is_the_view():
    geometry = plan_geometry(ImageConfig(size=48, margin=0), 1.5)
    assert geometry.picture == geometry.view == (40, 60)


@given(size=st.integers(16, 512), margin=st.floats(0, 0.4), aspect=st.floats(0.25, 4))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_any_view_is_near_what_was_asked_for(size, margin, aspect):
    geometry = plan_geometry(ImageConfig(size=size, margin=margin), aspect)
    height, width = geometry.view
    assert height % 4 == width % 4 == 0
    assert height == pytest.approx(size / aspect**0.5, abs=2.001)
    assert width == pytest.approx(size * aspect**0.5, abs=2.001)
    for picture, view in zip(geometry.picture, geometry.view, strict=True):
        assert picture * (1 - 2 * margin) == pytest.approx(view, abs=0.51)


@pytest.mark.parametrize(("dilation", "fits"), [(7, True), (8, False)])
def test_reflection_needs_a_map_wider_than_it_reaches(dilation: int, fits: bool) -> None:
    """As torch says it: padding must be less than the size of the map's shorter side."""
    geometry = Geometry(picture=(20, 25), view=(16, 20))
    config = NetworkConfig(padding="reflect", dilations=(1, 1, 3, dilation, 1, 1))
    network = LandmarkNetwork(3, **config.model_dump())
    images = torch.zeros(1, 3, *geometry.view)
    if fits:
        require_room_for_padding(config, geometry)
        assert network(images).shape == (1, 3, 8, 10)
        return
    with pytest.raises(InputError, match=r"layer 4 reaches 8 cells .* map of 10 x 8"):
        require_room_for_padding(config, geometry)
    with pytest.raises(RuntimeError, match="less than the corresponding input dimension"):
        network(images)
    require_room_for_padding(config.model_copy(update={"padding": "replicate"}), geometry)


def test_coarse_maps_need_two_blocks_to_reflect() -> None:
    config = NetworkConfig(padding="reflect", dilations=(1,) * 6, coarse=(8,))
    network = LandmarkNetwork(3, **config.model_dump())
    small, enough = (Geometry(picture=(20, 20), view=(8 * n, 16)) for n in (1, 2))
    require_room_for_padding(config, enough)
    assert network(torch.zeros(1, 3, *enough.view)).shape == (1, 3, 8, 8)
    with pytest.raises(InputError, match=r"network.coarse reaches 1 cells .* map of 2 x 1"):
        require_room_for_padding(config, small)
