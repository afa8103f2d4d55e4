"""The paper's equations as they are printed: scalar loops and full double sums, slow and obvious.

Points are normalised, maps are (landmarks, rows, columns) of one image, everything is NumPy in
float64. Nothing of the package is used here.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cell_centre(row: int, column: int, rows: int, columns: int) -> Array:
    """In normalised coordinates, -1 and 1 at the outer edges of the map."""
    return np.array([(column + 0.5) / columns * 2 - 1, (row + 0.5) / rows * 2 - 1])


def cells(rows: int, columns: int) -> list[tuple[int, int]]:
    return [(row, column) for row in range(rows) for column in range(columns)]


def spatial_softmax(scores: Array) -> Array:
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=(1, 2), keepdims=True)


def soft_argmax(maps: Array) -> Array:
    landmarks = np.zeros((len(maps), 2))
    rows, columns = maps.shape[1:]
    for r, probability in enumerate(maps):
        for row, column in cells(rows, columns):
            landmarks[r] += probability[row, column] * cell_centre(row, column, rows, columns)
    return landmarks


def concentration(maps: Array, landmarks: Array, radius: float) -> Array:
    """Probability within radius cells of each landmark."""
    rows, columns = maps.shape[1:]
    shares = np.zeros(len(maps))
    for r, probability in enumerate(maps):
        x, y = (landmarks[r] + 1) / 2 * (columns, rows) - 0.5  # in cells, centres at integers
        for row, column in cells(rows, columns):
            if math.hypot(column - x, row - y) <= radius:
                shares[r] += probability[row, column]
    return shares


def spline(controls: Array, targets: Array, points: Array) -> Array:
    """Bookstein's spline, term by term; not with torch and not vectorised."""
    count = len(controls)

    def kernel(a: Array, b: Array) -> float:
        distance = math.hypot(a[0] - b[0], a[1] - b[1])
        return distance**2 * math.log(distance) if distance > 0 else 0.0

    system = np.zeros((count + 3, count + 3))
    wanted = np.zeros((count + 3, 2))
    for i in range(count):
        for j in range(count):
            system[i, j] = kernel(controls[i], controls[j])
        system[i, count:] = system[count:, i] = (1, *controls[i])
        wanted[i] = targets[i]
    solution = np.linalg.solve(system, wanted)
    moved = np.zeros_like(points)
    for index, point in enumerate(points):
        moved[index] = solution[count] + point @ solution[count + 1 :]
        for i in range(count):
            moved[index] += solution[i] * kernel(point, controls[i])
    return moved


def equation_5(landmarks: Array, moved_landmarks: Array, unit: Array) -> float:
    total = 0.0
    for a, b in zip(landmarks, moved_landmarks, strict=True):
        total += ((a[0] - b[0]) * unit[0]) ** 2 + ((a[1] - b[1]) * unit[1]) ** 2
    return total / len(landmarks)


def landmark_diversity(landmarks: Array, unit: Array, distance: float) -> float:
    """The sum over each landmark's others of what their distance lacks, by landmark."""
    total = 0.0
    for r, a in enumerate(landmarks):
        for other, b in enumerate(landmarks):
            if other != r:
                apart = (((a[0] - b[0]) * unit[0]) ** 2 + ((a[1] - b[1]) * unit[1]) ** 2) ** 0.5
                total += max(0.0, distance - apart)
    return total / len(landmarks)


def equation_6(original: Array, warped: Array, warped_cells: Array, unit: Array) -> float:
    """The sum over all pairs of cells u of x and v of x'."""
    rows, columns = original.shape[1:]
    places = cells(rows, columns)
    total = 0.0
    for u_row, u_column in places:
        u = cell_centre(u_row, u_column, rows, columns)
        for index, (v_row, v_column) in enumerate(places):
            apart = (u - warped_cells[index]) * unit
            squared = apart[0] ** 2 + apart[1] ** 2
            for p, q in zip(original, warped, strict=True):
                total += squared * p[u_row, u_column] * q[v_row, v_column]
    return total / len(original)


def equation_7(maps: Array) -> float:
    total = 0.0
    for p in maps:
        for q in maps:
            for row, column in cells(*maps.shape[1:]):
                total += p[row, column] * q[row, column]
    return total / len(maps) ** 2


def equation_8(maps: Array) -> float:
    """Sum less max, as it is first printed."""
    total = 0.0
    for row, column in cells(*maps.shape[1:]):
        total += sum(p[row, column] for p in maps) - max(p[row, column] for p in maps)
    return total


def equation_8_compact(maps: Array) -> float:
    """K less the sum of the max, as it is printed below."""
    here = (max(p[row, column] for p in maps) for row, column in cells(*maps.shape[1:]))
    return len(maps) - sum(here)


def pooled_diversity(maps: Array, size: int) -> float:
    """L''_div: blocks at m u + d, d in {0..m-1}^2, with nothing beyond the map."""
    rows, columns = maps.shape[1:]
    total = 0.0
    for top in range(0, rows, size):
        for left in range(0, columns, size):
            block = maps[:, top : top + size, left : left + size]
            total += max(float(p.sum()) for p in block)
    return len(maps) - total
