/** Numbers in sentences. */

export const countedImages = (count: number): string =>
  `${count.toLocaleString("en")} ${count === 1 ? "image" : "images"}`;
