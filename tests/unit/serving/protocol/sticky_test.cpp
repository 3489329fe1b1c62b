// A user's key as text: the same for the same value, whatever brought it.
#include "serving/protocol/sticky.h"

#include <gtest/gtest.h>

#include <cmath>

#include "serving/protocol/half.h"

namespace clops::serving {
namespace {

std::string of_json(const std::string& text) {
  JsonCursor json(text, 8);
  InferRequest request;
  const Status read = read_sticky(json, "user", request);
  return read && json.ok() ? request.sticky_key : "wrong";
}
template <class T>
std::string of_element(Datatype type, T value) {
  TensorBuffer buffer;
  buffer.reset(type, {1});
  buffer.as<T>()[0] = value;
  std::string out;
  return append_sticky(out, buffer.view(), 0) ? out : "missing";
}

TEST(Sticky, json_values_have_one_text) {
  const std::pair<const char*, const char*> table[] = {{"\"alice\"", "alice"},
                                                       {"\"a\\u0062\"", "ab"},
                                                       {"\"\"", ""},
                                                       {"7", "7"},
                                                       {"-7", "-7"},
                                                       {"7.0", "7"},
                                                       {"7e0", "7"},
                                                       {"0.7e1", "7"},
                                                       {"1.5", "1.5"},
                                                       {"-0", "0"},
                                                       {"-0.0", "0"},
                                                       {"1e18", "1000000000000000000"},
                                                       {"18446744073709551615", "18446744073709551615"},
                                                       {"9007199254740993", "9007199254740993"},
                                                       {"true", "true"},
                                                       {"false", "false"},
                                                       {"null", ""},
                                                       {"1e300", "1e+300"},
                                                       {"1e999", "1e999"},
                                                       {"01", "wrong"},
                                                       {"[1]", "wrong"},
                                                       {"{}", "wrong"},
                                                       {"nil", "wrong"},
                                                       {"", "wrong"}};
  for (const auto& [text, want] : table) EXPECT_EQ(of_json(text), want) << text;
}

TEST(Sticky, elements_have_the_text_of_the_same_number) {
  EXPECT_EQ(of_element<double>(Datatype::Fp64, 7), "7");
  EXPECT_EQ(of_element<float>(Datatype::Fp32, 7), "7");
  EXPECT_EQ(of_element<Half>(Datatype::Fp16, Half(7)), "7");
  EXPECT_EQ(of_element<int64_t>(Datatype::Int64, 7), "7");
  EXPECT_EQ(of_element<uint8_t>(Datatype::Uint8, 7), "7");
  EXPECT_EQ(of_element<float>(Datatype::Fp32, 0.1F), "0.1");
  EXPECT_EQ(of_element<double>(Datatype::Fp64, 0.1), "0.1");
  EXPECT_EQ(of_element<int64_t>(Datatype::Int64, INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(of_element<double>(Datatype::Fp64, -0x1p63), "-9223372036854775808");
  EXPECT_EQ(of_element<double>(Datatype::Fp64, NAN), "missing");
  EXPECT_EQ(of_element<bool>(Datatype::Bool, true), "true");
  EXPECT_EQ(of_element<std::string_view>(Datatype::Bytes, "alice"), "alice");
  EXPECT_EQ(of_element<std::string_view>(Datatype::Bytes, ""), "missing");
}

}  // namespace
}  // namespace clops::serving
