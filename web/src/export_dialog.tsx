import { useSignal } from "@preact/signals";
import type { JSX } from "preact";

import { postExport, postRegressor } from "./api";
import { Dialog } from "./dialog";
import { keep } from "./saving_files";
import * as state from "./state";
import { countedImages } from "./wording";

export function ExportDialog(): JSX.Element {
  const formats = state.project.value?.formats ?? [];
  const format = useSignal(formats[0]?.name ?? "");
  const what = useSignal<"labels" | "labels+predictions">("labels+predictions");
  const busy = useSignal(false);
  const result = useSignal<{ text: string; bad: boolean } | null>(null);
  const regressor = useSignal("points");
  const begun = state.begunImages.value;
  const total = (state.project.value?.images.length ?? 0) - state.unreadableImages.value;

  const attempt = async (action: () => Promise<string>): Promise<void> => {
    busy.value = true;
    result.value = null;
    try {
      if (!(await state.settled())) throw new Error(state.UNSAVED);
      result.value = { text: await action(), bad: false };
    } catch (error) {
      result.value = { text: error instanceof Error ? error.message : String(error), bad: true };
    }
    busy.value = false;
  };

  const exportPoints = (event: Event): void => {
    event.preventDefault();
    void attempt(async () => {
      const download = await postExport(format.value, what.value);
      keep(download);
      return `Saved as ${download.name}.${download.notes ? ` ${download.notes}` : ""}`;
    });
  };
  const saveRegressor = (event: Event): void => {
    event.preventDefault();
    void attempt(async () => {
      const { path } = await postRegressor(regressor.value.trim());
      return `Saved as ${path}. It places these points on any picture the run can read.`;
    });
  };

  return (
    <Dialog title="Export" kind="export" onClose={() => (state.dialog.value = null)}>
      {begun === 0 && (
        <p class="callout">Nothing is labelled yet: place the points on one image first.</p>
      )}
      <form onSubmit={exportPoints}>
        <fieldset>
          <legend>What</legend>
          <label class="choice">
            <input
              type="radio"
              name="what"
              checked={what.value === "labels+predictions"}
              onChange={() => (what.value = "labels+predictions")}
            />
            <span>
              <b>{total === 1 ? "The image" : `All ${countedImages(total)}`}</b>
              <small>placed points, and suggestions where nothing was placed</small>
            </span>
          </label>
          <label class="choice">
            <input
              type="radio"
              name="what"
              checked={what.value === "labels"}
              onChange={() => (what.value = "labels")}
            />
            <span>
              <b>
                {countedImages(begun)} with points
              </b>
              <small>only what a person placed</small>
            </span>
          </label>
        </fieldset>
        <fieldset>
          <legend>Format</legend>
          <div class="formats">
            {formats.map(({ name, title }) => (
              <label class="choice" key={name}>
                <input
                  type="radio"
                  name="format"
                  value={name}
                  checked={format.value === name}
                  onChange={() => (format.value = name)}
                />
                <span>{title}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <button class="primary" disabled={busy.value || begun === 0}>
          Download
        </button>
      </form>
      <form class="regressor" onSubmit={saveRegressor}>
        <h3>The regressor</h3>
        <p class="faint">
          What was learned from your labels, kept with the run: it finds the same points on new
          pictures.
        </p>
        <div class="row">
          <label>
            <span>Name</span>
            <input
              required
              value={regressor.value}
              onInput={(event) => (regressor.value = event.currentTarget.value)}
            />
          </label>
          <button class="plain" disabled={busy.value || begun === 0}>
            Save
          </button>
        </div>
      </form>
      <p class={result.value?.bad ? "result bad" : "result"} role="status">
        {result.value?.text}
      </p>
    </Dialog>
  );
}
