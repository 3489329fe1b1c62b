// Random operations sent to a real kube-apiserver and to the embedded plane's API alike: every answer, and every object
// after it, must be the same. A failure prints the seed and the fewest operations found that still differ.
//
// CLOPS_DIFFERENTIAL_SEEDS says how many seeds (default below), CLOPS_DIFFERENTIAL_FROM the first,
// CLOPS_DIFFERENTIAL_FAILURES after how many failures to stop.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/contract/embedded.h"
#include "tests/contract/server.h"
#include "tests/contract/side.h"

namespace clops::contract {
namespace {

constexpr uint64_t kSeeds = 100;
constexpr size_t kOperations = 40;

uint64_t number_of(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class DifferentialOnOurOwn : public testing::Test {
 protected:
  void SetUp() override {
    auto real = kube::connect(Server::instance().access(), clock);
    ASSERT_TRUE(real) << real.error().message;
    real_ = std::move(*real);
    auto embedded = start_embedded();
    ASSERT_TRUE(embedded) << embedded.error().message;
    embedded_ = std::move(*embedded);
    auto ours = kube::connect(embedded_->access(), clock);
    ASSERT_TRUE(ours) << ours.error().message;
    ours_ = std::move(*ours);
    same_minor_ = Raw(*real_.http, Server::instance().access()).minor() == kPlaneMinor;
    for (kube::Client* client : {real_.client.get(), ours_.client.get()}) {
      const auto installed = install_our_kinds(*client);
      ASSERT_TRUE(installed) << installed.error().message;
    }
  }

  struct Found {
    size_t at = 0;  // which operation
    std::string what;
  };
  // In a namespace of its own on both servers; nothing when they agree to the end.
  std::optional<Found> first_difference(const std::vector<Operation>& operations) {
    const std::string ns = fresh_namespace(*real_.client);
    const auto made =
        ours_.client->create(kNamespaces, {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns}}}});
    EXPECT_TRUE(made) << made.error().message;
    const Raw real_raw(*real_.http, Server::instance().access()), our_raw(*ours_.http, embedded_->access());
    Side real(real_raw, ns), ours(our_raw, ns);
    for (size_t i = 0; i < operations.size(); ++i) {
      const auto wanted = real.run(operations[i]), got = ours.run(operations[i]);
      ++sent_;
      std::string what;
      for (size_t a = 0; a < wanted.size(); ++a) {
        if (std::string here = difference(wanted[a], got[a], same_minor_); !here.empty())
          what += std::string(a == 0 ? "  the answer (real <> embedded):\n" : "  the object then:\n") + here;
      }
      if (!what.empty()) return Found{i, what};
    }
    return {};
  }

  // Without every operation that the difference does not need.
  std::pair<std::vector<Operation>, Found> shrunk(std::vector<Operation> operations, Found found) {
    operations.resize(found.at + 1);
    for (size_t i = operations.size(); i-- > 0;) {
      if (i >= operations.size() - 1) continue;  // the last is the one that differs
      std::vector<Operation> fewer = operations;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (auto still = first_difference(fewer)) {
        fewer.resize(still->at + 1);
        operations = std::move(fewer);
        found = std::move(*still);
        i = std::min(i, operations.size());
      }
    }
    return {operations, found};
  }

  SystemClock clock;
  kube::Connection real_, ours_;
  bool same_minor_ = true;
  std::unique_ptr<Embedded> embedded_;
  size_t sent_ = 0;
};

TEST_F(DifferentialOnOurOwn, random_operations_are_answered_alike) {
  const uint64_t from = number_of("CLOPS_DIFFERENTIAL_FROM", 1), seeds = number_of("CLOPS_DIFFERENTIAL_SEEDS", kSeeds);
  const uint64_t most = number_of("CLOPS_DIFFERENTIAL_FAILURES", 3);
  uint64_t failures = 0;
  for (uint64_t seed = from; seed < from + seeds && failures < most; ++seed) {
    const auto operations = random_operations(seed, kOperations);
    const auto found = first_difference(operations);
    if (!found) continue;
    ++failures;
    const auto [fewest, last] = shrunk(operations, *found);
    std::string story;
    for (const auto& operation : fewest) story += "  " + describe(operation) + "\n";
    ADD_FAILURE() << "seed " << seed << "; the fewest operations that differ:\n" << story << last.what;
  }
  RecordProperty("operations", std::to_string(sent_));
}

}  // namespace
}  // namespace clops::contract
