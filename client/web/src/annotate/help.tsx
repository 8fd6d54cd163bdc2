import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { chordOf } from "./chord";
import { chordsOf, conflictOf, groups } from "./keys";
import type { Key } from "./keys";
import { change, settings } from "./settings";

// All keys, to look up and to change, and the crosshair's looks. Escape or the key of the list closes it.
export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const changing = useSignal<Key | null>(null);
  const message = useSignal("");
  useEffect(() => dialog.current!.showModal(), []);

  // The key that is pressed while one is being changed.
  function take(event: KeyboardEvent) {
    const { value: key } = changing;
    if (!key || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const chord = chordOf(event);
    if (chord !== "Escape") {
      message.value = conflictOf(key, chord, settings.value);
      if (message.value !== "") return;
      change({ keys: { ...settings.value.keys, [key.name]: chord } });
    }
    changing.value = null;
    message.value = "";
  }

  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="keys"
      onClose={close}
      onKeyDown={take}
      data-takes-keys={changing.value ? "" : undefined}
    >
      <div class="help-head">
        <h2 id="keys">Keys</h2>
        <p role="status">
          {changing.value && (message.value || "Press the key that you want. Escape leaves it as it is.")}
        </p>
        {Object.keys(settings.value.keys).length > 0 && (
          <button type="button" onClick={() => change({ keys: {} })}>
            Reset all keys
          </button>
        )}
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
                <div key={key.name}>
                  <dt>
                    <Chords
                      item={key}
                      isChanging={changing.value === key}
                      press={() => {
                        changing.value = key;
                        message.value = "";
                      }}
                    />
                  </dt>
                  <dd>{key.what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <fieldset class="crosshair-looks">
        <legend>Crosshair</legend>
        <label>
          <input
            type="checkbox"
            checked={settings.value.crosshair}
            onInput={(event) => change({ crosshair: event.currentTarget.checked })}
          />
          shown
        </label>
        <label>
          width
          <input
            type="range"
            min={1}
            max={8}
            step={1}
            value={settings.value.crosshairWidth}
            onInput={(event) => change({ crosshairWidth: Number(event.currentTarget.value) })}
          />
        </label>
        <label>
          opacity
          <input
            type="range"
            min={0.1}
            max={1}
            step={0.05}
            value={settings.value.crosshairOpacity}
            onInput={(event) => change({ crosshairOpacity: Number(event.currentTarget.value) })}
          />
        </label>
      </fieldset>
      <p class="faint">
        Click a key to change it. A click selects the smallest box at the pointer; with Alt or Ctrl the next
        larger one; with Shift one more. Drag what is selected to move it, a box's corners and sides to resize
        it. The wheel zooms, the middle button pans.
      </p>
    </dialog>
  );
}

function Chords({ item, isChanging, press }: { item: Key; isChanging: boolean; press: () => void }) {
  const chords = chordsOf(item, settings.value);
  if (item.isFixed) return <kbd>{item.shown ?? chords.join(", ")}</kbd>;
  return (
    <>
      <button type="button" class="chord" aria-pressed={isChanging} aria-label={`Change ${chords[0]}`} onClick={press}>
        <kbd>{isChanging ? "…" : chords[0]}</kbd>
      </button>
      {chords.slice(1).map((chord) => (
        <kbd key={chord}>{chord}</kbd>
      ))}
    </>
  );
}
