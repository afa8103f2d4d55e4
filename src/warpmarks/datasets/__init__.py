"""Images in: image sets on disk, reading any image, the decoded cache, the synthetic category."""
