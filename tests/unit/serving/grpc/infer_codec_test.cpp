// ModelInferRequest to tensors and back: every datatype raw and typed, and what does not fit.
#include "serving/grpc/infer_codec.h"

#include <gtest/gtest.h>

#include <cstring>

#include "serving/grpc/wire.h"
#include "serving/protocol/half.h"

namespace clops::serving::grpc {
namespace {

std::string message(const std::function<void(std::string&)>& write) {
  std::string out;
  write(out);
  return out;
}
template <class T>
std::string bytes_of_all(const std::vector<T>& values) {
  std::string out(values.size() * sizeof(T), '\0');
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}
std::string packed(const std::vector<uint64_t>& values) {
  return message([&](std::string& out) {
    for (const uint64_t value : values) append_varint(out, value);
  });
}

struct Given {
  std::string name = "x", datatype = "FP32";
  std::vector<uint64_t> shape = {2};
  std::string contents;  // of InferTensorContents; empty: none
  bool typed = false;
  std::string more;  // further fields of the input
};
std::string input(const Given& given) {
  return message([&](std::string& out) {
    append_string(out, 1, given.name);
    append_string(out, 2, given.datatype);
    append_bytes_field(out, 3, packed(given.shape));
    if (given.typed) append_bytes_field(out, 5, given.contents);
    out += given.more;
  });
}
std::string parameter(uint32_t field, std::string_view name, uint32_t choice, uint64_t value) {
  return message([&](std::string& out) {
    append_message(out, field, [&] {
      append_string(out, 1, name);
      append_message(out, 2, [&] {
        append_tag(out, choice, Wire::Varint);
        append_varint(out, value);
      });
    });
  });
}
std::string request(const std::vector<std::string>& inputs, const std::vector<std::string>& raws = {},
                    const std::string& more = {}) {
  return message([&](std::string& out) {
    append_string(out, 1, "m");
    for (const std::string& one : inputs) append_bytes_field(out, 5, one);
    for (const std::string& one : raws) append_bytes_field(out, 7, one);
    out += more;
  });
}

EngineInfo info_of(Datatype type, std::vector<int64_t> shape = {-1}) {
  return {.inputs = {{"x", type, std::move(shape)}},
          .outputs = {{"y", Datatype::Fp32, {-1}}, {"z", Datatype::Bytes, {-1}}}};
}

struct Decoded {
  Status status;
  std::string bytes;  // of the only input
  std::vector<std::string> texts;
  std::vector<uint32_t> outputs;
  std::vector<OutputForm> forms;
};
Decoded decoded(const std::string& bytes, const EngineInfo& info) {
  InferMessage fields;
  InferRequest out;
  Decoded got{.status = read_infer(bytes, fields)};
  if (got.status) got.status = decode_infer(fields, info, {.rows_max = 1000}, out);
  if (!got.status) return got;
  const TensorView& view = out.views.at(0);
  if (view.datatype == Datatype::Bytes) {
    for (const std::string_view text : view.as<std::string_view>()) got.texts.emplace_back(text);
  } else {
    got.bytes.assign(static_cast<const char*>(view.data), view.count * size_of(view.datatype));
  }
  got.outputs = out.outputs;
  got.forms = out.forms;
  return got;
}

struct Kind {
  Datatype type;
  std::string raw, typed;  // two elements; typed empty: there is no such form
};
TEST(InferCodec, every_datatype_raw_and_typed) {
  using std::string;
  const auto field = [](uint32_t number, const string& bytes) {
    return message([&](string& out) { append_bytes_field(out, number, bytes); });
  };
  const uint64_t minus_two = ~uint64_t{1};
  const std::vector<Kind> kinds = {
      {Datatype::Bool, string("\1\0", 2), field(1, packed({1, 0}))},
      {Datatype::Int8, bytes_of_all<int8_t>({-2, 127}), field(2, packed({minus_two, 127}))},
      {Datatype::Int16, bytes_of_all<int16_t>({-2, 32767}), field(2, packed({minus_two, 32767}))},
      {Datatype::Int32, bytes_of_all<int32_t>({-2, INT32_MAX}), field(2, packed({minus_two, INT32_MAX}))},
      {Datatype::Int64, bytes_of_all<int64_t>({-2, INT64_MAX}), field(3, packed({minus_two, INT64_MAX}))},
      {Datatype::Uint8, bytes_of_all<uint8_t>({0, 255}), field(4, packed({0, 255}))},
      {Datatype::Uint16, bytes_of_all<uint16_t>({7, 65535}), field(4, packed({7, 65535}))},
      {Datatype::Uint32, bytes_of_all<uint32_t>({7, UINT32_MAX}), field(4, packed({7, UINT32_MAX}))},
      {Datatype::Uint64, bytes_of_all<uint64_t>({7, UINT64_MAX}), field(5, packed({7, UINT64_MAX}))},
      {Datatype::Fp32, bytes_of_all<float>({1.5F, -0.1F}), field(6, bytes_of_all<float>({1.5F, -0.1F}))},
      {Datatype::Fp64, bytes_of_all<double>({1.5, -0.1}), field(7, bytes_of_all<double>({1.5, -0.1}))},
      {Datatype::Fp16, bytes_of_all<uint16_t>({Half(1.5F).bits, Half(-2).bits}), ""},
      {Datatype::Bf16, bytes_of_all<uint16_t>({0x3fc0, 0xc000}), ""}};
  for (const Kind& kind : kinds) {
    const string name(to_string(kind.type));
    const Decoded raw = decoded(request({input({.datatype = name})}, {kind.raw}), info_of(kind.type));
    ASSERT_TRUE(raw.status) << name << raw.status.error().message;
    EXPECT_EQ(raw.bytes, kind.raw) << name;
    if (kind.typed.empty()) continue;
    const Decoded typed =
        decoded(request({input({.datatype = name, .contents = kind.typed, .typed = true})}), info_of(kind.type));
    ASSERT_TRUE(typed.status) << name << typed.status.error().message;
    EXPECT_EQ(typed.bytes, kind.raw) << name;
  }
}

TEST(InferCodec, texts_raw_and_typed) {
  const std::string contents = message([](std::string& out) {
    append_bytes_field(out, 8, "a longer text than a string keeps in itself");
    append_bytes_field(out, 8, std::string("\0\xff", 2));
  });
  const Decoded typed =
      decoded(request({input({.datatype = "BYTES", .contents = contents, .typed = true})}), info_of(Datatype::Bytes));
  ASSERT_TRUE(typed.status) << typed.status.error().message;
  EXPECT_EQ(typed.texts,
            (std::vector<std::string>{"a longer text than a string keeps in itself", std::string("\0\xff", 2)}));
  const std::string raw = std::string("\1\0\0\0a\0\0\0\0", 9);
  EXPECT_EQ(decoded(request({input({.datatype = "BYTES"})}, {raw}), info_of(Datatype::Bytes)).texts,
            (std::vector<std::string>{"a", ""}));
}

// Writers need not pack, and may pack in pieces.
TEST(InferCodec, unpacked_and_mixed_numbers) {
  const std::string floats = message([](std::string& out) {
    append_tag(out, 6, Wire::Fixed32);
    out += bytes_of_all<float>({1});
    append_bytes_field(out, 6, bytes_of_all<float>({2, 3}));
    append_tag(out, 6, Wire::Fixed32);
    out += bytes_of_all<float>({4});
  });
  const Decoded got =
      decoded(request({input({.shape = {4}, .contents = floats, .typed = true})}), info_of(Datatype::Fp32));
  ASSERT_TRUE(got.status) << got.status.error().message;
  EXPECT_EQ(got.bytes, bytes_of_all<float>({1, 2, 3, 4}));
  const std::string whole = message([](std::string& out) {
    append_number(out, 3, 5);
    append_bytes_field(out, 3, packed({6}));
  });
  EXPECT_EQ(decoded(request({input({.datatype = "INT64", .contents = whole, .typed = true})}), info_of(Datatype::Int64))
                .bytes,
            bytes_of_all<int64_t>({5, 6}));
}

TEST(InferCodec, what_a_model_takes_other_than_it_was_sent_is_converted) {
  const Decoded got =
      decoded(request({input({.datatype = "INT64"})}, {bytes_of_all<int64_t>({-3, 4})}), info_of(Datatype::Fp32));
  ASSERT_TRUE(got.status) << got.status.error().message;
  EXPECT_EQ(got.bytes, bytes_of_all<float>({-3, 4}));
}

TEST(InferCodec, outputs_and_parameters) {
  const std::string raw = bytes_of_all<float>({1, 2});
  const auto with = [&](const std::string& more) {
    return decoded(request({input({})}, {raw}, more), info_of(Datatype::Fp32));
  };
  EXPECT_EQ(with("").outputs, (std::vector<uint32_t>{0, 1}));
  const std::string named = message([](std::string& out) {
    append_message(out, 6, [&] { append_string(out, 1, "z"); });
    append_message(out, 6, [&] { (append_string(out, 1, "y"), out += parameter(2, "classification", 2, 3)); });
  });
  const Decoded got = with(named);
  ASSERT_TRUE(got.status) << got.status.error().message;
  EXPECT_EQ(got.outputs, (std::vector<uint32_t>{1, 0}));
  EXPECT_EQ(got.forms[1].classes, 3U);
  EXPECT_TRUE(with(parameter(4, "anything", 3, 0)).status);
}

TEST(InferCodec, an_optional_input_may_be_left_out) {
  EngineInfo info = info_of(Datatype::Fp32);
  info.inputs.push_back({.name = "background", .datatype = Datatype::Fp32, .shape = {-1}, .optional = true});
  const Decoded got = decoded(request({input({})}, {bytes_of_all<float>({1, 2})}), info);
  ASSERT_TRUE(got.status) << got.status.error().message;
  EXPECT_EQ(got.bytes, bytes_of_all<float>({1, 2}));
}

struct Wrong {
  std::string bytes;
  const char* words;
};
TEST(InferCodec, what_does_not_fit_is_named) {
  const std::string two = bytes_of_all<float>({1, 2});
  const auto typed = [](const std::string& datatype, uint32_t field, const std::string& bytes) {
    return request({input({.datatype = datatype,
                           .contents = message([&](std::string& out) { append_bytes_field(out, field, bytes); }),
                           .typed = true})});
  };
  const std::string output =
      message([](std::string& out) { append_message(out, 6, [&] { append_string(out, 1, "y"); }); });
  const std::vector<Wrong> rows = {
      {"\xff\xff", "damaged"},
      {request({"\xff"}, {two}), "damaged"},
      {request({}), "input \"x\" is missing"},
      {request({input({.name = "w"})}, {two}), "input \"w\" is not known: this model takes \"x\""},
      {request({input({}), input({})}, {two, two}), "there are 2 inputs, and this model takes 1"},
      {request({input({})}, {two, two}), "2 entries for 1 inputs"},
      {request({input({.typed = true})}, {two}), "exclude each other"},
      {request({input({})}), "neither contents nor raw_input_contents"},
      {request({input({.datatype = "FP31"})}, {two}), "\"FP31\" is not known: this model takes FP32"},
      {request({input({.datatype = "BYTES"})}, {two}), "does not fit: this model takes FP32"},
      {request({input({.shape = {1, 2}})}, {two}), "shape [1,2] does not fit [-1]"},
      {request({input({.shape = {0}})}, {two}), "shape [0] does not fit"},
      {request({input({.shape = {UINT64_MAX}})}, {two}), "shape [-1] does not fit"},
      {request({input({.shape = {1001}})}, {two}), "1001 rows are more than 1000"},
      {request({input({.shape = {3}})}, {two}), "more values than are there"},
      {request({input({.shape = {1}})}, {two}), "has 8 bytes"},
      {request({input({.shape = std::vector<uint64_t>(9, 1)})}, {two}), "too many dimensions"},
      {typed("FP32", 6, "abc"), "damaged"},
      {typed("FP32", 7, bytes_of_all<double>({1, 2})), "another kind"},
      {typed("FP16", 6, two), "no typed contents"},
      {typed("INT8", 2, packed({128, 0})), "out of its datatype's range"},
      {typed("UINT16", 4, packed({65536, 0})), "out of its datatype's range"},
      {typed("BOOL", 1, packed({2, 0})), "out of its datatype's range"},
      {request({input({})}, {two},
               message([](std::string& out) { append_message(out, 6, [&] { append_string(out, 1, "q"); }); })),
       "output \"q\" is not known: this model gives \"y\", \"z\""},
      {request({input({})}, {two}, output + output), "output \"y\" is asked for twice"},
      {request({input({})}, {two}, parameter(4, "triton_priority", 2, 1)), "is reserved"},
      {request({input({})}, {two}, parameter(4, "contributions", 2, 1)), "is not true or false"},
      {request({input({})}, {two}, parameter(4, "contributions", 1, 1)), "gives no contributions"},
      {request({input({.more = parameter(4, "shared_memory_region", 2, 1)})}, {two}), "shared memory"},
      {request({input({})}, {two}, message([](std::string& out) { append_string(out, 3, "\xff"); })),
       "id is not UTF-8"}};
  for (const Wrong& row : rows) {
    const Decoded got = decoded(row.bytes, info_of(Datatype::Fp32));
    ASSERT_FALSE(got.status) << row.words;
    EXPECT_EQ(got.status.error().code, Code::InvalidArgument);
    EXPECT_NE(got.status.error().message.find(row.words), std::string::npos)
        << row.words << ": " << got.status.error().message;
  }
}

TEST(InferCodec, an_answer_as_the_protocol_has_it) {
  Target target{.model = "m", .variant = "a", .version = "7", .digest = "sha256:1"};
  TensorBuffer tensor;
  tensor.reset(Datatype::Fp32, {2, 1});
  tensor.as<float>()[0] = 1.5F;
  tensor.as<float>()[1] = -2;
  std::string out;
  Inference inference;
  inference.prediction_id = "a.pod.1";
  append_infer_head(out, target, "id-1", inference);
  append_infer_output(out, "predict", tensor.view());
  append_infer_values(out, tensor.view());
  std::vector<std::string> parameters, others;
  for (WireReader fields(out); fields.next();) (fields.field() == 4 ? parameters : others).emplace_back(fields.bytes());
  EXPECT_EQ(others, (std::vector<std::string>{"m", "7", "id-1",
                                              "\x0a\x07predict\x12\x04"
                                              "FP32\x1a\x02\x02\x01",
                                              bytes_of_all<float>({1.5F, -2})}));
  ASSERT_EQ(parameters.size(), 4U);
  EXPECT_EQ(parameters[0], std::string("\x0a\x07variant\x12\x03\x1a\x01") + "a");
}

}  // namespace
}  // namespace clops::serving::grpc
