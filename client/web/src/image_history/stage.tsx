import { useSignal } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";
import type { ImageJson } from "../../gen/loupe/v1/annotation_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { hexOf, pictureAddress } from "../annotate/task";
import { counted } from "../words";
import { Legend } from "./legend";
import type { Mark } from "./marks";
import { StageView } from "./stage_view";

interface Props {
  project: ProjectJson;
  image: ImageJson;
  marks: readonly Mark[];
  boxId: string; // chosen; empty: none is
  pointed: string | null; // key of the mark that is pointed at in a list
  root: RefObject<HTMLDivElement | null>;
  view: RefObject<StageView | null>;
  select: (boxId: string) => void;
  className: (label: number) => string;
  children: ComponentChildren; // beside the tools: what is drawn
}

// The picture with the marks over it, and what zooms it.
export function Stage(props: Props) {
  const { project, image, marks, boxId, pointed, root, view, select, className, children } = props;
  const isThere = useSignal<boolean | null>(null); // null: the picture is on its way
  const isRemoved = image.state === "REMOVED";
  const address = addressOf(image, project);
  useLayoutEffect(() => {
    const made = new StageView(root.current!, {
      select,
      nameOf: className,
      settled: (came) => (isThere.value = came),
    });
    made.open(address, { width: image.width ?? 1, height: image.height ?? 1 });
    view.current = made;
    return () => made.leave();
  }, [address]);
  useLayoutEffect(() => {
    view.current!.show(marks, pointed ?? (boxId ? `box ${boxId}` : null));
  }, [marks, boxId, pointed, address]);
  useEffect(() => view.current!.reveal(), [boxId]);
  const has = counted(marks.length, "mark", "marks");
  const told = `The picture with ${has}. Left and right arrows walk the revisions, Tab the boxes.`;
  return (
    <>
      <div class="stage" ref={root} tabIndex={0} role="group" aria-label={told} />
      {isRemoved && <p class="over">The picture was removed: only its frame and the history are left.</p>}
      {!isRemoved && isThere.value === false && (
        <p class="over" role="alert">
          The picture couldn't be read: the history is shown without it.
        </p>
      )}
      <div class="stage-tools">
        <span class="ways">
          <Tool name="Larger" keyName="+" act={() => view.current!.zoomBy(1.25)}>
            +
          </Tool>
          <Tool name="Smaller" keyName="-" act={() => view.current!.zoomBy(0.8)}>
            −
          </Tool>
          <Tool name="The whole picture" keyName="0" act={() => view.current!.fit()}>
            Whole
          </Tool>
          <Tool name="To the box" keyName="z" act={() => view.current!.zoomToChosen()}>
            To the box
          </Tool>
        </span>
        {children}
      </div>
      <Legend marks={marks} />
    </>
  );
}

interface ToolProps {
  name: string;
  keyName: string;
  act: () => void;
  children: string;
}

function Tool({ name, keyName, act, children }: ToolProps) {
  return (
    <button type="button" onClick={act} aria-label={name} title={`${name} (${keyName})`}>
      {children}
    </button>
  );
}

// Empty: it is gone.
function addressOf({ state, sha256 = "", mediaType = "" }: ImageJson, project: ProjectJson): string {
  if (state === "REMOVED") return "";
  const { low = 0, high = 65535 } = project.intensityRange ?? {};
  return pictureAddress({ hash: hexOf(sha256), mediaType }, { low, high });
}
