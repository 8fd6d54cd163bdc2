// Any bytes as the pickle of a sound archive, which a fuzzer that changes whole archives rarely gets past.

#include <caffe2/serialize/inline_container.h>

#include "tests/fuzz/torch_round_trip.h"

namespace {

std::string Archive(std::string_view pickle) {
  std::string bytes;
  caffe2::serialize::PyTorchStreamWriter writer([&bytes](const void* data, size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  writer.writeRecord("data.pkl", pickle.data(), pickle.size());
  const std::string numbers(96, '\1');  // 24 of float32
  for (const char* key : {"data/0", "data/1"}) writer.writeRecord(key, numbers.data(), numbers.size());
  writer.writeEndOfFile();
  return bytes;
}

}  // namespace

FUZZ_TARGET(torch_pickle) {
  loupe::fuzz::TorchRoundTrip(loupe::fuzz::ScratchFolder::Write("input", Archive(bytes)));
}
