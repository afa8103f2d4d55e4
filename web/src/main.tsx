import { render, type JSX } from "preact";
import { useEffect } from "preact/hooks";

import { ConflictDialog } from "./conflict_dialog";
import { ExportDialog } from "./export_dialog";
import { Gallery } from "./gallery";
import { Help } from "./help";
import { Icon } from "./icons";
import { listen } from "./keys";
import { Panel } from "./panel";
import { PointsDialog } from "./points_dialog";
import { ShapeView } from "./shapes";
import { fitStage, focusStage, Stage, zoom } from "./stage";
import * as state from "./state";
import { TopBar } from "./top_bar";
import "./style.css";

function Labelling(): JSX.Element {
  const images = state.project.value?.images ?? [];
  const image = images[state.position.value];
  const then = (action: () => void) => (event: MouseEvent) => {
    action();
    if (event.detail > 0) focusStage();
  };
  return (
    <main class="labelling" aria-label="Label">
      <div class="stage-column">
        <Stage />
        <div class="under">
          <button
            class="quiet"
            aria-label="Previous image"
            title="Previous image (P)"
            onClick={then(() => void state.step(-1))}
          >
            <Icon name="previous" />
          </button>
          <button
            class="quiet"
            aria-label="Next image"
            title="Next image (N)"
            onClick={then(() => void state.step(1))}
          >
            <Icon name="next" />
          </button>
          <p class="where">
            <span class="name" title={image?.name}>
              {image?.name ?? ""}
            </span>
            <span class="faint">
              {state.position.value + 1} of {images.length.toLocaleString("en")}
            </span>
          </p>
          <button
            class="quiet"
            aria-label="Zoom out"
            title="Zoom out (−)"
            onClick={then(() => zoom(1 / 1.4))}
          >
            <Icon name="minus" />
          </button>
          <button
            class="quiet"
            aria-label="The whole picture"
            title="The whole picture (F)"
            onClick={then(fitStage)}
          >
            <Icon name="whole" />
          </button>
          <button
            class="quiet"
            aria-label="Zoom in"
            title="Zoom in (+)"
            onClick={then(() => zoom(1.4))}
          >
            <Icon name="plus" />
          </button>
        </div>
      </div>
      <Panel />
    </main>
  );
}

function Banner(): JSX.Element | null {
  const kind = state.connection.value;
  if (kind === "fine") return null;
  const waiting = state.unsaved.value > 0;
  return (
    <div class="banner" role="alert">
      {kind === "lost" ? (
        <p>
          <b>The server does not answer.</b>{" "}
          {waiting
            ? "Your last change is kept here and is saved as soon as it is back."
            : "Everything is saved; this page goes on as soon as it is back."}
        </p>
      ) : (
        <p>
          <b>The server does not know this page any more.</b> Open the address that{" "}
          <code>warpmarks annotate</code> has printed, in this tab
          {waiting ? ": your last change is kept until then." : "."}
        </p>
      )}
      <button class="plain" disabled={state.trying.value} onClick={() => void state.retry()}>
        {state.trying.value ? "Trying …" : "Try again"}
      </button>
    </div>
  );
}

function Page(): JSX.Element {
  useEffect(listen, []);
  const project = state.project.value;
  if (!project) {
    const problem = state.failure.value;
    if (problem === null) return <p class="loading">Opening the project …</p>;
    return (
      <main class="closed">
        <h1>This project cannot be opened</h1>
        <p>
          {state.connection.value === "locked"
            ? "This address lacks its key. Open the one that warpmarks annotate has printed."
            : problem}
        </p>
        <button class="primary" onClick={() => void state.start()}>
          Try again
        </button>
      </main>
    );
  }
  const section = state.section.value;
  const { dialog, conflict, notice } = state;
  return (
    <>
      <TopBar />
      <Banner />
      {section === "label" && <Labelling />}
      {section === "gallery" && <Gallery />}
      {section === "shapes" && <ShapeView />}
      {conflict.value ? (
        <ConflictDialog key={conflict.value.id} />
      ) : (
        <>
          {dialog.value === "help" && <Help />}
          {dialog.value === "export" && <ExportDialog />}
          {dialog.value === "points" && <PointsDialog />}
        </>
      )}
      {notice.value && (
        <p class={`notice ${notice.value.kind}`} key={notice.value.key} role="status">
          {notice.value.text}
        </p>
      )}
      <p class="unseen" aria-live="polite">
        {state.spoken.value}
      </p>
    </>
  );
}

render(<Page />, document.getElementById("page") as HTMLElement);
void state.start();
