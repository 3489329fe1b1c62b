// The Open Inference Protocol's JSON: what is taken, as which float32, and what is refused with which words.
#include "serving/protocol/oip_json.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "serving/protocol/half.h"
#include "serving/protocol/oip_values.h"

namespace clops::serving {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

EngineInfo info(int64_t columns) {
  return {.inputs = {{"input-0", Datatype::Fp32, {-1, columns}}}, .outputs = {{"predict", Datatype::Fp32, {-1}}}};
}

Status decode(std::string_view body, InferRequest& out, int64_t columns = 2) {
  return decode_infer(body, info(columns), {}, out);
}

std::string body_of(const std::string& datatype, const std::string& shape, const std::string& data) {
  return R"({"inputs":[{"name":"input-0","shape":)" + shape + R"(,"datatype":")" + datatype + R"(","data":)" + data +
         "}]}";
}

struct Taken {
  const char* why;
  std::string body;
  std::vector<float> rows;
  std::string id = "";
};
class InferTaken : public testing::TestWithParam<Taken> {};
TEST_P(InferTaken, decodes) {
  InferRequest got;
  const Status status = decode(GetParam().body, got);
  ASSERT_TRUE(status) << GetParam().why << ": " << status.error().message;
  ASSERT_EQ(got.views.size(), 1U);
  const std::span<const float> rows = got.views[0].as<float>();
  ASSERT_EQ(rows.size(), GetParam().rows.size()) << GetParam().why;
  EXPECT_EQ(got.row_count, rows.size() / 2);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (std::isnan(GetParam().rows[i])) {
      EXPECT_TRUE(std::isnan(rows[i])) << GetParam().why;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(rows[i]), std::bit_cast<uint32_t>(GetParam().rows[i]))
          << GetParam().why << " at " << i;
    }
  }
  EXPECT_EQ(got.id_json, GetParam().id) << GetParam().why;
}
INSTANTIATE_TEST_SUITE_P(
    Table, InferTaken,
    testing::Values(
        Taken{"flat", body_of("FP32", "[2,2]", "[1,2.5,-3e2,4E-1]"), {1, 2.5f, -300, 0.4f}},
        Taken{"nested", body_of("FP32", "[2,2]", "[[1,2],[3,4]]"), {1, 2, 3, 4}},
        Taken{"null is missing", body_of("FP32", "[1,2]", "[null,1]"), {kNan, 1}},
        Taken{"FP64", body_of("FP64", "[1,2]", "[0.1,1e-50]"), {0.1f, 0}},
        Taken{"integers",
              body_of("INT64", "[1,2]", "[16777217,-9223372036854775808]"),
              {16777216.0f, -9223372036854775808.0f}},
        Taken{"unsigned", body_of("UINT64", "[1,2]", "[18446744073709551615,0]"), {18446744073709551615.0f, 0}},
        Taken{"booleans", body_of("BOOL", "[1,2]", "[true,false]"), {1, 0}},
        Taken{"negative zero", body_of("FP32", "[1,2]", "[-0,-0.0]"), {-0.0f, -0.0f}},
        Taken{"largest and smallest", body_of("FP32", "[1,2]", "[3.4028235e38,1e-45]"), {3.4028235e38f, 1e-45f}},
        Taken{"as numpy: double first, then float",
              body_of("FP32", "[1,2]", "[1.00000017881393432617187499,1.0000001788139341]"),
              {1.0000002f, 1.0000001f}},
        Taken{"beyond float32 is infinity",
              body_of("FP32", "[2,2]", "[3.4028236e38,-1e39,1e400,-1e999]"),
              {kInf, -kInf, kInf, -kInf}},
        Taken{"too small is zero", body_of("FP32", "[1,2]", "[1e-400,-1e-60]"), {0.0f, -0.0f}},
        Taken{"more digits than a mantissa",
              body_of("FP32", "[1,2]", "[0.100000000000000000000000000001,123456789012345678901234567890]"),
              {0.1f, 123456789012345678901234567890.0f}},
        Taken{
            "members in any order, unknown ones skipped",
            R"({"x":{"y":[1,{"z":"é"}]},"id":"a\"é","outputs":[{"name":"predict"}],"inputs":[{"data":[1,2],"datatype":"FP32","shape":[1,2],"name":"input-0"}],"parameters":{"p":1}})",
            {1, 2},
            R"("a\"é")"},
        Taken{"empty outputs",
              R"({"outputs":[],"inputs":[{"name":"input\u002d0","shape":[1,2],"datatype":"FP32","data":[1,2]}]})",
              {1, 2}},
        Taken{"spaces everywhere",
              " { \"inputs\" : [ { \"name\" : \"input-0\" , \"shape\" : [ 1 , 2 ] , \"datatype\" : \"FP32\" , \"data\" "
              ": [ [ 1 , 2 ] ] } ] } ",
              {1, 2}}));

struct Refused {
  const char* body;
  const char* says;
};
class InferRefused : public testing::TestWithParam<Refused> {};
TEST_P(InferRefused, with_the_reason) {
  InferRequest got;
  const Status status = decode(GetParam().body, got);
  ASSERT_FALSE(status) << GetParam().body;
  EXPECT_EQ(status.error().code, Code::InvalidArgument);
  EXPECT_NE(status.error().message.find(GetParam().says), std::string::npos)
      << GetParam().body << "\n  said: " << status.error().message;
}
#define ONE(name, shape, type, data) \
  R"({"inputs":[{"name":")" name R"(","shape":)" shape R"(,"datatype":")" type R"(","data":)" data "}]}"
INSTANTIATE_TEST_SUITE_P(
    Table, InferRefused,
    testing::Values(
        Refused{"", "not a JSON object"}, Refused{"[]", "not a JSON object"}, Refused{"{", "byte 1"},
        Refused{"{}", "\"inputs\" is missing"}, Refused{R"({"inputs":[]})", "input \"input-0\" is missing"},
        Refused{R"({"inputs":{}})", "not an array"}, Refused{R"({"inputs":[1]})", "not an object"},
        Refused{ONE("x", "[1,2]", "FP32", "[1,2]"), "input \"x\" is not known: this model takes \"input-0\""},
        Refused{ONE("input-0", "[1,3]", "FP32", "[1,2,3]"), "shape [1,3] does not fit [-1,2]"},
        Refused{ONE("input-0", "[2]", "FP32", "[1,2]"), "shape [2] does not fit"},
        Refused{ONE("input-0", "[0,2]", "FP32", "[]"), "at least one row"},
        Refused{ONE("input-0", "[-1,2]", "FP32", "[1,2]"), "does not fit"},
        Refused{ONE("input-0", "[1.0,2]", "FP32", "[1,2]"), "whole number"},
        Refused{ONE("input-0", "[9000000,2]", "FP32", "[1,2]"), "rows are more than"},
        Refused{ONE("input-0", "[100000,2]", "FP32", "[1,2]"), "more values than"},
        Refused{ONE("input-0", "[1,2]", "FP99", "[1,2]"), "datatype \"FP99\" is not known"},
        Refused{ONE("input-0", "[1,2]", "FP16", "[1,2]"), "FP16 is not taken in JSON"},
        Refused{ONE("input-0", "[1,2]", "BYTES", "[\"a\",\"b\"]"), "BYTES does not fit: this model takes FP32"},
        Refused{ONE("input-0", "[2,2]", "FP32", "[1,2,3,x]"), "input \"input-0\": \"data\", row 1, column 1: a number"},
        Refused{ONE("input-0", "[2,2]", "FP32", "[[1,2],[\"a\",1]]"), "row 1, column 0: a number is missing"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1]"), "\"data\" has 1 values, shape [1,2] needs 2"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1,2,3]"), "more than 2 values"},
        Refused{ONE("input-0", "[2,2]", "FP32", "[[1,2],[3]]"), "row 1 has 1 values, not 2"},
        Refused{ONE("input-0", "[2,2]", "FP32", "[[1,2]]"), "has 1 rows, shape says 2"},
        Refused{ONE("input-0", "[2,2]", "FP32", "[[1,2],3,4]"), "row 1 is not an array"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[[[1,2]]]"), "a number is missing"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1,\"2\"]"), "a number is missing"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1,true]"), "a number is missing"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1,NaN]"), "a number is missing"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[01,2]"), "needless 0"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1.,2]"), "after a decimal point"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1e,2]"), "in an exponent"},
        Refused{ONE("input-0", "[1,2]", "INT8", "[1,128]"), "out of its datatype's range"},
        Refused{ONE("input-0", "[1,2]", "UINT8", "[1,-1]"), "out of its datatype's range"},
        Refused{ONE("input-0", "[1,2]", "UINT64", "[1,18446744073709551616]"), "out of its datatype's range"},
        Refused{ONE("input-0", "[1,2]", "INT32", "[1,1.5]"), "a fraction or exponent"},
        Refused{ONE("input-0", "[1,2]", "BOOL", "[1,0]"), "true or false"},
        Refused{ONE("input-0", "[1,2]", "FP32", "{}"), "not an array"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1,2") "x", "byte"},
        Refused{ONE("input-0", "[1,2]", "FP32", "[1,2]") "x", "after the end"},
        Refused{R"({"inputs":[{"name":"input-0","datatype":"FP32","data":[1,2]}]})", "\"shape\" is missing"},
        Refused{R"({"inputs":[{"name":"input-0","shape":[1,2],"data":[1,2]}]})", "\"datatype\" is missing"},
        Refused{R"({"inputs":[{"name":"input-0","shape":[1,2],"datatype":"FP32"}]})", "\"data\" is missing"},
        Refused{
            R"({"inputs":[{"name":"input-0","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]})",
            "binary tensor data"},
        Refused{R"({"inputs":[{"name":"input-0","shape":[1,2],"shape":[1,2],"datatype":"FP32","data":[1,2]}]})",
                "\"shape\" is given twice"},
        Refused{R"({"id":7,"inputs":[]})", "\"id\" is not a string"}, Refused{"{\"id\":\"\xff\"}", "not UTF-8"},
        Refused{R"({"id":"\ud800"})", "escape is malformed"}, Refused{R"({"parameters":{"a":{}}})", "parameter \"a\""},
        Refused{R"({"outputs":[{"name":"y"}]})", "output \"y\" is not known: this model gives \"predict\""},
        Refused{R"({"outputs":[{"name":"predict"},{"name":"predict"}]})", "asked for twice"},
        Refused{R"({"outputs":[{}]})", "has no \"name\""}));

TEST(Infer, refuses_deep_nesting_without_deep_recursion) {
  InferRequest got;
  const Status status = decode("{\"x\":" + std::string(100'000, '['), got);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("nested too deeply"), std::string::npos);
}

TEST(Infer, two_inputs_are_one_too_many) {
  InferRequest got;
  const std::string one = R"({"name":"input-0","shape":[1,2],"datatype":"FP32","data":[1,2]})";
  EXPECT_FALSE(decode("{\"inputs\":[" + one + "," + one + "]}", got));
}

// Any float32 printed comes back the same, through the reader that clients' numbers go through.
TEST(Floats, survive_the_round_trip) {
  std::mt19937 random(11);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    std::string text;
    append_values(text, {Datatype::Fp32, {}, &value, 1});
    InferRequest got;
    ASSERT_TRUE(decode(body_of("FP32", "[1,2]", "[" + text + ",0]"), got)) << text;
    ASSERT_EQ(std::bit_cast<uint32_t>(got.views[0].as<float>()[0]), std::bit_cast<uint32_t>(value)) << text;
  }
}

// The fast way and the careful way agree: random decimals against the library's own double, cast.
TEST(Floats, are_read_as_numpy_reads_them) {
  std::mt19937_64 random(12);
  for (int i = 0; i < 100'000; ++i) {
    std::string text = (random() % 2 == 0 ? "-" : "") + std::to_string(random() >> (random() % 64));
    if (random() % 2 == 0) text += "." + std::to_string(random() >> (random() % 64));
    if (random() % 2 == 0) text += "e" + std::to_string(static_cast<int>(random() % 60) - 30);
    double want = 0;
    std::from_chars(text.data(), text.data() + text.size(), want);
    if (std::abs(want) > 3e38) continue;
    InferRequest got;
    ASSERT_TRUE(decode(body_of("FP32", "[1,2]", "[" + text + ",0]"), got)) << text;
    ASSERT_EQ(std::bit_cast<uint32_t>(got.views[0].as<float>()[0]), std::bit_cast<uint32_t>(static_cast<float>(want)))
        << text;
  }
}

// A model of many kinds: what each takes, in any order, and what it refuses.
EngineInfo many() {
  return {.inputs = {{"age", Datatype::Fp64, {-1, 1}},
                     {"job", Datatype::Bytes, {-1, 1}},
                     {"visits", Datatype::Int32, {-1}},
                     {"member", Datatype::Bool, {-1}},
                     {"image", Datatype::Fp32, {-1, 2, 2}},
                     {"tiny", Datatype::Fp16, {-1}}},
          .outputs = {{"label", Datatype::Int64, {-1}}, {"scores", Datatype::Fp64, {-1, 2}}}};
}
std::string input(const std::string& name, const std::string& type, const std::string& shape, const std::string& data) {
  return R"({"name":")" + name + R"(","datatype":")" + type + R"(","shape":)" + shape + R"(,"data":)" + data + "}";
}
std::string request(const std::vector<std::string>& inputs, const std::string& more = "") {
  std::string out = "{\"inputs\":[";
  for (const std::string& one : inputs) out += (out.back() == '[' ? "" : ",") + one;
  return out + "]" + more + "}";
}
std::vector<std::string> all_inputs() {
  return {input("visits", "INT64", "[2]", "[-3,2147483647]"),
          input("image", "FP32", "[2,2,2]", "[[[1,2],[3,4]],[[5,6],[7,null]]]"),
          input("age", "FP64", "[2,1]", "[[0.1],[1e300]]"),
          input("job", "BYTES", "[2,1]", R"(["nurse","c\u00f6\"ok"])"),
          input("member", "BOOL", "[2]", "[true,false]"),
          input("tiny", "FP32", "[2]", "[0.1,65520]")};
}

TEST(Tensors, of_every_kind_in_any_order) {
  InferRequest got;
  const std::string body = request(all_inputs(), R"(,"outputs":[{"name":"scores"},{"name":"label"}])");
  const Status status = decode_infer(body, many(), {}, got);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(got.row_count, 2U);
  ASSERT_EQ(got.views.size(), 6U);
  EXPECT_EQ(got.views[0].as<double>()[0], 0.1);
  EXPECT_EQ(got.views[0].as<double>()[1], 1e300);
  EXPECT_EQ(got.views[1].as<std::string_view>()[0], "nurse");
  EXPECT_EQ(got.views[1].as<std::string_view>()[1], "c\xc3\xb6\"ok");
  EXPECT_EQ(got.views[2].as<int32_t>()[0], -3);
  EXPECT_EQ(got.views[2].as<int32_t>()[1], 2147483647);
  EXPECT_TRUE(got.views[3].as<bool>()[0]);
  EXPECT_FALSE(got.views[3].as<bool>()[1]);
  EXPECT_EQ(got.views[4].as<float>()[5], 6);
  EXPECT_TRUE(std::isnan(got.views[4].as<float>()[7]));
  EXPECT_EQ(got.views[5].as<Half>()[0].bits, 0x2e66);
  EXPECT_EQ(got.views[5].as<Half>()[1].bits, 0x7c00);
  EXPECT_EQ(got.outputs, (std::vector<uint32_t>{1, 0}));
}

TEST(Tensors, a_float32_stays_the_float32_it_is) {
  const EngineInfo one{.inputs = {{"x", Datatype::Fp64, {-1}}}, .outputs = {{"y", Datatype::Fp64, {-1}}}};
  InferRequest got;
  ASSERT_TRUE(decode_infer(request({input("x", "FP32", "[1]", "[0.1]")}), one, {}, got));
  EXPECT_EQ(got.views[0].as<double>()[0], static_cast<double>(0.1F));
  ASSERT_TRUE(decode_infer(request({input("x", "INT64", "[1]", "[9007199254740993]")}), one, {}, got));
  EXPECT_EQ(got.views[0].as<double>()[0], 9007199254740992.0);
  EXPECT_EQ(got.outputs, (std::vector<uint32_t>{0}));
}

TEST(Contributions, are_given_only_where_they_are_asked_for) {
  EngineInfo info{
      .inputs = {{"x", Datatype::Fp64, {-1}}},
      .outputs = {{"predict", Datatype::Fp64, {-1}},
                  {.name = "contributions", .datatype = Datatype::Fp64, .shape = {-1, 2}, .on_request = true}}};
  struct Case {
    std::string more;
    std::vector<uint32_t> outputs;
  };
  const std::string named = R"(,"outputs":[{"name":"contributions"}])", predict = R"(,"outputs":[{"name":"predict"}])";
  const std::string yes = R"(,"parameters":{"a":1,"contributions":true})",
                    no = R"(,"parameters":{"contributions":false})";
  InferRequest got;
  for (const Case& c : {Case{"", {0}}, Case{named, {1}}, Case{yes, {0, 1}}, Case{no, {0}}, Case{predict, {0}},
                        Case{predict + yes, {0, 1}}, Case{named + yes, {1}}, Case{yes + named, {1}}, Case{"", {0}}}) {
    const Status status = decode_infer(request({input("x", "FP64", "[1]", "[1]")}, c.more), info, {}, got);
    ASSERT_TRUE(status) << c.more << ": " << status.error().message;
    EXPECT_EQ(got.outputs, c.outputs) << c.more;
  }
  const auto refused = [&](const std::string& more, std::string_view why) {
    const Status status = decode_infer(request({input("x", "FP64", "[1]", "[1]")}, more), info, {}, got);
    ASSERT_FALSE(status) << more;
    EXPECT_NE(status.error().message.find(why), std::string::npos) << status.error().message;
  };
  refused(R"(,"parameters":{"contributions":"yes"})", "is not true or false");
  refused(R"(,"parameters":{"contributions":1})", "is not true or false");
  refused(R"(,"parameters":{"contributions":tru})", "at byte");
  refused(R"(,"parameters":{"contributions":true,"contributions":false})", "given twice");
  info.outputs.pop_back();
  refused(yes, "this model gives no contributions");
  refused(named, "output \"contributions\" is not known");
}

TEST(InferOptional, an_input_may_be_left_out_and_then_has_no_rows) {
  const EngineInfo info{.inputs = {{"x", Datatype::Fp64, {-1, 2}},
                                   {.name = "more", .datatype = Datatype::Fp64, .shape = {-1, 2}, .optional = true}},
                        .outputs = {{"predict", Datatype::Fp64, {-1}}}};
  const std::string x = input("x", "FP64", "[1,2]", "[1,2]"), more = input("more", "FP64", "[2,2]", "[3,4,5,6]");
  InferRequest got;
  for (const bool given : {true, false, true}) {
    for (const bool first : {true, false}) {
      const std::string body = !given ? request({x}) : first ? request({more, x}) : request({x, more});
      const Status status = decode_infer(body, info, {}, got);
      ASSERT_TRUE(status) << status.error().message;
      ASSERT_EQ(got.views.size(), 2U);
      EXPECT_EQ(got.row_count, 1U);
      EXPECT_EQ(got.views[0].as<double>()[1], 2);
      ASSERT_EQ(got.views[1].rows(), given ? 2U : 0U);
      if (given) {
        EXPECT_EQ(got.views[1].as<double>()[3], 6);
      }
    }
  }
  const auto refused = [&](const std::string& body, std::string_view why) {
    const Status status = decode_infer(body, info, {}, got);
    ASSERT_FALSE(status) << body;
    EXPECT_NE(status.error().message.find(why), std::string::npos) << status.error().message;
  };
  refused(request({more}), "input \"x\" is missing");
  refused(request({x, input("more", "FP64", "[0,2]", "[]")}), "at least one row");
  refused(request({x, input("more", "FP64", "[1,3]", "[1,2,3]")}), "does not fit");
}

TEST(Tensors, what_does_not_fit_is_named) {
  const auto said = [](size_t index, const std::string& text) {
    auto inputs = all_inputs();
    inputs[index] = text;
    InferRequest got;
    const Status status = decode_infer(request(inputs), many(), {}, got);
    return status ? std::string("taken") : status.error().message;
  };
  const auto has = [](const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; };
  EXPECT_EQ(said(2, input("age", "FP64", "[2,1]", "[1,2]")), "taken");
  EXPECT_TRUE(has(said(0, input("visits", "INT64", "[2]", "[1,2147483648]")),
                  "input \"visits\": \"data\", row 1: a number is out of the range"));
  EXPECT_TRUE(has(said(0, input("visits", "FP32", "[2]", "[1,2]")), "FP32 does not fit: this model takes INT32"));
  EXPECT_TRUE(has(said(0, input("visits", "INT32", "[2]", "[1,null]")), "row 1: a number is missing"));
  EXPECT_TRUE(has(said(3, input("job", "FP32", "[2,1]", "[1,2]")), "this model takes BYTES"));
  EXPECT_TRUE(has(said(3, input("job", "BYTES", "[2,1]", "[\"a\",2]")), "row 1, column 0: a string is missing"));
  EXPECT_TRUE(has(said(1, input("image", "FP32", "[2,2,2]", "[[[1,2],[3,4]],[[5,6]]]")), "has 1 arrays in a row"));
  EXPECT_TRUE(has(said(1, input("image", "FP32", "[2,2,2]", "[[[1,2],[3,4]],[[5,6],[7]]]")), "row 1 has 1 values"));
  EXPECT_TRUE(has(said(5, input("tiny", "FP16", "[2]", "[1,2]")),
                  "FP16 is not taken in JSON: this model takes FP32, or FP16 as binary data"));
  EXPECT_TRUE(has(said(5, input("age", "FP64", "[2,1]", "[1,2]")), "input \"age\" is given twice"));
  EXPECT_TRUE(has(said(5, input("other", "FP64", "[2,1]", "[1,2]")),
                  "\"other\" is not known: this model takes \"age\", \"job\""));
  auto few = all_inputs();
  few.pop_back();
  InferRequest got;
  const Status status = decode_infer(request(few), many(), {}, got);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "input \"tiny\" is missing");
}

TEST(Halves, are_every_value_there_and_back) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    Half half;
    half.bits = static_cast<uint16_t>(bits);
    const float value = half.to_float();
    if (std::isnan(value)) continue;
    ASSERT_EQ(Half(value).bits, bits);
    // Half way to the next is rounded to the even one.
    if ((bits & 0x7fff) < 0x7bff) {
      Half next;
      next.bits = static_cast<uint16_t>(bits + 1);
      ASSERT_EQ(Half((value + next.to_float()) / 2).bits, bits + (bits & 1)) << bits;
    }
  }
}

TEST(Output, prints_what_json_has_no_word_for_as_null) {
  TensorBuffer tensor;
  tensor.reset(Datatype::Fp32, {2, 2});
  const float values[] = {1, kNan, std::numeric_limits<float>::infinity(), 0.1f};
  std::ranges::copy(values, tensor.as<float>().begin());
  std::string out;
  append_output(out, "{\"shape\":[", tensor.view());
  EXPECT_EQ(out, "{\"shape\":[2,2],\"data\":[1,null,null,0.1]}");
}

TEST(Output, prints_every_datatype) {
  TensorBuffer tensor;
  const auto printed = [&] {
    std::string out;
    append_output(out, "", tensor.view());
    return out;
  };
  tensor.reset(Datatype::Fp64, {2});
  tensor.as<double>()[0] = 0.1;
  tensor.as<double>()[1] = 1e300;
  EXPECT_EQ(printed(), "2],\"data\":[0.1,1e+300]}");
  tensor.reset(Datatype::Int64, {1, 1});
  tensor.as<int64_t>()[0] = INT64_MIN;
  EXPECT_EQ(printed(), "1,1],\"data\":[-9223372036854775808]}");
  tensor.reset(Datatype::Bytes, {3});
  tensor.set_text(0, "a\"b");
  tensor.set_text(2, std::string(100, 'x'));
  EXPECT_EQ(printed(), "3],\"data\":[\"a\\\"b\",\"\",\"" + std::string(100, 'x') + "\"]}");
  tensor.reset(Datatype::Bool, {2});
  tensor.as<bool>()[0] = true;
  tensor.as<bool>()[1] = false;
  EXPECT_EQ(printed(), "2],\"data\":[true,false]}");
  tensor.reset(Datatype::Uint8, {1});
  tensor.as<uint8_t>()[0] = 255;
  EXPECT_EQ(printed(), "1],\"data\":[255]}");
  tensor.reset(Datatype::Fp16, {1});
  tensor.as<Half>()[0] = Half(0.5F);
  EXPECT_EQ(printed(), "1],\"data\":[0.5]}");
}

}  // namespace
}  // namespace clops::serving
