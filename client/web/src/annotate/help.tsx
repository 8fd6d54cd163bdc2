import { useEffect, useRef } from "preact/hooks";
import { groups } from "./keys";

// All keys. Escape or `?` closes it.
export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="keys" onClose={close}>
      <div class="help-head">
        <h2 id="keys">Keys</h2>
        <button type="button" onClick={() => dialog.current!.close()}>
          Close
        </button>
      </div>
      <div class="help-groups">
        {groups.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map((key) => (
                <div key={key.chords[0]}>
                  <dt>
                    <kbd>{key.shown ?? key.chords[0]}</kbd>
                  </dt>
                  <dd>{key.what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p class="faint">
        A click selects the smallest box at the pointer; with Alt or Ctrl the next larger one. Drag a
        selected box to move it, its corners and sides to resize it. The wheel zooms, the middle button
        pans.
      </p>
    </dialog>
  );
}
