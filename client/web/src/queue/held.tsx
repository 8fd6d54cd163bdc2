import type { HeldImageJson, QueueSummaryJson } from "../../gen/loupe/v1/labeling_pb";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { numberOf } from "../dashboards/formats";
import { Table } from "../dashboards/table";
import { When } from "../dashboards/when";
import { annotateAddress, pageAddress } from "../route";
import { counted } from "../words";
import { kindTexts } from "./requests";

// Who works on what now.
export function Held({ project, summary }: { project: string; summary: QueueSummaryJson }) {
  const { held = [], heldTotal } = summary;
  if (held.length === 0) {
    return (
      <p class="faint">
        Nobody has an image now. <a href={annotateAddress(project)}>Label some</a>
      </p>
    );
  }
  const columns: Column<HeldImageJson>[] = [
    {
      name: "file_name",
      title: "Image",
      value: ({ image }) => image?.fileName,
      show: ({ image }) => <a href={pageAddress("image", project, image?.id)}>{image?.fileName}</a>,
    },
    { name: "image_id", title: "", value: ({ image }) => image?.id },
    { name: "held_by", title: "Who", isText: true, value: ({ heldBy }) => heldBy },
    { name: "kind", title: "Why", isText: true, value: ({ kind }) => kindTexts[kind ?? "RANKED"] },
    {
      name: "leased_at",
      title: "Since",
      isText: true,
      value: ({ leasedAt }) => leasedAt,
      show: ({ leasedAt }) => <When at={leasedAt} />,
    },
    {
      name: "lease_expires_at",
      title: "Until, if it isn't renewed",
      isText: true,
      value: ({ leaseExpiresAt }) => leaseExpiresAt,
      show: ({ leaseExpiresAt }) => <When at={leaseExpiresAt} />,
    },
  ];
  return (
    <>
      <div class="part-head">
        <p>
          {counted(numberOf(heldTotal), "image is", "images are")} worked on now
          {numberOf(heldTotal) > held.length && `; the last ${held.length} of them`}.
        </p>
        <Downloads name={`${project}-worked-on`} columns={columns} rows={held} />
      </div>
      <Table
        caption="Images that people work on"
        columns={columns}
        rows={held}
        rowKey={({ image }) => image?.id ?? ""}
      />
    </>
  );
}
