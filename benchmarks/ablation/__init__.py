"""The parts of ``benchmarks/ablate.py``: the plan, a training with its figures, what is told."""
