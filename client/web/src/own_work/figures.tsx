import type { OwnWorkJson, WorkTotalsJson } from "../../gen/loupe/v1/labeling_pb";
import { annotateAddress } from "../route";
import { durationOf, numbered } from "../words";

// What the person has done: today, and in all.
export function Figures({ project, work }: { project: string; work: OwnWorkJson }) {
  return (
    <section class="figures" aria-labelledby="figures">
      <h3 id="figures">What you have done</h3>
      {Number(work.total?.images ?? 0) === 0 ? (
        <p class="card empty">
          You have sent no answer in {project} yet.{" "}
          <a href={annotateAddress(project)}>Label the first image</a>
        </p>
      ) : (
        <table class="card" aria-labelledby="figures">
          <thead>
            <tr>
              <td />
              <th scope="col">Images</th>
              <th scope="col">Boxes</th>
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            <Row name="Today" totals={work.since} />
            <Row name="In all" totals={work.total} />
          </tbody>
        </table>
      )}
    </section>
  );
}

function Row({ name, totals }: { name: string; totals: WorkTotalsJson | undefined }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{numbered(Number(totals?.images ?? 0))}</td>
      <td>{numbered(Number(totals?.boxes ?? 0))}</td>
      <td>{durationOf(Number(totals?.spentMs ?? 0))}</td>
    </tr>
  );
}
