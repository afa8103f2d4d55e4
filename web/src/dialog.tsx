/** The browser's own dialog: keeps the focus, closes by Esc, gives the focus back. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { Icon } from "./icons";

interface Props {
  title: string;
  kind: string;
  onClose: (() => void) | null;
  children: ComponentChildren;
}

export function Dialog({ title, kind, onClose, children }: Props): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    return () => {
      // Where it was opened from may be gone by now.
      if (before?.isConnected && before !== document.body) before.focus();
      else document.getElementById("stage")?.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={kind}
      aria-labelledby={`${kind}-title`}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onPointerDown={(event) => {
        if (event.target === element.current) onClose?.();
      }}
    >
      <div class="dialog-body">
        <header>
          <h2 id={`${kind}-title`}>{title}</h2>
          {onClose && (
            <button class="quiet" aria-label="Close" onClick={onClose}>
              <Icon name="close" />
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}
