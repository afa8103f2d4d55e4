/** The server's answers, and how to ask for them. */

export type XY = [number, number];

/** What a person said about a point: where it is, and whether it can be seen. */
export interface Placed {
  x: number | null;
  y: number | null;
  visible: boolean;
}

export interface SchemePoint {
  name: string;
  colour: string;
}

export interface Scheme {
  points: SchemePoint[];
  mirror: [number, number][];
  normaliser: [number, number] | null;
}

export interface ImageEntry {
  id: number;
  name: string;
  width: number;
  height: number;
  labelled: number;
  complete: boolean;
  /** Why the picture cannot be read, if that has turned out. */
  trouble?: string | null;
}

export interface Locating {
  done: number;
  total: number;
}

interface History {
  can_undo?: boolean;
  can_redo?: boolean;
}

export interface Project extends History {
  name: string;
  /** Of this project alone. */
  key: string;
  /** Is another where other images, or other files, have the same numbers. */
  files: string;
  title?: string;
  version: number;
  scheme: Scheme;
  num_landmarks: number;
  images: ImageEntry[];
  formats: { name: string; title: string }[];
  locating: Locating;
  notices?: string[];
}

export interface ImageItem {
  id: number;
  name: string;
  width: number;
  height: number;
  version: number;
  points: (Placed | null)[];
  predicted: (XY | null)[];
  scores: (number | null)[];
  /** Why the picture cannot be read, if so. */
  trouble?: string | null;
}

export interface SavedPoints extends History {
  version: number;
  project_version_before: number;
  project_version: number;
  refit_ms: number;
  predicted?: (XY | null)[];
  scores?: (number | null)[];
}

export interface Predictions {
  version: number;
  fitted_on: number;
  images: {
    ids: number[];
    points: (number[] | null)[];
    placed?: ((number | null)[] | null)[];
    doubt: (number | null)[];
  };
}

export interface Progress {
  labelled_images: number;
  history: { labels: number; error_px: number; error_percent: number | null }[];
  points: {
    name: string;
    error_px: number | null;
    error_percent: number | null;
    labelled: number;
  }[];
  /** With all labelled images. */
  all: { error_px: number | null; error_percent: number | null };
  mean_shape: { error_px: number | null; error_percent: number | null } | null;
  /** What percentages are of, in words. */
  normaliser: string;
  sentence: string;
}

export interface Suggestion {
  id: number | null;
  reason: string;
}

export interface Shapes {
  count: number;
  excluded: number;
  mean: XY[];
  aligned: { id: number; points: XY[] }[];
  modes: { share: number; displacement: XY[] }[];
}

export interface Travelled extends History {
  image_id: number | null;
  what: string;
  project_version: number;
}

export interface Version extends History {
  version: number;
  files: string;
  locating: Locating;
  /** What the server found strange, in sentences. */
  notices?: string[];
}

/** Somebody else has changed an image since its points were read. */
export interface Changed {
  current: ImageItem;
  /** Of each point that there is now, which of those it was that were sent; null for a new one. */
  was: (number | null)[];
}

/** The server understood and said no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly changed?: Changed,
  ) {
    super(message);
  }
}

/** No answer, or none from the annotator. */
export class Unreachable extends Error {}

/** Seconds until a request is given up; files are made of all images. */
const PATIENCE = 30;
const PATIENCE_FOR_FILES = 600;

async function request(
  method: string,
  path: string,
  body?: unknown,
  seconds = PATIENCE,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      signal: AbortSignal.timeout(1000 * seconds),
      ...(body === undefined
        ? {}
        : {
            body: JSON.stringify(body),
            headers: { "Content-Type": "application/json", "X-Warpmarks": "1" },
          }),
    });
  } catch {
    throw new Unreachable("The server does not answer.");
  }
  if (response.status >= 500) throw new Unreachable(`The server failed (${response.status}).`);
  if (!response.ok) {
    const answer = (await response.json().catch(() => ({}))) as {
      error?: string;
      changed?: Changed;
    };
    const message = answer.error ?? `The server refused this (${response.status}).`;
    throw new Refused(response.status, message, answer.changed);
  }
  return response;
}

async function whole<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch {
    throw new Unreachable("The server's answer broke off.");
  }
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  return whole((await request(method, path, body)).json() as Promise<T>);
}

const image = (id: number): string => `api/images/${id}`;

export const fileAddress = (id: number, width?: number): string =>
  `${image(id)}/file${width ? `?width=${width}` : ""}`;

export const getProject = (): Promise<Project> => ask("GET", "api/project");
export const getVersion = (): Promise<Version> => ask("GET", "api/version");
export const getImage = (id: number): Promise<ImageItem> => ask("GET", image(id));
export const getPredictions = (): Promise<Predictions> => ask("GET", "api/predictions");
export const getProgress = (): Promise<Progress> => ask("GET", "api/progress");
export const getShapes = (): Promise<Shapes> => ask("GET", "api/shapes");
export const getSuggestion = (not: number[]): Promise<Suggestion> =>
  ask("GET", `api/suggestion?not=${not.join(",")}`);

export const putPoints = (
  id: number,
  base: number,
  points: (Placed | null)[],
  name: string,
): Promise<SavedPoints> =>
  ask("PUT", `${image(id)}/points`, { base_version: base, points, image: name });

export interface SchemeChange {
  base_version: number;
  points: (SchemePoint & { was?: number })[];
  mirror: [number, number][];
  normaliser: [number, number] | null;
  drop_labels?: boolean;
}

export const putScheme = (change: SchemeChange): Promise<{ version: number }> =>
  ask("PUT", "api/scheme", change);
export const travel = (way: "undo" | "redo"): Promise<Travelled> => ask("POST", `api/${way}`, {});
export const postRegressor = (name: string): Promise<{ path: string }> =>
  ask("POST", "api/regressor", { name });

export interface Download {
  blob: Blob;
  name: string;
  notes: string | null;
}

async function download(response: Response, fallback: string): Promise<Download> {
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=(?:UTF-8|utf-8)''([^;]+)/.exec(disposition)?.[1];
  const plain = /filename="?([^";]+)"?/.exec(disposition)?.[1];
  const notes = response.headers.get("X-Warpmarks-Notes");
  return {
    blob: await whole(response.blob()),
    name: encoded ? decodeURIComponent(encoded) : (plain ?? fallback),
    notes: notes ? decodeURIComponent(notes) : null,
  };
}

export const postExport = async (format: string, what: string): Promise<Download> =>
  download(await request("POST", "api/export", { format, what }, PATIENCE_FOR_FILES), format);
export const getShapesTable = async (): Promise<Download> =>
  download(
    await request("GET", "api/shapes.csv", undefined, PATIENCE_FOR_FILES),
    "shapes.csv",
  );
