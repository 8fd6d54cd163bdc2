import type { TaskJson } from "../../gen/loupe/v1/labeling_pb";
import { When } from "../dashboards/when";
import { annotateAddress } from "../route";
import { counted } from "../words";

// Images that nobody else gets now.
export function OpenTasks({ project, tasks }: { project: string; tasks: readonly TaskJson[] }) {
  return (
    <section class="open-tasks" aria-labelledby="open-tasks">
      <h3 id="open-tasks">Open tasks</h3>
      {tasks.length === 0 ? (
        <p class="faint">No image is held for you.</p>
      ) : (
        <>
          <div class="said">
            <p>
              {counted(tasks.length, "image is", "images are")} held for you. Without an answer by the time
              beside it, an image goes to others.
            </p>
            <a class="button" href={annotateAddress(project)}>
              Go on
            </a>
          </div>
          <ul class="card list">
            {tasks.map(({ taskId, image, leaseExpiresAt }) => (
              <li key={taskId}>
                <span class="name">{image?.fileName}</span>
                <span class="faint">
                  until <When at={leaseExpiresAt} only="clock" />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
