"""What coordinators have acknowledged must be there once."""


def check_acknowledged(lines, revisions_of):
    """Every acknowledged correction is in the history of its image exactly once; returns their number.
    `lines` name image_id, task_id and revision_id; `revisions_of(image_id)` returns the revisions of an image
    as `loupe provenance image --json` does."""
    history = {image: revisions_of(image) for image in {line["image_id"] for line in lines}}
    for line in lines:
        revisions = history[line["image_id"]]
        found = [r for r in revisions if int(r["revision_id"]) == int(line["revision_id"])]
        assert len(found) == 1, (
            f"revision {line['revision_id']} was acknowledged and is there {len(found)} times")
        of_task = [r for r in revisions if int(r.get("task_id", 0)) == int(line["task_id"])]
        assert len(of_task) == 1, f"task {line['task_id']} left {len(of_task)} revisions"
    return len(lines)
