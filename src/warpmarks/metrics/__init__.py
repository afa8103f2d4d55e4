"""What predicted points are worth, in numbers: plain functions of numpy arrays in float64.

Errors are distances to the annotations over a length of the same image, the normaliser: 0 is
perfect, 0.1 is 10 %. Points that are not annotated (nan) are left out of everything.
"""
