import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Canvas } from "./canvas";
import { LOWEST_SCORE } from "./desk";
import type { LocalContrast } from "./local_contrast";
import { hasTask } from "./places";
import type { Desk } from "./desk";
import { isVisible } from "./work";

interface SlidersProps {
  desk: Desk;
  canvas: () => Canvas | null;
  localContrast: LocalContrast;
  children: ComponentChildren;
}

// Which predicted boxes are shown, and how bright the image is.
export function Sliders({ desk, canvas, localContrast, children }: SlidersProps) {
  const brightness = useSignal(1);
  const contrast = useSignal(1);
  useEffect(() => canvas()?.setLight(brightness.value, contrast.value), [brightness.value, contrast.value]);
  const isPlain = brightness.value === 1 && contrast.value === 1 && !localContrast.isOn;
  function reset() {
    brightness.value = 1;
    contrast.value = 1;
    localContrast.turn(false);
  }
  return (
    <div class="sliders" hidden={!hasTask(desk)}>
      <Threshold desk={desk} />
      <Slider
        name="Brightness"
        low={0.3}
        high={3}
        value={brightness.value}
        set={(value) => (brightness.value = value)}
      />
      <Slider
        name="Contrast"
        low={0.3}
        high={4}
        value={contrast.value}
        set={(value) => (contrast.value = value)}
      />
      <button
        type="button"
        aria-pressed={localContrast.isOn}
        onClick={() => localContrast.turn(!localContrast.isOn)}
      >
        Local contrast
      </button>
      <button type="button" disabled={isPlain} onClick={reset}>
        Reset
      </button>
      {children}
    </div>
  );
}

function Threshold({ desk }: { desk: Desk }) {
  const work = desk.work.value;
  const isOff = !work || work.task.predictions.length === 0;
  const hidden = (work?.boxes ?? []).filter((box) => box.state === "predicted" && !isVisible(work!, box)).length;
  return (
    <>
      <Slider
        name="Threshold"
        low={LOWEST_SCORE}
        high={1}
        value={desk.threshold.value}
        isOff={isOff}
        set={(value) => desk.setThreshold(value)}
      />
      <span class="number faint threshold">
        {desk.threshold.value.toFixed(2)}
        {hidden > 0 && `, ${hidden} hidden`}
      </span>
    </>
  );
}

interface SliderProps {
  name: string;
  low: number;
  high: number;
  value: number;
  isOff?: boolean;
  set: (value: number) => void;
}

function Slider({ name, low, high, value, isOff = false, set }: SliderProps) {
  return (
    <label>
      {name}
      <input
        type="range"
        min={low}
        max={high}
        step={0.01}
        value={value}
        disabled={isOff}
        onInput={(event) => set(Number(event.currentTarget.value))}
      />
    </label>
  );
}
