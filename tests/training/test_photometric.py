import math

import pytest
import torch
from torch.testing import assert_close

from warpmarks.configuration import PhotometricConfig
from warpmarks.training.photometric import change_colours, draw_colours


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_nothing_is_drawn_where_nothing_changes():
    assert draw_colours(PhotometricConfig(), 5, generator()) is None
    images = torch.rand(2, 3, 4, 6, generator=generator())
    assert change_colours(images, None) is images


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({"contrast": 0.3}, (0.3, 0.0)),
        ({"colour": 0.2}, (0.2, 0.0)),
        ({"brightness": 0.1}, (0.0, 0.1)),
        ({"contrast": 0.3, "colour": 0.2, "brightness": 0.1}, (0.5, 0.1)),
    ],
    ids=str,
)
def test_ranges_are_honoured_and_used(settings, limits):
    factor, offset = draw_colours(PhotometricConfig(**settings), 3000, generator())
    log_factor, added = factor.log(), offset - 0.5 + 0.5 * factor  # grey 0.5 goes to 0.5 + added
    for values, limit in zip((log_factor, added), limits, strict=True):
        assert values.abs().max() <= limit + 1e-6
        assert values.max() >= 0.9 * limit
        assert values.min() <= -0.9 * limit


def test_contrast_and_brightness_are_the_same_in_all_channels_and_colour_is_not():
    factor, offset = draw_colours(PhotometricConfig(contrast=0.3, brightness=0.1), 9, generator())
    assert_close(factor, factor[:, :1].expand(-1, 3, -1, -1))
    assert_close(offset, offset[:, :1].expand(-1, 3, -1, -1))
    factor, _ = draw_colours(PhotometricConfig(colour=0.3), 9, generator())
    assert factor.flatten(1).std(dim=1).min() > 0.001


def test_images_are_stretched_about_grey_shifted_and_cut():
    images = torch.rand(2, 3, 4, 6, generator=generator())
    before = images.clone()
    colours = draw_colours(
        PhotometricConfig(contrast=0.9, colour=0.2, brightness=0.2), 2, generator()
    )
    changed = change_colours(images, colours)
    assert torch.equal(images, before)
    cut = 0
    for b in range(2):
        for c in range(3):
            factor, offset = (colours[i, b, c].item() for i in (0, 1))
            for before_value, value in zip(
                images[b, c].flatten().tolist(), changed[b, c].flatten().tolist(), strict=True
            ):
                wanted = before_value * factor + offset
                assert math.isclose(value, min(1, max(0, wanted)), abs_tol=1e-5)
                cut += wanted != min(1, max(0, wanted))
    assert cut > 0
