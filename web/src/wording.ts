/** Numbers in sentences. */

export const countedImages = (count: number): string =>
  `${count.toLocaleString("en")} ${count === 1 ? "image" : "images"}`;

/** A number with so many decimals; what rounds to zero has no sign. */
export const fixed = (value: number, digits: number): string =>
  (Number(value.toFixed(digits)) + 0).toFixed(digits);
