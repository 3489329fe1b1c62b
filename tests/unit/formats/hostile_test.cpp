// Models that lie: every golden and refused file cut short at many places, and with bytes changed, by seeded chance.
// What comes out is an error or an ensemble that keeps its invariants, never a crash; the sanitizer lane runs the same.
#include <gtest/gtest.h>

#include <random>

#include "formats/model_file.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

std::vector<std::string> corpus() {
  std::vector<std::string> files;
  for (const char* folder : {"golden", "refused"})
    for (const auto& entry : std::filesystem::directory_iterator(golden::data(folder))) {
      if (entry.path().extension() == ".golden") continue;
      auto bytes = read_file(entry.path());
      if (bytes && bytes->size() < 40'000) files.push_back(std::move(*bytes));
    }
  std::ranges::sort(files);
  return files;
}

void check(const Model& model) {
  if (const auto* ensemble = std::get_if<Ensemble>(&model)) {
    const Status status = check_ensemble(*ensemble);
    ASSERT_TRUE(status) << status.error().message;
  }
}

// A LightGBM file goes on after its trees with what predictions don't depend on, and has no end mark of its own.
bool all_trees_are_there(std::string_view cut, std::string_view whole) {
  if (cut.find("end of trees") == std::string_view::npos && cut.find("feature importances:") == std::string_view::npos)
    return false;
  auto got = read_model(cut), want = read_model(whole);
  if (!got || !want) return false;
  for (auto* model : {&*got, &*want}) std::get<Ensemble>(*model).category_names.clear();
  return *got == *want;
}

TEST(HostileModels, every_cut_is_an_error) {
  size_t cuts = 0;
  for (const std::string& whole : corpus()) {
    const size_t step = std::max<size_t>(1, whole.size() / 12);
    for (size_t size = 0; size < whole.size(); size += step) {
      const std::string_view cut = std::string_view(whole).substr(0, size);
      ASSERT_TRUE(!read_model(cut) || all_trees_are_there(cut, whole)) << "cut to " << size << " of " << whole.size();
      ++cuts;
    }
  }
  EXPECT_GT(cuts, 1000U);
}

TEST(HostileModels, changed_bytes_never_break_the_reader) {
  std::mt19937 random(20261122);
  const std::vector<std::string> files = corpus();
  ASSERT_GT(files.size(), 30U);
  size_t refused = 0, accepted = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string bytes = files[random() % files.size()];
    for (uint32_t edits = 1 + random() % 4; edits != 0; --edits) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
          break;
        case 2:
          bytes.erase(at, 1 + random() % 8);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 32));
          break;
      }
      if (bytes.empty()) break;
    }
    const auto model = read_model(bytes);
    model ? ++accepted : ++refused;
    if (model) check(*model);
  }
  EXPECT_GT(refused, 100U);
  EXPECT_GT(accepted, 25U) << "many changes are harmless; if none is, the corpus is not read at all";
}

}  // namespace
}  // namespace clops::formats
