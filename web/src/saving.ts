/** Changes on their way to the server: one request at a time, none lost while it is away. */

import { Refused, type Placed, type SavedPoints } from "./api";

interface Waiting {
  base: number;
  points: (Placed | null)[];
}

interface Callbacks {
  send(id: number, base: number, points: (Placed | null)[]): Promise<SavedPoints>;
  /** `newest`: nothing was changed on this image since it was sent. */
  saved(id: number, answer: SavedPoints, newest: boolean): void;
  conflicted(id: number, mine: (Placed | null)[], error: Refused): void;
  failed(id: number, error: unknown): void;
  counted(count: number): void;
}

export class Saver {
  private readonly changes = new Map<number, Waiting>();
  private running: Promise<void> | null = null;
  private store: string | null = null;

  constructor(private readonly callbacks: Callbacks) {}

  /** The points of an image that have not reached the server yet. */
  waiting(id: number): (Placed | null)[] | undefined {
    return this.changes.get(id)?.points;
  }

  put(id: number, version: number, points: (Placed | null)[]): void {
    this.changes.set(id, { base: this.changes.get(id)?.base ?? version, points });
    this.remember();
  }

  /** Takes over what an earlier life of this tab could not send. */
  restore(project: string): void {
    this.store = `warpmarks.unsaved.${project}`;
    try {
      const text = sessionStorage.getItem(this.store);
      const kept = JSON.parse(text ?? "[]") as [number, Waiting][];
      for (const [id, change] of kept) this.changes.set(id, change);
    } catch {
      sessionStorage.removeItem(this.store);
    }
    this.remember();
  }

  /** Sends all that waits; ends early where the server is away or refuses. */
  drain(): Promise<void> {
    this.running ??= this.sendAll().finally(() => (this.running = null));
    return this.running;
  }

  private async sendAll(): Promise<void> {
    for (;;) {
      const next = this.changes.entries().next();
      if (next.done) return;
      const [id, { base, points }] = next.value;
      try {
        const answer = await this.callbacks.send(id, base, points);
        const now = this.changes.get(id);
        const newest = now?.points === points;
        if (newest) this.changes.delete(id);
        else if (now) now.base = answer.version;
        this.remember();
        this.callbacks.saved(id, answer, newest);
      } catch (error) {
        const mine = this.changes.get(id)?.points ?? points;
        const final = error instanceof Refused && error.status !== 403;
        if (final) this.changes.delete(id);
        this.remember();
        if (final && error.status === 409) this.callbacks.conflicted(id, mine, error);
        else this.callbacks.failed(id, error);
        return;
      }
    }
  }

  private remember(): void {
    this.callbacks.counted(this.changes.size);
    if (this.store === null) return;
    try {
      if (this.changes.size === 0) sessionStorage.removeItem(this.store);
      else sessionStorage.setItem(this.store, JSON.stringify([...this.changes]));
    } catch {
      // No room or not allowed: the changes are still held here.
    }
  }
}
