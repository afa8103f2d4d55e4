"""Limits that settings and the flags for them share.

They stand apart from the settings, as `--help` says them and is to answer at once.
"""

LEAST_VIEW, MOST_VIEW = 16, 1024
"""Side of the network's view in pixels."""

MOST_LANDMARKS = 1000

FEW_LANDMARKS, ENOUGH_LANDMARKS = 20, 50
"""Up to so many a fit advises to learn more; and so many as `default` learns: docs/training.md."""

MOST_BATCH = 4096
"""Pairs of images, or annotated images, a step."""

MOST_COPIES = 16
"""Of the object, in the last look."""
