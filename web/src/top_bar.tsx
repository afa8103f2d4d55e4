import type { JSX } from "preact";

import { Icon } from "./icons";
import { go } from "./keys";
import * as state from "./state";
import { countedImages } from "./wording";
import { nextTheme, theme } from "./theme";

const SECTIONS: [state.Section, string][] = [
  ["label", "Label"],
  ["gallery", "Gallery"],
  ["shapes", "Shapes"],
];

export function TopBar(): JSX.Element {
  const project = state.project.value;
  const unreadable = state.unreadableImages.value;
  const total = (project?.images.length ?? 0) - unreadable;
  const complete = state.completeImages.value;
  const begun = state.begunImages.value - complete;
  const saving = state.unsaved.value > 0;
  const locating = project?.locating;
  return (
    <header class="top">
      <div class="brand">
        <img src="./icon.svg" alt="" width="26" height="26" />
        <span class="name" title={project?.title ?? project?.name}>
          {project?.title ?? project?.name ?? "warpmarks"}
        </span>
      </div>
      <nav aria-label="Sections">
        {SECTIONS.map(([name, title]) => (
          <button
            key={name}
            aria-current={state.section.value === name ? "page" : undefined}
            onClick={() => go(name)}
          >
            {title}
          </button>
        ))}
      </nav>
      <div class="standing">
        <span
          class="count"
          title={unreadable > 0 ? `${countedImages(unreadable)} more cannot be read` : undefined}
        >
          <b>{complete.toLocaleString("en")}</b> of {total.toLocaleString("en")} labelled
          {begun > 0 && <span class="wide">, {begun.toLocaleString("en")} begun</span>}
        </span>
      </div>
      <span class={`saved${saving ? " saving" : ""}`} title="Every change is saved at once">
        {saving ? "saving …" : "saved"}
      </span>
      <div class="tools">
        <button
          class="quiet"
          aria-label="Undo"
          title="Undo (Ctrl Z)"
          disabled={!state.canUndo.value}
          onClick={() => void state.undoOrRedo("undo")}
        >
          <Icon name="undo" />
        </button>
        <button
          class="quiet"
          aria-label="Do it again"
          title="Do it again (Ctrl Y)"
          disabled={!state.canRedo.value}
          onClick={() => void state.undoOrRedo("redo")}
        >
          <Icon name="redo" />
        </button>
        <button class="plain export-button" aria-label="Export" onClick={() => (state.dialog.value = "export")}>
          <Icon name="export" /> <span>Export</span>
        </button>
        <button
          class="quiet"
          aria-label={`Colours: ${theme.value}`}
          title={`Colours: ${theme.value}`}
          onClick={nextTheme}
        >
          <Icon
            name={theme.value === "light" ? "sun" : theme.value === "dark" ? "moon" : "system"}
          />
        </button>
        <button
          class="quiet"
          aria-label="Help"
          title="Help (?)"
          onClick={() => (state.dialog.value = "help")}
        >
          <Icon name="help" />
        </button>
      </div>
      {locating && locating.done < locating.total && (
        <div class={`locating${state.section.value === "label" ? "" : " low"}`}>
          <progress value={locating.done} max={locating.total} aria-label="Images looked at" />
          <span>
            finding landmarks: {locating.done.toLocaleString("en")} of{" "}
            {countedImages(locating.total)}
          </span>
        </div>
      )}
    </header>
  );
}
