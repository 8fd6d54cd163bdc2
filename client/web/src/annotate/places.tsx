// What stands where the image would be: one sentence, and the next step.

import type { RoleJson } from "../../gen/loupe/v1/token_pb";
import { imagesOf } from "../progress";
import { mayEngineer } from "../role";
import { pageAddress, workAddress } from "../route";
import type { Desk } from "./desk";

export function Places({ desk, role }: { desk: Desk; role: RoleJson | undefined }) {
  const place = desk.place.value;
  switch (place.name) {
    case "task":
      return null;
    case "opening":
      return (
        <div class="place late">
          <p role="status">Loading…</p>
        </div>
      );
    case "stuck":
      return (
        <div class="place" role="alert">
          <p>{place.message}</p>
          <p class="faint">What you have done is kept in this browser.</p>
          <button type="button" onClick={() => void desk.retry()}>
            Try again
          </button>
        </div>
      );
    case "closed":
      return (
        <div class="place" role="alert">
          <p>{place.message}</p>
          <button type="button" class="primary" onClick={() => void desk.retry()}>
            Next image
          </button>
          <a href={workAddress(desk.project.value.name ?? "")}>Your work</a>
        </div>
      );
    case "broken":
      return <Broken desk={desk} message={place.message} />;
    case "empty":
      return <Empty desk={desk} role={role} skippedImages={place.skippedImages} />;
  }
}

function Broken({ desk, message }: { desk: Desk; message: string }) {
  const name = desk.opened.value?.task.fileName;
  return (
    <div class="place" role="alert">
      <p>
        {name} can't be shown. {message}
      </p>
      <button type="button" class="primary" onClick={() => desk.skip(`picture can't be shown: ${message}`)}>
        Skip it for that reason
      </button>
      <button type="button" onClick={() => void desk.retry()}>
        Try again
      </button>
    </div>
  );
}

function Empty({
  desk,
  role,
  skippedImages,
}: {
  desk: Desk;
  role: RoleJson | undefined;
  skippedImages: number;
}) {
  const { name = "" } = desk.project.value;
  const isEngineer = mayEngineer(role);
  if (imagesOf(desk.status.value) === 0) {
    return (
      <div class="place" role="status">
        <p>
          {name} has no pictures yet.{" "}
          {isEngineer ? <ImportLink project={name} text="Import some" /> : "An engineer imports them."}
        </p>
        <Onwards desk={desk} />
      </div>
    );
  }
  return (
    <div class="place" role="status">
      {skippedImages > 0 ? (
        <>
          <p>Only images that you have skipped are left: {skippedImages}.</p>
          <button type="button" class="primary" onClick={() => desk.takeSkipped()}>
            Take them up again
          </button>
        </>
      ) : (
        <p>
          Nothing is left to label in {name}.{" "}
          {isEngineer ? (
            <>
              <a href={pageAddress("new round", name)}>Start a round</a>, or{" "}
              <ImportLink project={name} text="import more pictures" />.
            </>
          ) : (
            "Thank you."
          )}
        </p>
      )}
      <Onwards desk={desk} />
    </div>
  );
}

function ImportLink({ project, text }: { project: string; text: string }) {
  return <a href={pageAddress("setup", project, "", { part: "import" })}>{text}</a>;
}

function Onwards({ desk }: { desk: Desk }) {
  return (
    <>
      <button type="button" onClick={() => void desk.retry()}>
        Look again
      </button>
      <a href="#">All projects</a>
    </>
  );
}

// Whether there is, or is about to be, something to label.
export function hasTask(desk: Desk): boolean {
  const { name } = desk.place.value;
  return name === "task" || name === "opening";
}
