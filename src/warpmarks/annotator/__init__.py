"""Label a few images in the browser, get the points of all: ``warpmarks annotate``."""
