/** Every key, once: what it does and how the help names it. */

import { signal } from "@preact/signals";

import { fitStage, middle, pan, toggleClose, zoom } from "./stage";
import * as state from "./state";

interface Binding {
  /** Values of KeyboardEvent.key; "mod+" before one asks for Ctrl or ⌘. */
  keys: string[];
  /** As the help shows them. */
  shown: string[];
  label: string;
  /** Where it works; everywhere if not given. */
  section?: state.Section;
  /** Whether it is one printable character, which a person may turn off. */
  run: (event: KeyboardEvent) => void;
}

const STORE = "warpmarks.single-keys";
export const singleKeys = signal(localStorage.getItem(STORE) !== "off");

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  localStorage.setItem(STORE, on ? "on" : "off");
}

function arrow(dx: number, dy: number): (event: KeyboardEvent) => void {
  return (event) => {
    const shown = state.item.value;
    if (!shown) return;
    if (event.altKey) {
      pan(-dx * 60, -dy * 60);
      return;
    }
    const long = Math.max(10, Math.round(Math.max(shown.width, shown.height) / 50));
    const size = event.shiftKey ? long : 1;
    state.nudge(dx * size, dy * size, middle());
  };
}

export const GROUPS: { title: string; bindings: Binding[] }[] = [
  {
    title: "Points",
    bindings: [
      {
        keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"],
        shown: ["1", "…", "9", "0"],
        label: "choose a point (0 is the tenth)",
        section: "label",
        run: (event) => state.choose(event.key === "0" ? 9 : Number(event.key) - 1),
      },
      {
        keys: [".", ">"],
        shown: ["."],
        label: "choose the next point",
        section: "label",
        run: () => state.chooseNext(1),
      },
      {
        keys: [",", "<"],
        shown: [","],
        label: "choose the previous point",
        section: "label",
        run: () => state.chooseNext(-1),
      },
      {
        keys: ["ArrowLeft"],
        shown: ["←", "→", "↑", "↓"],
        label: "move it by a pixel; with Shift by ten or more",
        section: "label",
        run: arrow(-1, 0),
      },
      { keys: ["ArrowRight"], shown: [], label: "", section: "label", run: arrow(1, 0) },
      { keys: ["ArrowUp"], shown: [], label: "", section: "label", run: arrow(0, -1) },
      { keys: ["ArrowDown"], shown: [], label: "", section: "label", run: arrow(0, 1) },
      {
        keys: ["Enter"],
        shown: ["Enter"],
        label: "accept the suggested points; once more: on to the next image",
        section: "label",
        run: () => state.acceptOrGoOn(),
      },
      {
        keys: ["v", "V"],
        shown: ["V"],
        label: "the point cannot be seen, or can",
        section: "label",
        run: () => state.toggleVisible(),
      },
      {
        keys: ["Delete", "Backspace"],
        shown: ["Del"],
        label: "take the point away",
        section: "label",
        run: () => state.clear(),
      },
      {
        keys: ["Escape"],
        shown: ["Esc"],
        label: "choose no point",
        section: "label",
        run: () => state.unchoose(),
      },
    ],
  },
  {
    title: "Images",
    bindings: [
      {
        keys: [" "],
        shown: ["Space"],
        label: "to the suggested image",
        section: "label",
        run: () => void state.openSuggested(),
      },
      {
        keys: ["n", "N", "PageDown"],
        shown: ["N"],
        label: "next image of the folder",
        section: "label",
        run: () => void state.step(1),
      },
      {
        keys: ["p", "P", "PageUp"],
        shown: ["P"],
        label: "previous image of the folder",
        section: "label",
        run: () => void state.step(-1),
      },
      {
        keys: ["mod+z"],
        shown: ["Ctrl", "Z"],
        label: "undo",
        run: () => void state.undoOrRedo("undo"),
      },
      {
        keys: ["mod+y", "mod+Z"],
        shown: ["Ctrl", "Y"],
        label: "do it again",
        run: () => void state.undoOrRedo("redo"),
      },
    ],
  },
  {
    title: "Looking",
    bindings: [
      {
        keys: ["+", "="],
        shown: ["+"],
        label: "zoom in (or the wheel, or two fingers)",
        section: "label",
        run: () => zoom(1.4),
      },
      {
        keys: ["-", "_"],
        shown: ["−"],
        label: "zoom out",
        section: "label",
        run: () => zoom(1 / 1.4),
      },
      {
        keys: ["z", "Z"],
        shown: ["Z"],
        label: "close to the point, and back",
        section: "label",
        run: () => toggleClose(),
      },
      {
        keys: ["f", "F"],
        shown: ["F"],
        label: "the whole picture",
        section: "label",
        run: () => fitStage(),
      },
      {
        keys: [],
        shown: ["Alt", "←"],
        label: "pan (or drag the picture)",
        section: "label",
        run: () => undefined,
      },
      {
        keys: ["t", "T"],
        shown: ["T"],
        label: "names on or off",
        section: "label",
        run: () => (state.showNames.value = !state.showNames.value),
      },
      {
        keys: ["h", "H"],
        shown: ["H"],
        label: "points on or off",
        section: "label",
        run: () => (state.hidePoints.value = !state.hidePoints.value),
      },
    ],
  },
  {
    title: "Places",
    bindings: [
      { keys: ["l", "L"], shown: ["L"], label: "label", run: () => go("label") },
      { keys: ["g", "G"], shown: ["G"], label: "gallery", run: () => go("gallery") },
      { keys: ["s", "S"], shown: ["S"], label: "shapes", run: () => go("shapes") },
      {
        keys: ["d", "D"],
        shown: ["D"],
        label: "define the points",
        run: () => (state.dialog.value = "points"),
      },
      {
        keys: ["e", "E"],
        shown: ["E"],
        label: "export",
        run: () => (state.dialog.value = "export"),
      },
      { keys: ["?"], shown: ["?"], label: "this help", run: () => (state.dialog.value = "help") },
    ],
  },
];

export function go(section: state.Section): void {
  state.section.value = section;
  if (section === "gallery") void state.loadPredictions();
}

const TYPING = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select";
const PRESSABLE = "button, a[href], summary, [role=option], input";

export function listen(): () => void {
  const pressed = (event: KeyboardEvent): void => {
    if (state.dialog.value || state.conflict.value || event.defaultPrevented) return;
    const focused = event.target as Element;
    if (focused.matches?.(TYPING)) return;
    const mod = event.ctrlKey || event.metaKey;
    const value = mod ? `mod+${event.key}` : event.key;
    // Arrow keys, Enter and Space belong to what has the focus where that uses them.
    if ((event.key === "Enter" || event.key === " ") && focused.matches?.(PRESSABLE)) return;
    if (event.key.startsWith("Arrow") && focused.matches?.("[role=option], [role=tab], input")) {
      return;
    }
    if (event.altKey && !event.key.startsWith("Arrow")) return;
    const printable = !mod && event.key.length === 1 && event.key !== " ";
    if (printable && !singleKeys.value) return;
    for (const { bindings } of GROUPS) {
      for (const binding of bindings) {
        if (!binding.keys.includes(value)) continue;
        if (binding.section && binding.section !== state.section.value) continue;
        event.preventDefault();
        binding.run(event);
        return;
      }
    }
  };
  window.addEventListener("keydown", pressed);
  return () => window.removeEventListener("keydown", pressed);
}
