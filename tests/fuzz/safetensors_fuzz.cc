// Any bytes as a safetensors file: refused with a status, or read, and then what is written of it reads the
// same.

#include "worker/weights/safetensors.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tensors.h"

FUZZ_TARGET(safetensors) {
  using namespace loupe;
  const auto file = ReadSafetensors(fuzz::ScratchFolder::Write("input", bytes));
  if (!file.ok()) {
    fuzz::Require(file.status().code() == absl::StatusCode::kInvalidArgument, "bad bytes are bad input");
    return;
  }
  const std::string path = fuzz::ScratchFolder::Path("written");
  fuzz::Require(WriteSafetensors(path, *file).ok(), "what was read can be written");
  const auto again = ReadSafetensors(path);
  fuzz::Require(again.ok(), "what was written can be read");
  fuzz::Require(again->metadata == file->metadata, "the metadata are the same");
  fuzz::Require(fuzz::SameBytes(again->tensors, file->tensors), "the tensors are the same");
}
