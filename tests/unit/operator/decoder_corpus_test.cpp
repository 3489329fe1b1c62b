// Replays the fuzzer's corpus, and thousands of damaged copies of it: whatever the bytes, the decoder answers or
// refuses.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/random.h"
#include "operator/watch/decoder.h"
#include "tests/support/paths.h"

namespace clops::op::watch {
namespace {

int objects_in(Decoder& decoder, const std::string& bytes) {
  int objects = 0;
  const auto count = [&](const ObjectPtr& object) {
    if (!object) return;
    ++objects;
    EXPECT_FALSE(object->meta.name.empty());
    EXPECT_TRUE(object->body().is_object()) << object->text();
  };
  LineSplitter splitter;
  EXPECT_TRUE(splitter.feed(bytes + "\n", [&](std::string_view line) {
    if (const auto frame = decoder.frame(line)) count(frame->object);
  }));
  if (const auto page = decoder.page(bytes)) {
    for (const auto& object : page->objects) count(object);
  }
  return objects;
}

TEST(DecoderCorpus, whatever_the_bytes_it_answers_or_refuses) {
  Decoder decoder({.type = {.group = "", .version = "v1", .kind = "Pod", .plural = "pods"},
                   .ns = "",
                   .label_selector = "",
                   .field_selector = "",
                   .drop = {"/status/images", "/spec/a~1b"},
                   .label_indices = {}});
  const auto random = make_random(3);
  int files = 0, whole = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(clops::test::source_dir()) /
                                                               "tests/data/fuzz/watch_frame")) {
    const auto seed = read_file(entry.path());
    ASSERT_TRUE(seed);
    ++files;
    whole += objects_in(decoder, *seed);
    for (int i = 0; i < 2'000; ++i) {
      std::string bytes = *seed;
      for (uint64_t edits = 1 + random->next() % 4; edits > 0 && !bytes.empty(); --edits) {
        const size_t at = random->next() % bytes.size();
        switch (random->next() % 4) {
          case 0:
            bytes[at] = static_cast<char>(random->next());
            break;
          case 1:
            bytes.erase(at, 1 + random->next() % 9);
            break;
          case 2:
            bytes.insert(at, 1, "{}[]\",:\\0n"[random->next() % 10]);
            break;
          default:
            bytes.resize(at);
            break;
        }
      }
      (void)objects_in(decoder, bytes);
    }
  }
  EXPECT_EQ(files, 3);
  EXPECT_EQ(whole, 5) << "three frames and two items";
}

}  // namespace
}  // namespace clops::op::watch
