#include "worker/jobs/snapshot.h"

#include <torch/types.h>

#include <algorithm>
#include <string>
#include <utility>

#include "client/lib/blob_stream.h"

namespace loupe {
namespace {

// Pictures are read through the cache each time, so that a training set may be larger than the cache.
TrainingImage ImageOf(const JobContext& context, const v1::SnapshotItem& item) {
  std::vector<TrainingBox> boxes;
  for (const v1::LabelBox& box : item.boxes()) {
    boxes.push_back(
        {{box.box().x1(), box.box().y1(), box.box().x2(), box.box().y2()}, box.label(), box.ignore()});
  }
  const std::string name = item.image().file_name();
  const std::string sha256 = item.image().sha256();
  const auto load = [&context, name, sha256] { return context.ReadPicture(sha256, name); };
  return {name, load, TargetOf(boxes), item.pseudo()};
}

// Of its boxes that aren't regions to ignore.
std::vector<int64_t> BoxIdsOf(const v1::SnapshotItem& item) {
  std::vector<int64_t> ids;
  for (const v1::LabelBox& box : item.boxes()) {
    if (!box.ignore()) ids.push_back(box.box_id());
  }
  return ids;
}

}  // namespace

std::vector<TrainingImage> Snapshot::HeldOutImages() const {
  std::vector<TrainingImage> images;
  for (const HeldOutImage& one : held_out) images.push_back(one.image);
  return images;
}

absl::StatusOr<Snapshot> ReadSnapshot(const JobContext& context) {
  std::vector<v1::Class> classes(context.job.classes().begin(), context.job.classes().end());
  std::sort(classes.begin(), classes.end(),
            [](const auto& a, const auto& b) { return a.label() < b.label(); });
  Snapshot snapshot;
  TrainingSet& set = snapshot.set;
  for (const v1::Class& one : classes) set.class_names.push_back(one.name());
  v1::ReadSnapshotRequest request;
  request.set_job_id(context.job.job_id());
  request.set_lease(context.job.lease());
  const auto stub = v1::WorkerService::NewStub(context.connection.channel());
  const absl::Status read = RetryUnavailable(kJobPatience, [&] {
    set.images.clear();
    snapshot.image_ids.clear();
    snapshot.held_out.clear();
    const auto client = context.connection.NewContext(StreamDeadline(0));
    const auto reader = stub->ReadSnapshot(client.get(), request);
    v1::SnapshotItem item;
    while (reader->Read(&item)) {
      if (item.held_out()) {
        snapshot.held_out.push_back({item.image().id(), BoxIdsOf(item), ImageOf(context, item)});
        continue;
      }
      set.images.push_back(ImageOf(context, item));
      snapshot.image_ids.push_back(item.image().id());
    }
    return FromGrpc(reader->Finish());
  });
  if (!read.ok()) return read;
  return snapshot;
}

absl::StatusOr<int> SetBadPicturesAside(const JobContext& context, const Snapshot& snapshot) {
  int count = 0;
  const auto look = [&](int64_t id, const TrainingImage& image) -> absl::Status {
    if (absl::Status status = context.lease.MayGoOn(); !status.ok()) return status;
    const absl::Status loaded = image.load().status();
    if (loaded.ok()) return loaded;
    if (!IsFaultOfPicture(loaded)) return loaded;
    ++count;
    return context.SetImageAside(id, loaded);
  };
  for (size_t i = 0; i < snapshot.image_ids.size(); ++i) {
    if (absl::Status looked = look(snapshot.image_ids[i], snapshot.set.images[i]); !looked.ok())
      return looked;
  }
  for (const HeldOutImage& held_out : snapshot.held_out) {
    if (absl::Status looked = look(held_out.id, held_out.image); !looked.ok()) return looked;
  }
  return count;
}

}  // namespace loupe
