import type { JSX } from "preact";

import { Dialog } from "./dialog";
import { GROUPS, setSingleKeys, singleKeys } from "./keys";
import { MarkerSign } from "./marker";
import * as state from "./state";

export const Help = (): JSX.Element => (
  <Dialog title="How it works" kind="help" onClose={() => (state.dialog.value = null)}>
    <ol class="steps">
      <li>
        <b>Click the points</b> on one picture. From then on every picture shows where the points
        should be.
      </li>
      <li>
        <b>Press Space</b> for the picture that would teach most. Drag what is wrong, press{" "}
        <b>Enter</b> to accept the rest.
      </li>
      <li>
        <b>Look at the gallery</b>, the most doubtful first; mend the worst. Then <b>export</b>.
      </li>
    </ol>
    <ul class="legend" aria-label="Signs">
      <li>
        <MarkerSign kind="placed" colour="#2d7dff" /> placed by a person
      </li>
      <li>
        <MarkerSign kind="suggested" colour="#2d7dff" /> suggested; a glow means unsure
      </li>
      <li>
        <MarkerSign kind="hidden" colour="#2d7dff" /> not visible
      </li>
    </ul>
    <div class="keys">
      {GROUPS.map(({ title, bindings }) => (
        <section key={title} aria-labelledby={`keys-${title}`}>
          <h3 id={`keys-${title}`}>{title}</h3>
          <dl>
            {bindings
              .filter((binding) => binding.shown.length > 0)
              .map((binding) => (
                <div key={binding.label}>
                  <dt>
                    {binding.shown.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{binding.label}</dd>
                </div>
              ))}
          </dl>
        </section>
      ))}
    </div>
    <label class="tick">
      <input
        type="checkbox"
        checked={singleKeys.value}
        onChange={(event) => setSingleKeys(event.currentTarget.checked)}
      />
      Keys of one letter or digit work (turn this off for speech input)
    </label>
  </Dialog>
);
