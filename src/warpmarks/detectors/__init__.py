"""Landmarks of images: detectors of every kind, and what they share."""
