// Without ONNX Runtime's library: what is said, and that nothing breaks. (tests/onnx has the real one.)
#include "serving/engines/onnx.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/paths.h"

namespace clops::serving {
namespace {

std::string model() {
  return (std::filesystem::path(test::source_dir()) / "tests/data/onnx/two-inputs.onnx").string();
}

TEST(OnnxEngine, a_missing_library_is_an_error_with_the_way_out) {
  const auto factory = make_onnx_engine_factory({.libraries = {"/no/such/place/libonnxruntime.so.1"}});
  EXPECT_TRUE(factory->accepts("onnx"));
  EXPECT_FALSE(factory->accepts("xgboost-json"));
  for (int again = 0; again < 2; ++again) {
    const auto engine = factory->load(model());
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().code, Code::Unsupported);
    for (const char* part : {"ONNX Runtime is not installed here", "CLOPS_ONNXRUNTIME", "/no/such/place"})
      EXPECT_NE(engine.error().message.find(part), std::string::npos) << engine.error().message;
  }
}

TEST(OnnxEngine, another_library_is_not_taken_for_it) {
  const auto engine = make_onnx_engine_factory({.libraries = {"libz.so.1"}})->load(model());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::Unsupported);
  EXPECT_NE(engine.error().message.find("another library"), std::string::npos) << engine.error().message;
}

TEST(OnnxEngine, a_missing_file_is_said_before_any_library_is_asked) {
  const auto folder = std::filesystem::temp_directory_path();
  const auto engine = make_onnx_engine_factory({.libraries = {}})->load((folder / "no-such-model.onnx").string());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::NotFound);
}

TEST(OnnxEngine, the_named_library_is_the_only_place) {
  EXPECT_EQ(onnx_runtime_places("/x/lib.so"), std::vector<std::string>{"/x/lib.so"});
  EXPECT_GE(onnx_runtime_places("").size(), 3U);
}

}  // namespace
}  // namespace clops::serving
