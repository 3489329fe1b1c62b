// ONNX models through the real ONNX Runtime: the answers equal what ONNX Runtime says in Python, bit for bit, on this
// machine. scripts/test.sh (lane onnx) fetches the library, asks Python, and names both in the environment.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "serving/engines/onnx.h"
#include "serving/protocol/half.h"
#include "tests/support/paths.h"

namespace clops::serving {
namespace {

namespace fs = std::filesystem;

std::string named(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}
fs::path models() {
  return fs::path(test::source_dir()) / "tests/data/onnx";
}
std::unique_ptr<EngineFactory> factory(int threads = 1) {
  return make_onnx_engine_factory({.libraries = {named("CLOPS_ONNXRUNTIME")}, .threads = threads});
}

template <class T>
T number_of(const Json& value) {
  if (value.is_null()) return std::numeric_limits<T>::quiet_NaN();
  return value.get<T>();
}

TensorBuffer tensor_of(const Json& json) {
  TensorBuffer out;
  const Datatype type = *datatype_from(json["datatype"].get<std::string>());
  out.reset(type, json["shape"].get<std::vector<int64_t>>());
  const Json& data = json["data"];
  for (size_t i = 0; i < out.count(); ++i) {
    switch (type) {
      case Datatype::Bytes:
        out.set_text(i, data[i].get<std::string>());
        break;
      case Datatype::Fp16:
        out.as<Half>()[i] = Half(number_of<float>(data[i]));
        break;
      case Datatype::Fp32:
        out.as<float>()[i] = static_cast<float>(number_of<double>(data[i]));
        break;
      case Datatype::Fp64:
        out.as<double>()[i] = number_of<double>(data[i]);
        break;
      case Datatype::Bool:
        out.as<bool>()[i] = data[i].get<bool>();
        break;
      case Datatype::Int64:
        out.as<int64_t>()[i] = data[i].get<int64_t>();
        break;
      case Datatype::Int32:
        out.as<int32_t>()[i] = data[i].get<int32_t>();
        break;
      case Datatype::Uint8:
        out.as<uint8_t>()[i] = data[i].get<uint8_t>();
        break;
      default:
        ADD_FAILURE() << "a datatype that no golden file has";
    }
  }
  return out;
}

// "" when equal to the last bit, else where not.
std::string difference(const TensorView& got, const TensorView& want) {
  if (got.datatype != want.datatype) return "another datatype";
  if (!std::ranges::equal(got.shape, want.shape)) return "another shape";
  for (size_t i = 0; i < want.count; ++i) {
    const bool same = want.datatype == Datatype::Bytes
                          ? got.as<std::string_view>()[i] == want.as<std::string_view>()[i]
                          : std::memcmp(static_cast<const char*>(got.data) + i * size_of(want.datatype),
                                        static_cast<const char*>(want.data) + i * size_of(want.datatype),
                                        size_of(want.datatype)) == 0;
    if (!same) return "element " + std::to_string(i);
  }
  return "";
}

struct Case {
  std::vector<TensorBuffer> inputs;
  std::vector<TensorView> views;
};
Case case_of(const EngineInfo& info, const Json& document) {
  Case out;
  for (const TensorSpec& spec : info.inputs) {
    EXPECT_TRUE(document["inputs"].contains(spec.name)) << spec.name;
    out.inputs.push_back(tensor_of(document["inputs"][spec.name]));
    EXPECT_EQ(out.inputs.back().datatype(), spec.datatype) << spec.name;
  }
  for (const TensorBuffer& input : out.inputs) out.views.push_back(input.view());
  return out;
}

TEST(Onnx, answers_equal_those_in_python) {
  const std::string answers = named("CLOPS_ONNX_ANSWERS");
  ASSERT_FALSE(answers.empty()) << "CLOPS_ONNX_ANSWERS: run scripts/test.sh onnx";
  const auto makers = factory();
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(answers)) {
    SCOPED_TRACE(entry.path().filename());
    const Json document = *parse_json(*read_file(entry.path(), 16u << 20));
    const auto engine = makers->load((models() / document["model"].get<std::string>()).string());
    ASSERT_TRUE(engine) << engine.error().message;
    const EngineInfo& info = (*engine)->info();
    const Case asked = case_of(info, document);
    std::vector<TensorBuffer> outputs(info.outputs.size());
    const auto scratch = (*engine)->make_scratch();
    for (int again = 0; again < 2; ++again) {
      const Status done = (*engine)->infer(asked.views, *scratch, outputs);
      ASSERT_TRUE(done) << done.error().message;
      ASSERT_EQ(document["outputs"].size(), outputs.size());
      for (size_t i = 0; i < outputs.size(); ++i) {
        const TensorBuffer want = tensor_of(document["outputs"][info.outputs[i].name]);
        EXPECT_EQ(difference(outputs[i].view(), want.view()), "") << info.outputs[i].name;
        if (info.outputs[i].any_shape) continue;
        ASSERT_EQ(info.outputs[i].shape.size(), outputs[i].shape().size()) << info.outputs[i].name;
        for (size_t d = 1; d < outputs[i].shape().size(); ++d) {
          if (info.outputs[i].shape[d] >= 0) {
            EXPECT_EQ(info.outputs[i].shape[d], outputs[i].shape()[d]);
          }
        }
      }
    }
    ++count;
  }
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(models())) files += entry.path().extension() == ".onnx" ? 1 : 0;
  EXPECT_EQ(count, files);
  EXPECT_GE(count, 12U);
}

TEST(Onnx, only_wanted_outputs_are_computed) {
  const auto engine = *factory()->load((models() / "two-inputs.onnx").string());
  const Json document = *parse_json(*read_file(models() / "two-inputs.json", 1u << 20));
  const Case asked = case_of(engine->info(), document);
  std::vector<TensorBuffer> outputs(2);
  outputs[0].wanted = false;
  const auto scratch = engine->make_scratch();
  ASSERT_TRUE(engine->infer(asked.views, *scratch, outputs));
  EXPECT_EQ(outputs[0].count(), 0U);
  EXPECT_EQ(outputs[1].shape()[1], 5);
}

TEST(Onnx, dimensions_of_one_name_must_agree) {
  const auto engine = *factory()->load((models() / "two-inputs.onnx").string());
  std::vector<TensorBuffer> inputs(2), outputs(2);
  inputs[0].reset(Datatype::Int64, {2});
  inputs[1].reset(Datatype::Fp32, {3, 3});
  std::ranges::fill(inputs[0].as<int64_t>(), 0);
  std::ranges::fill(inputs[1].as<float>(), 0.0F);
  const std::vector<TensorView> views = {inputs[0].view(), inputs[1].view()};
  const auto scratch = engine->make_scratch();
  const Status done = engine->infer(views, *scratch, outputs);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::InvalidArgument);
  EXPECT_NE(done.error().message.find("differ in dimension \"batch\": 2 and 3"), std::string::npos)
      << done.error().message;
}

TEST(Onnx, values_that_it_cannot_work_with_are_the_clients_fault) {
  const auto engine = *factory()->load((models() / "two-inputs.onnx").string());
  std::vector<TensorBuffer> inputs(2), outputs(2);
  inputs[0].reset(Datatype::Int64, {1});
  inputs[1].reset(Datatype::Fp32, {1, 3});
  inputs[0].as<int64_t>()[0] = 1000;  // the table has ten rows
  std::ranges::fill(inputs[1].as<float>(), 0.0F);
  const std::vector<TensorView> views = {inputs[0].view(), inputs[1].view()};
  const auto scratch = engine->make_scratch();
  const Status done = engine->infer(views, *scratch, outputs);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::InvalidArgument);
  inputs[0].as<int64_t>()[0] = 1;
  EXPECT_TRUE(engine->infer(views, *scratch, outputs));
}

TEST(Onnx, a_damaged_model_is_refused_with_what_the_runtime_says) {
  const std::string good = *read_file(models() / "perceptron.onnx", 1u << 20);
  const fs::path folder = fs::temp_directory_path() / ("clops-onnx-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::string bad = good;
  const size_t at = bad.find("\x22\x06MatMul");  // op_type, not a name
  ASSERT_NE(at, std::string::npos);
  bad.replace(at + 2, 6, "MatNul");
  std::ofstream(folder / "model.onnx", std::ios::binary) << bad;
  const auto engine = factory()->load((folder / "model.onnx").string());
  fs::remove_all(folder);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::InvalidArgument) << engine.error().message;
  EXPECT_NE(engine.error().message.find("MatNul"), std::string::npos) << engine.error().message;
}

}  // namespace
}  // namespace clops::serving
