/** Gives the person a file. */

import type { Download } from "./api";

export function keep({ blob, name }: Pick<Download, "blob" | "name">): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
