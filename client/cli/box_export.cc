#include "client/cli/box_export.h"

#include <optional>
#include <string>

#include "client/cli/box_text.h"
#include "client/cli/context.h"
#include "content/whole_file.h"
#include "loupe/v1/provenance.grpc.pb.h"

namespace loupe {

absl::Status ReadExport(const Connection& connection, const v1::ExportBoxesRequest& request,
                        absl::FunctionRef<absl::Status()> begin,
                        absl::FunctionRef<absl::Status(const v1::ExportBoxesResponse&)> take) {
  v1::ProvenanceService::Stub stub(connection.channel());
  return RetryUnavailable(kInteractive.patience, [&]() -> absl::Status {
    if (const absl::Status begun = begin(); !begun.ok()) return begun;
    const auto call = connection.NewContext(absl::Minutes(30));
    const auto reader = stub.ExportBoxes(call.get(), request);
    v1::ExportBoxesResponse message;
    while (reader->Read(&message)) {
      if (const absl::Status taken = take(message); !taken.ok()) {
        call->TryCancel();
        reader->Finish();
        return taken;
      }
    }
    return FromGrpc(reader->Finish());
  });
}

absl::StatusOr<SavedBoxes> SaveBoxLines(const Connection& connection, const v1::ExportBoxesRequest& request,
                                        const ClassNames& classes, LineFormat format,
                                        const std::filesystem::path& path) {
  std::optional<WholeFile> file;
  SavedBoxes saved;
  int64_t last_image = 0;
  std::string lines;
  const absl::Status read = ReadExport(
      connection, request,
      [&]() -> absl::Status {
        absl::StatusOr<WholeFile> opened = WholeFile::Open(path);
        if (!opened.ok()) return opened.status();
        file.emplace(*std::move(opened));
        saved = {};
        last_image = 0;
        return format == LineFormat::kCsv ? file->Append(CsvHeader()) : absl::OkStatus();
      },
      [&](const v1::ExportBoxesResponse& message) {
        lines.clear();
        for (const v1::FoundBox& found : message.boxes()) {
          if (found.image_id() != last_image) ++saved.images;
          last_image = found.image_id();
          format == LineFormat::kCsv ? AppendCsvLine(lines, found, classes)
                                     : AppendJsonLine(lines, found, classes);
        }
        saved.boxes += static_cast<uint64_t>(message.boxes_size());
        return file->Append(lines);
      });
  if (!read.ok()) return read;
  if (const absl::Status done = file->Commit(Durability::kNow); !done.ok()) return done;
  return saved;
}

}  // namespace loupe
