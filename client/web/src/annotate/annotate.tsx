// The annotation page of a project.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import { Mark } from "../mark";
import "./annotate.css";
import { BoxList } from "./box_list";
import { Canvas } from "./canvas";
import { ClassPanel, nameOf } from "./class_panel";
import { Desk } from "./desk";
import { Guidelines } from "./guidelines";
import { Help } from "./help";
import type { Journal } from "./journal";
import { listenToKeys } from "./keys";
import type { Outbox } from "./outbox";
import { Places, hasTask } from "./places";
import { Saved, Spoken, Warnings } from "./saved";
import { Sliders } from "./sliders";
import { Strip } from "./strip";

interface Props {
  project: string;
  caller: TokenJson;
  journal: Journal;
  outbox: Outbox;
}

export function Annotate(props: Props) {
  const { role } = props.caller;
  if (role === "VIEWER" || role === "WORKER") return <NotAllowed role={role} />;
  return <Desktop key={props.project} {...props} />;
}

function Desktop({ project, caller, journal, outbox }: Props) {
  const desk = useMemo(() => new Desk(project, caller.id ?? "", journal, outbox), [project, outbox]);
  const stage = useRef<HTMLDivElement>(null);
  const side = useRef<HTMLElement>(null);
  const canvas = useRef<Canvas | null>(null);
  const isHelpOpen = useSignal(false);
  const isSideOpen = useSignal(true);

  useEffect(() => desk.start(), [desk]);
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
    return listenToKeys(
      {
        desk,
        canvas: made,
        toggleHelp: () => (isHelpOpen.value = !isHelpOpen.value),
        leaveCanvas: () => side.current?.focus(),
      },
      stage.current!,
    );
  }, [desk]);

  const work = desk.work.value;
  const isShown = desk.place.value.name === "task";
  const { classes, guidelinesVersion = 0 } = desk.project.value;
  // Before the browser paints: picture, boxes and panel change together.
  useLayoutEffect(() => {
    const task = desk.opened.value;
    if (isShown && task) {
      canvas.current!.open(task.picture.image, task.task.size);
      if (document.activeElement === document.body) stage.current!.focus();
    } else if (desk.place.value.name !== "opening") {
      canvas.current!.close();
    }
  }, [desk.place.value]);
  useLayoutEffect(() => {
    if (work && isShown) canvas.current!.show(work, (label) => nameOf(classes, label));
  }, [work, classes, isShown]);

  // After a click on a button Enter means the image again. Who goes by the keyboard stays where they are.
  function returnFocus(event: MouseEvent) {
    const { detail, target } = event;
    if (detail > 0 && target instanceof Element && target.closest("button")) stage.current!.focus();
  }

  return (
    <main class="annotate" onClick={returnFocus}>
      <header class="top">
        <a href="#" class="home" aria-label="All projects">
          <Mark />
        </a>
        <h1>{project}</h1>
        <Saved desk={desk} />
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
      <Warnings desk={desk} />
      <div class="middle">
        <div class="picture-side">
          <div
            ref={stage}
            class="stage"
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
          {work && <AboutTask desk={desk} />}
          <BoxList desk={desk} reveal={() => canvas.current?.reveal()} />
          <ClassPanel desk={desk} />
          {guidelinesVersion > 0 && <Guidelines project={project} version={guidelinesVersion} />}
        </aside>
      </div>
      <Sliders desk={desk} canvas={() => canvas.current} />
      <Strip desk={desk} />
      <Spoken desk={desk} />
      {isHelpOpen.value && <Help close={() => (isHelpOpen.value = false)} />}
    </main>
  );
}

function AboutTask({ desk }: { desk: Desk }) {
  const { task } = desk.work.value!;
  const added = task.newClasses.map((label) => nameOf(desk.project.value.classes, label)).join(", ");
  return (
    <div class="about">
      <p class="file">{task.fileName}</p>
      {task.why && <p class="faint">Why: {task.why}</p>}
      {task.blind && <p class="badge">Blind: draw what you see</p>}
      {added && <p>Look for: {added}</p>}
    </div>
  );
}

function NotAllowed({ role }: { role: string }) {
  return (
    <main class="narrow">
      <p>
        Your token is one of a {role.toLowerCase()}, which can't label. Ask an admin for one with the role
        annotator.
      </p>
      <a href="#">All projects</a>
    </main>
  );
}
