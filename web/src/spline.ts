/** A thin-plate spline through displacements: how the plane between the points moves with them. */

import type { XY } from "./api";

const kernel = (squared: number): number =>
  squared < 1e-18 ? 0 : 0.5 * squared * Math.log(squared);

/** Solves `matrix` x = `right` (several columns) by elimination; both are changed. */
function solve(matrix: number[][], right: number[][]): number[][] {
  const size = matrix.length;
  for (let column = 0; column < size; column += 1) {
    let pivot = column;
    for (let row = column + 1; row < size; row += 1) {
      if (Math.abs(matrix[row]![column]!) > Math.abs(matrix[pivot]![column]!)) pivot = row;
    }
    [matrix[column], matrix[pivot]] = [matrix[pivot]!, matrix[column]!];
    [right[column], right[pivot]] = [right[pivot]!, right[column]!];
    const head = matrix[column]![column]!;
    if (Math.abs(head) < 1e-12) continue;
    for (let row = 0; row < size; row += 1) {
      if (row === column) continue;
      const factor = matrix[row]![column]! / head;
      if (factor === 0) continue;
      for (let k = column; k < size; k += 1) matrix[row]![k]! -= factor * matrix[column]![k]!;
      for (let k = 0; k < right[row]!.length; k += 1) right[row]![k]! -= factor * right[column]![k]!;
    }
  }
  return right.map((values, row) => {
    const head = matrix[row]![row]!;
    return values.map((value) => (Math.abs(head) < 1e-12 ? 0 : value / head));
  });
}

/** The displacement of any place, given that of some points; linear in the displacements. */
export function spline(points: XY[], displacements: XY[]): (place: XY) => XY {
  if (points.length < 3) {
    const mean = (axis: 0 | 1): number =>
      displacements.reduce((sum, move) => sum + move[axis], 0) / Math.max(1, points.length);
    const shift: XY = [mean(0), mean(1)];
    return () => shift;
  }
  // [ K   P ] [ weights ]   [ displacements ]
  // [ P^T 0 ] [ affine  ] = [       0       ]
  const count = points.length;
  const rows = points.map(([x, y], row) => [
    ...points.map(([u, v], column) =>
      row === column ? 1e-9 : kernel((x - u) ** 2 + (y - v) ** 2),
    ),
    1,
    x,
    y,
  ]);
  const sides = [
    [...points.map(() => 1), 0, 0, 0],
    [...points.map(([x]) => x), 0, 0, 0],
    [...points.map(([, y]) => y), 0, 0, 0],
  ];
  const solution = solve(
    [...rows, ...sides],
    [...displacements.map((move) => [...move]), [0, 0], [0, 0], [0, 0]],
  );
  return ([x, y]) => {
    const at = (axis: 0 | 1): number => {
      let sum =
        solution[count]![axis]! + solution[count + 1]![axis]! * x + solution[count + 2]![axis]! * y;
      points.forEach(([u, v], index) => {
        sum += solution[index]![axis]! * kernel((x - u) ** 2 + (y - v) ** 2);
      });
      return sum;
    };
    return [at(0), at(1)];
  };
}
