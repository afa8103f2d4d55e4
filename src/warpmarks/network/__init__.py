"""Landmark networks: images to score maps, the paper's (sec. 4.1) and a U-shaped one."""

from warpmarks.network.convolutions import LandmarkNetwork, LastLayer
from warpmarks.network.layers import PaddingMode
from warpmarks.network.unet import UNet

__all__ = ["LandmarkNetwork", "LastLayer", "PaddingMode", "UNet"]
