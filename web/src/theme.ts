/** Light, dark, or as the system has it. */

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const STORE = "warpmarks.theme";
const THEMES: Theme[] = ["system", "light", "dark"];
const stored = localStorage.getItem(STORE) as Theme | null;

export const theme = signal<Theme>(stored && THEMES.includes(stored) ? stored : "system");

effect(() => {
  localStorage.setItem(STORE, theme.value);
  if (theme.value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
});

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] as Theme;
}
