// ONNX files from their bytes alone: what is told of the golden ones, what is refused, what damage does.
#include "formats/onnx.h"

#include <gtest/gtest.h>

#include <random>

#include "base/file.h"
#include "formats/model_file.h"
#include "formats/protobuf.h"
#include "tests/fuzz/onnx_check.h"
#include "tests/support/paths.h"

namespace clops::formats {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  return fs::path(test::source_dir()) / "tests/data/onnx";
}
std::string bytes_of(const std::string& name) {
  return *read_file(folder() / (name + ".onnx"), 16u << 20);
}

TEST(Onnx, a_pipeline_of_columns_is_described) {
  const auto model = read_onnx(bytes_of("pipeline-strings"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->framework, "skl2onnx 1.20.0");
  ASSERT_EQ(model->inputs.size(), 4U);
  EXPECT_EQ(model->inputs[0].name, "age");
  EXPECT_EQ(model->inputs[0].datatype, "FP32");
  EXPECT_EQ(model->inputs[0].shape, (std::vector<int64_t>{-1, 1}));
  EXPECT_EQ(model->inputs[1].datatype, "INT64");
  EXPECT_EQ(model->inputs[2].datatype, "BYTES");
  ASSERT_EQ(model->outputs.size(), 2U);
  EXPECT_EQ(model->outputs[0].datatype, "BYTES");
  EXPECT_EQ(model->outputs[1].datatype, "FP32");
  EXPECT_EQ(model->outputs[1].shape, (std::vector<int64_t>{-1, 3}));
  EXPECT_EQ(model->outputs[1].labels, (std::vector<std::string>{"gold", "none", "silver"}));
  EXPECT_EQ(model->zipmaps, 1U);
  EXPECT_EQ(model->opsets.size(), 2U);
}

TEST(Onnx, names_of_dimensions_and_shapes_that_are_not_said) {
  const auto two = read_onnx(bytes_of("two-inputs"));
  ASSERT_TRUE(two);
  EXPECT_EQ(two->inputs[0].dimensions, (std::vector<std::string>{"batch"}));
  EXPECT_EQ(two->nodes, 6U);
  const auto kinds = read_onnx(bytes_of("kinds-of-numbers"));
  ASSERT_TRUE(kinds);
  EXPECT_EQ(kinds->inputs[0].datatype, "FP16");
  EXPECT_TRUE(kinds->inputs[3].any_shape);
  EXPECT_FALSE(kinds->inputs[4].any_shape);
}

TEST(Onnx, without_zipmaps_is_a_model_of_the_same_tensors) {
  for (const char* name : {"pipeline-strings", "forest-zipmap", "lightgbm"}) {
    const auto before = read_onnx(bytes_of(name));
    ASSERT_TRUE(before) << name;
    ASSERT_EQ(before->zipmaps, 1U) << name;
    const auto after = read_onnx(without_zipmaps(bytes_of(name)));
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(after->zipmaps, 0U);
    ASSERT_EQ(after->outputs.size(), before->outputs.size());
    EXPECT_EQ(after->outputs[1].name, before->outputs[1].name);
    EXPECT_EQ(after->outputs[1].shape, before->outputs[1].shape);
    EXPECT_EQ(after->nodes, before->nodes);
    EXPECT_EQ(after->inputs, before->inputs);
  }
}

// A model of one input and one output, with `more` in its graph.
std::string model_with(const std::string& more, const std::string& output_type) {
  const auto field = [](uint32_t number, const std::string& text) {
    std::string out;
    append_bytes_field(out, number, text);
    return out;
  };
  const std::string floats = field(1, "\x08\x01");
  const std::string graph =
      more + field(11, field(1, "x") + field(2, floats)) + field(12, field(1, "y") + field(2, output_type));
  return "\x08\x08" + field(7, graph);
}
std::string field(uint32_t number, const std::string& text) {
  std::string out;
  append_bytes_field(out, number, text);
  return out;
}

TEST(Onnx, refuses_with_the_reason_and_the_way_out) {
  const auto said = [](const std::string& bytes) {
    const auto model = read_onnx(bytes);
    return model ? std::string("taken") : model.error().message;
  };
  const auto has = [](const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; };
  const std::string floats = field(1, "\x08\x01"), brain = field(1, "\x08\x11");
  const std::string maps = field(4, field(1, field(5, "")));
  EXPECT_EQ(said(model_with("", floats)), "taken");
  EXPECT_TRUE(has(said(model_with("", maps)), "output 'y' is a sequence of maps"));
  EXPECT_TRUE(has(said(model_with("", maps)), "zipmap"));
  EXPECT_TRUE(has(said(model_with("", brain)), "element type 17"));
  const auto weights = [&](const std::string& place) {
    return field(5, field(13, field(1, "location") + field(2, place)) + "\x70\x01");
  };
  EXPECT_EQ(said(model_with(weights("model.onnx.data"), floats)), "taken");
  EXPECT_EQ(read_onnx(model_with(weights("a/b.data"), floats))->external_files, std::vector<std::string>{"a/b.data"});
  for (const char* place : {"/etc/passwd", "../x", "a/../../x", ""})
    EXPECT_TRUE(has(said(model_with(weights(place), floats)), "outside the model's own folder")) << place;
  EXPECT_TRUE(has(said("\x08\x08\x12\x01z"), "no graph"));
  EXPECT_TRUE(has(said("\x08\x08\x3a\x7fz"), "damaged or truncated"));
  std::string deep = floats;
  for (int i = 0; i < 40; ++i) deep = field(1, field(5, field(6, deep)));
  EXPECT_TRUE(has(said(model_with(deep, floats)), "nested too deeply"));
}

TEST(Onnx, truncated_and_changed_files_are_survived) {
  std::mt19937 random(3);
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() != ".onnx") continue;
    const std::string good = *read_file(entry.path(), 16u << 20);
    ASSERT_TRUE(read_onnx(good)) << entry.path();
    fuzz::check_onnx(good);
    for (int i = 0; i < 300; ++i) {
      std::string bad = good.substr(0, random() % good.size());
      fuzz::check_onnx(bad);
      bad = good;
      for (int change = 0; change < 4; ++change) bad[random() % bad.size()] = static_cast<char>(random());
      fuzz::check_onnx(bad);
    }
  }
}

TEST(Onnx, is_found_by_content_and_summarized) {
  const auto model = load_model(folder() / "words.onnx");
  ASSERT_TRUE(model) << model.error().message;
  const Summary summary = summarize(*model);
  EXPECT_EQ(summary.format, "onnx");
  EXPECT_EQ(summary.framework, "clops-golden");
  ASSERT_EQ(summary.outputs.size(), 2U);
  EXPECT_EQ(summary.outputs[1].datatype, "BYTES");
  EXPECT_TRUE(load_model(folder() / "words.onnx", "onnx"));
  EXPECT_FALSE(load_model(folder() / "words.onnx", "xgboost"));
}

}  // namespace
}  // namespace clops::formats
