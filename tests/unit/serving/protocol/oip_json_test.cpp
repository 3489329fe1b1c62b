// The Open Inference Protocol's JSON: what is taken, as which float32, and what is refused with which words.
#include "serving/protocol/oip_json.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

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
  ASSERT_EQ(got.rows.size(), GetParam().rows.size()) << GetParam().why;
  for (size_t i = 0; i < got.rows.size(); ++i) {
    if (std::isnan(GetParam().rows[i])) {
      EXPECT_TRUE(std::isnan(got.rows[i])) << GetParam().why;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(got.rows[i]), std::bit_cast<uint32_t>(GetParam().rows[i]))
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
        Refused{ONE("input-0", "[1,2]", "BYTES", "[\"a\",\"b\"]"), "BYTES is not taken"},
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
    append_float(text, value);
    InferRequest got;
    ASSERT_TRUE(decode(body_of("FP32", "[1,2]", "[" + text + ",0]"), got)) << text;
    ASSERT_EQ(std::bit_cast<uint32_t>(got.rows[0]), std::bit_cast<uint32_t>(value)) << text;
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
    ASSERT_EQ(std::bit_cast<uint32_t>(got.rows[0]), std::bit_cast<uint32_t>(static_cast<float>(want))) << text;
  }
}

TEST(Output, prints_what_json_has_no_word_for_as_null) {
  std::string out;
  const std::vector<float> values = {1, kNan, std::numeric_limits<float>::infinity(), 0.1f};
  append_output(out, values, 2, 2, false);
  EXPECT_EQ(out, "2,2],\"data\":[1,null,null,0.1]}]}");
}

}  // namespace
}  // namespace clops::serving
