// Bytes of a watch or a list from the API: no crash, bounded, the same lines however the stream is cut, and what is
// taken for an object has a name and prints as JSON. tests/unit/operator/decoder_corpus_test.cpp replays
// tests/data/fuzz/watch_frame.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "operator/watch/decoder.h"

namespace {

using clops::op::watch::LineSplitter;

std::vector<std::string> lines_of(std::string_view bytes, size_t piece, bool& whole) {
  LineSplitter splitter(4'096);
  std::vector<std::string> out;
  whole = true;
  for (size_t at = 0; at < bytes.size() && whole; at += piece) {
    whole = splitter.feed(bytes.substr(at, piece), [&](std::string_view line) { out.emplace_back(line); });
  }
  return out;
}

void check(const clops::op::ObjectPtr& object) {
  if (!object || object->meta.name.empty() || !object->body().is_object()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const clops::op::InformerSpec spec{.type = {.group = "", .version = "v1", .kind = "Pod", .plural = "pods"},
                                     .ns = "",
                                     .label_selector = "",
                                     .field_selector = "",
                                     .drop = {"/status/images", "/spec/a~1b"},
                                     .label_indices = {}};
  clops::op::watch::Decoder decoder(spec);
  bool whole = false, pieces_whole = false;
  const auto lines = lines_of(bytes, bytes.size() + 1, whole);
  const auto same = lines_of(bytes, 3, pieces_whole);
  if (whole && pieces_whole && lines != same) std::abort();
  for (const std::string& line : lines) {
    const auto frame = decoder.frame(line);
    if (frame && frame->object) check(frame->object);
  }
  if (const auto page = decoder.page(bytes)) {
    for (const auto& object : page->objects) check(object);
  }
  return 0;
}
