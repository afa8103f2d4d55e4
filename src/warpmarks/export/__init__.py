"""A run as one file that other programs and browsers use: images in, landmarks in pixels out."""
