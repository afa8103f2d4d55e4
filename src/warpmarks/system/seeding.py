"""Randomness that follows from words alone, in whatever order it is drawn."""

import hashlib

import torch


def generator_of(words: str) -> torch.Generator:
    """A CPU generator seeded by text."""
    text = words.encode(errors="surrogateescape")
    number = int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big")
    return torch.Generator().manual_seed(number)
