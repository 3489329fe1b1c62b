// Replays the fuzzers' seeds, and thousands of damaged copies of them.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <random>

#include "base/file.h"
#include "tests/fuzz/grpc_message_check.h"
#include "tests/fuzz/http2_frames_check.h"
#include "tests/fuzz/http_request_check.h"
#include "tests/fuzz/infer_binary_check.h"
#include "tests/fuzz/infer_json_check.h"
#include "tests/fuzz/jwks_check.h"
#include "tests/fuzz/jwt_check.h"
#include "tests/fuzz/rows_check.h"
#include "tests/fuzz/trace_context_check.h"
#include "tests/support/paths.h"

namespace clops::serving {
namespace {

void replay(const std::string& name, const std::function<bool(std::string_view)>& holds) {
  std::mt19937 random(5);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(clops::test::source_dir()) /
                                                               "tests/data/fuzz" / name)) {
    const auto seed = read_file(entry.path());
    ASSERT_TRUE(seed);
    ++files;
    EXPECT_TRUE(holds(*seed)) << entry.path();
    for (int round = 0; round < 300; ++round) {
      std::string damaged = *seed;
      for (unsigned change = 0; change <= random() % 3; ++change) {
        const size_t at = random() % damaged.size();
        if (random() % 3 == 0)
          damaged.resize(at + 1);
        else if (random() % 2 == 0)
          damaged.insert(at, damaged.substr(random() % damaged.size(), random() % 8));
        else
          damaged[at] = static_cast<char>(random());
      }
      ASSERT_TRUE(holds(damaged)) << entry.path() << " round " << round << "\n" << damaged;
    }
  }
  EXPECT_GE(files, 5);
}

TEST(FuzzSeeds, http_requests) {
  replay("http_request", fuzz::holds_for_http);
}
TEST(FuzzSeeds, infer_bodies) {
  replay("infer_json", fuzz::holds_for_infer);
}
TEST(FuzzSeeds, binary_requests) {
  replay("infer_binary", fuzz::holds_for_binary);
}
TEST(FuzzSeeds, rows_of_older_dialects) {
  replay("rows", fuzz::holds_for_rows);
}

TEST(FuzzSeeds, http2_frames) {
  replay("http2_frames", fuzz::holds_for_http2);
}
TEST(FuzzSeeds, grpc_messages) {
  replay("grpc_message", fuzz::holds_for_grpc_message);
}
TEST(FuzzSeeds, trace_context) {
  replay("trace_context", fuzz::holds_for_trace_context);
}
TEST(FuzzSeeds, callers_tokens) {
  replay("jwt", fuzz::holds_for_jwt);
}
TEST(FuzzSeeds, issuers_keys) {
  replay("jwks", fuzz::holds_for_jwks);
}

}  // namespace
}  // namespace clops::serving
