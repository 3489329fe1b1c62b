// The server with models that echo every kind of tensor beside a real one: for what is said over HTTP.
#pragma once

#include "base/compression.h"
#include "tests/unit/serving/echo_engine.h"
#include "tests/unit/serving/server_fixture.h"

namespace clops::serving {

inline std::string error_of(const RawAnswer& answer) {
  const Json json = answer.json();
  return json.is_object() && json.contains("error") ? json.at("error").get<std::string>() : "no error";
}

struct RestTest : ServerTest {
  void SetUp() override {
    ServerTest::SetUp();
    crds::ServingConfig config = two(1);
    const auto echo = [&](const std::string& name, std::vector<TensorSpec> inputs) {
      more_factories.push_back(std::make_unique<EchoFactory>("echo-" + name, std::move(inputs)));
      crds::ModelRef ref{
          .model_version = "mv-" + name, .version = "1", .uri = "file://" + folder.string() + "/" + name};
      EXPECT_TRUE(write_file_atomic(folder / name, name));
      ref.digest = sha256(name);
      ref.format = "echo-" + name;
      config.models.push_back(model_of(name, {{{.name = "only", .weight = 100, .model = ref}, crds::kBuckets}}));
    };
    for (int type = 0; type <= static_cast<int>(Datatype::Bytes); ++type)
      echo(std::string(to_string(static_cast<Datatype>(type))), {{"x", static_cast<Datatype>(type), {-1, -1}}});
    echo("person", {{"row", Datatype::Fp64, {-1, 3}}});
    echo("pair", {{"a", Datatype::Int64, {-1, 1}}, {"b", Datatype::Bytes, {-1}}});
    start_ready(config);
  }
  RawAnswer infer(const std::string& model, const std::string& body, const std::string& headers = "") const {
    return post(infer_path(model), body, headers);
  }
  // With `json` as it stands and the bytes behind it.
  RawAnswer infer_binary(const std::string& model, const std::string& json, const std::string& bytes,
                         const std::string& headers = "") const {
    return infer(model, json + bytes,
                 "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n" + headers);
  }
  static std::string one(const std::string& type, const std::string& shape, const std::string& rest) {
    return R"({"inputs":[{"name":"x","datatype":")" + type + R"(","shape":)" + shape + "," + rest + "}]";
  }
  static std::string packed(Coding coding, std::string_view text) {
    Compressor compressor;
    std::string out;
    compressor.pack(coding, text, out);
    return out;
  }
  static std::string unpacked(Coding coding, std::string_view text) {
    Compressor compressor;
    std::string out;
    const Status done = compressor.unpack(coding, text, 64u << 20, out);
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    return out;
  }
};

#define EXPECT_SAYS(answer, code, part)                                                                \
  do {                                                                                                 \
    const RawAnswer told_answer = (answer);                                                            \
    EXPECT_EQ(told_answer.status, code) << told_answer.body.substr(0, 300);                            \
    EXPECT_NE(error_of(told_answer).find(part), std::string::npos) << told_answer.body.substr(0, 300); \
  } while (false)

}  // namespace clops::serving
