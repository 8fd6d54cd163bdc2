import type { ImportResponseJson } from "../../gen/loupe/v1/image_pb";
import { Downloads } from "../dashboards/downloads";
import type { Column } from "../dashboards/columns";
import { pageAddress } from "../route";
import { counted, numbered } from "../words";

const number = (text: string | undefined) => Number(text ?? 0);
const pictures = (count: number) => counted(count, "picture", "pictures");
const images = (count: number) => counted(count, "image", "images");

// What an import did, in the words of `loupe import`.
export function linesOf(result: ImportResponseJson): string[] {
  const labelled = number(result.labelled) - number(result.declaredBlind);
  const lines: [number, string][] = [
    [labelled, `Labels of ${images(labelled)} taken, with ${counted(number(result.boxes), "box", "boxes")}.`],
    [number(result.known), `Known already, byte for byte, and kept once: ${pictures(number(result.known))}.`],
    [
      number(result.boxesClipped),
      `Boxes over the edge by at most a pixel, clipped: ${number(result.boxesClipped)}.`,
    ],
    [
      number(result.boxesRepeated),
      `Boxes that stood there twice, kept once: ${number(result.boxesRepeated)}.`,
    ],
    [number(result.replaced), `Labels replaced: of ${images(number(result.replaced))}.`],
    [
      number(result.declaredBlind),
      `Labels kept, and counted as drawn blind from now on: of ${images(number(result.declaredBlind))}.`,
    ],
    [
      number(result.holdoutNotBlind),
      "Labels of the holdout that neither train nor judge models, since nothing says that they were drawn blind: " +
        `of ${pictures(number(result.holdoutNotBlind))}. If people drew them without seeing predictions, import the ` +
        "same files again and say so.",
    ],
  ];
  return lines.flatMap(([count, line]) => (count > 0 ? [line] : []));
}

interface Problem {
  readonly file: string;
  readonly problem: string;
}

const columns: Column<Problem>[] = [
  { name: "file", title: "File", value: ({ file }) => file },
  { name: "problem", title: "What is wrong", value: ({ problem }) => problem, isText: true },
];

export function problemOf(line: string): Problem {
  const [file = "", ...problem] = line.split(": ");
  return problem.length > 0 ? { file, problem: problem.join(": ") } : { file: "", problem: line };
}

export function Problems({
  title,
  lines,
  total,
  name,
}: {
  title: string;
  lines: readonly string[];
  total: number;
  name: string;
}) {
  return (
    <div class="problems">
      <div class="part-head">
        <h4>{title}</h4>
        <Downloads name={name} columns={columns} rows={lines.map(problemOf)} />
      </div>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
        {total > lines.length && <li>and {total - lines.length} more</li>}
      </ul>
    </div>
  );
}

export function ImportResult({ project, result }: { project: string; result: ImportResponseJson }) {
  const skipped = result.skipped ?? [];
  const conflicts = result.conflicts ?? [];
  return (
    <div class="result" role="status">
      <p>
        <strong>{images(number(result.added))} added</strong>, {numbered(number(result.addedToPool))} to the
        pool and {numbered(number(result.addedToHoldout))} to the holdout.
      </p>
      {linesOf(result).map((line) => (
        <p key={line}>{line}</p>
      ))}
      {skipped.length > 0 && (
        <Problems
          title={`Left out: ${pictures(number(result.skippedTotal))}`}
          lines={skipped}
          total={number(result.skippedTotal)}
          name={`${project}-left-out`}
        />
      )}
      {conflicts.length > 0 && (
        <Problems
          title={`Came with other labels than those that were kept: ${pictures(number(result.conflictsTotal))}`}
          lines={conflicts}
          total={number(result.conflictsTotal)}
          name={`${project}-conflicts`}
        />
      )}
      <p class="ways">
        <a class="button" href={pageAddress("images", project)}>
          See the images
        </a>
        <a class="button" href={pageAddress("setup", project, "", { part: "guidelines" })}>
          Write guidelines
        </a>
      </p>
    </div>
  );
}
