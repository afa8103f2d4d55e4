/** Line icons, 20 x 20. */

import type { JSX } from "preact";

const PATHS = {
  previous: "M12.5 4.5L7 10l5.5 5.5",
  next: "M7.5 4.5L13 10l-5.5 5.5",
  up: "M5 12l5-5 5 5",
  down: "M5 8l5 5 5-5",
  undo: "M4 8h8a4 4 0 0 1 0 8H9M4 8l3.5-3.5M4 8l3.5 3.5",
  redo: "M16 8H8a4 4 0 0 0 0 8h3M16 8l-3.5-3.5M16 8l-3.5 3.5",
  close: "M5 5l10 10M15 5L5 15",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  whole: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  help: "M7.4 7.6a2.6 2.6 0 1 1 3.6 2.4c-.8.4-1 .9-1 1.8M10 14.6v.1",
  export: "M10 3v9M6.5 8.5L10 12l3.5-3.5M4 14v2.5h12V14",
  eye: "M2.5 10S5.5 5 10 5s7.5 5 7.5 5-3 5-7.5 5-7.5-5-7.5-5zM10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z",
  noEye: "M3 3l14 14M8 5.3A8 8 0 0 1 10 5c4.5 0 7.5 5 7.5 5a13 13 0 0 1-2.3 2.7M12 14.7A8 8 0 0 1 10 15c-4.5 0-7.5-5-7.5-5A13 13 0 0 1 5 7.2",
  edit: "M4 16l.8-3.6L13 4.2l2.8 2.8-8.2 8.2z",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  sun: "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM10 2.5v1.7M10 15.8v1.7M2.5 10h1.7M15.8 10h1.7M4.7 4.7l1.2 1.2M14.1 14.1l1.2 1.2M4.7 15.3l1.2-1.2M14.1 5.9l1.2-1.2",
  moon: "M15.8 12A6.5 6.5 0 0 1 8 4.2 6.5 6.5 0 1 0 15.8 12z",
  system: "M3.5 4.5h13v9h-13zM8 16.5h4M10 13.5v3",
  play: "M6.5 4.5l9 5.5-9 5.5z",
  pause: "M7 5v10M13 5v10",
  file: "M5 3h6.5L15 6.5V17H5zM11 3v4h4",
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }): JSX.Element => (
  <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
