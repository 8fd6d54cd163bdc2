import type { TrainingPointJson } from "../../gen/loupe/v1/round_pb";
import { Chart } from "../dashboards/chart";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { count, numberOf, score } from "../dashboards/formats";
import { finite, lastCourse } from "./training_points";

const columns: Column<TrainingPointJson>[] = [
  { name: "at", title: "", value: (point) => point.at },
  { name: "iteration", title: "", value: (point) => numberOf(point.iteration) },
  { name: "loss", title: "", value: (point) => finite(point.loss) },
  { name: "images_per_second", title: "", value: (point) => finite(point.imagesPerSecond) },
  { name: "ap50", title: "", value: (point) => (point.ap50 === undefined ? null : finite(point.ap50)) },
];

// How the training went, by iteration.
export function Training({ points, name }: { points: readonly TrainingPointJson[]; name: string }) {
  const course = lastCourse(points);
  const x = course.map((point) => numberOf(point.iteration));
  const ap50 = course.map((point) => (point.ap50 === undefined ? null : finite(point.ap50)));
  const shared = { x, xName: "iteration", xText: count, height: 200 };
  return (
    <section class="part" aria-label="Training">
      <div class="part-head">
        <h3>Training</h3>
        <Downloads name={`${name}-training`} columns={columns} rows={points} />
      </div>
      <div class="card charts">
        <Chart
          {...shared}
          title="Loss"
          yName="loss"
          yText={(loss) => loss.toPrecision(3)}
          series={[{ name: "loss", values: course.map((point) => finite(point.loss)), colour: "--series-1" }]}
        />
        {ap50.some((value) => value !== null) && (
          <Chart
            {...shared}
            title="AP50 on images that the training holds out"
            yName="AP50"
            yText={score}
            series={[{ name: "AP50 on held-out images", values: ap50, colour: "--series-3" }]}
          />
        )}
        <Chart
          {...shared}
          title="Images per second"
          yName="images/s"
          yText={(rate) => rate.toFixed(1)}
          series={[
            {
              name: "images per second",
              values: course.map((point) => finite(point.imagesPerSecond)),
              colour: "--series-2",
            },
          ]}
        />
      </div>
    </section>
  );
}
