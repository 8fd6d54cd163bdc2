// The annotation page of a project.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import { Mark } from "../mark";
import { NotAllowed } from "../not_allowed";
import { progressOf } from "../progress";
import { WHO_LABELS, mayLabel } from "../role";
import { workAddress } from "../route";
import "./annotate.css";
import { BoxList } from "./box_list";
import { Canvas } from "./canvas";
import { ClassPanel, nameOf } from "./class_panel";
import { Desk } from "./desk";
import { ErrorPanel } from "./error_panel";
import { Guidelines } from "./guidelines";
import { Help } from "./help";
import type { Journal } from "./journal";
import { listenToKeys } from "./keys";
import type { Hands } from "./keys";
import { LocalContrast } from "./local_contrast";
import type { Outbox } from "./outbox";
import { setColours } from "./palette";
import { Places, hasTask } from "./places";
import { RemarksPanel } from "./remarks_panel";
import { Saved, Spoken, Warnings } from "./saved";
import { settings } from "./settings";
import { Sliders } from "./sliders";
import { Strip, Tools } from "./strip";
import type { Task } from "./task";

const NARROW = 700; // screen pixels: the picture needs the room of the panel

interface Props {
  project: string;
  open: string; // id of an image that is opened again to begin with; empty: none
  caller: TokenJson;
  journal: Journal;
  outbox: Outbox;
}

export function Annotate(props: Props) {
  const { role } = props.caller;
  if (!mayLabel(role)) {
    return (
      <NotAllowed role={role} needs="ANNOTATOR">
        {WHO_LABELS}
      </NotAllowed>
    );
  }
  return <Desktop key={`${props.project} ${props.open}`} {...props} />;
}

function Desktop({ project, open, caller, journal, outbox }: Props) {
  const desk = useMemo(() => new Desk(project, caller.id ?? "", journal, outbox, open), [project, outbox]);
  const stage = useRef<HTMLDivElement>(null);
  const side = useRef<HTMLElement>(null);
  const canvas = useRef<Canvas | null>(null);
  const hands = useRef<Hands | null>(null);
  const isHelpOpen = useSignal(false);
  const isSideOpen = useSignal(innerWidth >= NARROW);

  const localContrast = useMemo(
    () =>
      new LocalContrast({
        show: (copy) => canvas.current?.showEnhanced(copy),
        tell: (text) => (desk.notice.value = text),
        ahead: () => desk.picturesAhead(),
      }),
    [desk],
  );

  useEffect(() => desk.start(), [desk]);
  useEffect(() => () => localContrast.leave(), [localContrast]);
  useLayoutEffect(() => {
    const made = new Canvas(stage.current!, {
      work: () => desk.work.value,
      label: () => desk.label.value,
      dispatch: (action) => desk.dispatch(action),
    });
    canvas.current = made;
    for (const sign of ["pointermove", "wheel"]) {
      stage.current!.addEventListener(sign, () => desk.touch(), { passive: true });
    }
    stage.current!.focus();
    hands.current = {
      desk,
      canvas: made,
      toggleHelp: () => (isHelpOpen.value = !isHelpOpen.value),
      // Without the panel Tab goes on from where the image is.
      leaveCanvas: () => (side.current!.hidden ? stage.current!.blur() : side.current!.focus()),
      enter: (field) => {
        const enterField = () => {
          const element = side.current?.querySelector<HTMLElement>(`.${field}`);
          element?.closest("details")?.setAttribute("open", ""); // What is folded away takes no focus.
          element?.focus();
        };
        const isPanelThere = isSideOpen.value;
        isSideOpen.value = true;
        // At once: letters that follow quickly are text, not keys.
        if (isPanelThere) enterField();
        else requestAnimationFrame(enterField);
      },
    };
    return listenToKeys(hands.current, stage.current!);
  }, [desk]);

  const work = desk.work.value;
  const { value: status } = desk.status;
  const { crosshair, crosshairWidth, crosshairOpacity } = settings.value;
  const isShown = desk.place.value.name === "task";
  const { classes, guidelinesVersion = 0 } = desk.project.value;
  useLayoutEffect(() => setColours(classes ?? []), [classes]);
  // Before the browser paints: picture, boxes and panel change together.
  useLayoutEffect(() => {
    const task = desk.opened.value;
    if (isShown && task) {
      canvas.current!.open(task.picture.levels, task.task.size);
      localContrast.open(task.picture);
      if (document.activeElement === document.body) stage.current!.focus();
    } else if (desk.place.value.name !== "opening") {
      canvas.current!.close();
      localContrast.open(null);
    }
  }, [desk.place.value]);
  useLayoutEffect(() => {
    if (work && isShown) canvas.current!.show(work, (label) => nameOf(classes, label));
  }, [work, classes, isShown]);

  // After a click on a button or a slider the keys mean the image again. Who goes by the keyboard stays where
  // they are.
  function returnFocus(event: MouseEvent) {
    const { detail, target } = event;
    const isControl = target instanceof Element && target.closest("button, summary, .sliders input");
    if (detail > 0 && isControl) stage.current!.focus();
  }

  return (
    <main class="annotate" onClick={returnFocus}>
      <header class="top">
        <a href="#" class="home" aria-label="All projects">
          <Mark />
        </a>
        <h1>{project}</h1>
        <Saved desk={desk} />
        {status.project && <p class="number">{progressOf(status)}</p>}
        <a class="button" href={workAddress(project)}>
          Your work
        </a>
        <button type="button" onClick={() => (isHelpOpen.value = true)}>
          <kbd>?</kbd> keys
        </button>
        <button
          type="button"
          aria-pressed={isSideOpen.value}
          onClick={() => (isSideOpen.value = !isSideOpen.value)}
        >
          Panel
        </button>
      </header>
      <div class="middle">
        <div class="picture-side">
          <div
            ref={stage}
            class={crosshair ? "stage with-crosshair" : "stage"}
            style={{ "--crosshair-width": `${crosshairWidth}px`, "--crosshair-opacity": crosshairOpacity }}
            role="application"
            tabIndex={0}
            aria-label={`Picture ${work?.task.fileName ?? ""}. Tab walks its boxes, Escape leaves it.`}
          />
          <Places desk={desk} role={caller.role} />
        </div>
        <aside
          ref={side}
          class="side"
          tabIndex={-1}
          hidden={!isSideOpen.value || !hasTask(desk)}
          aria-label="Boxes and classes"
        >
          {work && <AboutTask desk={desk} hands={() => hands.current!} />}
          <BoxList desk={desk} reveal={() => canvas.current?.reveal()} />
          <ClassPanel desk={desk} leave={() => stage.current!.focus()} />
          {work && <RemarksPanel key={work.task.id} desk={desk} />}
          {guidelinesVersion > 0 && <Guidelines project={project} version={guidelinesVersion} />}
        </aside>
        <Warnings desk={desk} />
      </div>
      <Sliders desk={desk} canvas={() => canvas.current} localContrast={localContrast}>
        <Tools desk={desk} hands={() => hands.current!} leave={() => stage.current!.focus()} />
      </Sliders>
      <Strip desk={desk} hands={() => hands.current!} isPanelOpen={isSideOpen.value} />
      <Spoken desk={desk} />
      {isHelpOpen.value && <Help close={() => (isHelpOpen.value = false)} />}
    </main>
  );
}

// Served by no ranking, and not for a new class.
function isCorrection({ generation, newClasses }: Task): boolean {
  return generation === null && newClasses.length === 0;
}

function AboutTask({ desk, hands }: { desk: Desk; hands: () => Hands }) {
  const { task } = desk.work.value!;
  const hasErrors = (task.labelErrors ?? []).length > 0;
  const added = task.newClasses.map((label) => nameOf(desk.project.value.classes, label)).join(", ");
  return (
    <div class="about">
      <p class="file">{task.fileName}</p>
      {task.why && <p class="faint">Why: {task.why}</p>}
      {task.requestReason && <p>Asked: {task.requestReason}</p>}
      {isCorrection(task) && <p class="badge">An answer, opened again: skipping leaves it as it is</p>}
      {task.blind && !hasErrors && <p class="badge">Blind: draw what you see</p>}
      {added && <p>Look for: {added}</p>}
      {hasErrors && <ErrorPanel desk={desk} hands={hands} />}
    </div>
  );
}
