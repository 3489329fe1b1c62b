// Tensors as binary data: every datatype there and back, conversions as NumPy makes them, and what is refused.
#include "serving/protocol/tensor_bytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "serving/protocol/element_types.h"

namespace clops::serving {
namespace {

constexpr Datatype kAll[] = {Datatype::Bool, Datatype::Uint8, Datatype::Uint16, Datatype::Uint32, Datatype::Uint64,
                             Datatype::Int8, Datatype::Int16, Datatype::Int32,  Datatype::Int64,  Datatype::Fp16,
                             Datatype::Bf16, Datatype::Fp32,  Datatype::Fp64,   Datatype::Bytes};

template <class T>
std::string bytes(std::initializer_list<T> values) {
  std::string out;
  for (const T value : values) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    out.append(raw, sizeof value);
  }
  return out;
}
std::string text(std::string_view value) {
  return bytes({static_cast<uint32_t>(value.size())}) + std::string(value);
}

std::string refused(std::string_view from, Datatype given, Datatype wanted, std::initializer_list<int64_t> shape) {
  TensorBuffer tensor;
  tensor.reset(wanted, shape);
  const Status status = read_bytes(from, given, tensor);
  if (status) return "taken";
  EXPECT_EQ(status.error().code, Code::InvalidArgument);
  return status.error().message;
}

TEST(TensorBytes, every_datatype_there_and_back) {
  for (const Datatype type : kAll) {
    std::string from;
    if (type == Datatype::Bytes) {
      from = text("") + text(std::string("\0\xff", 2));
    } else if (type == Datatype::Bool) {
      from = std::string("\1\0", 2);
    } else {
      for (size_t i = 0; i < 2 * size_of(type); ++i) from += static_cast<char>(0x81 + 7 * i);
    }
    TensorBuffer tensor;
    tensor.reset(type, {2, 1});
    const Status status = read_bytes(from, type, tensor);
    ASSERT_TRUE(status) << to_string(type) << status.error().message;
    EXPECT_EQ(bytes_of(tensor.view()), from.size());
    std::string out;
    append_bytes(out, tensor.view());
    EXPECT_EQ(out, from) << to_string(type);
  }
}

// Beside an odd number of bytes nothing is aligned.
TEST(TensorBytes, need_no_alignment) {
  const std::string from = "x" + bytes({1.5, -0.0});
  TensorBuffer tensor;
  tensor.reset(Datatype::Fp32, {2});
  ASSERT_TRUE(read_bytes(std::string_view(from).substr(1), Datatype::Fp64, tensor));
  EXPECT_EQ(tensor.as<float>()[0], 1.5F);
  EXPECT_TRUE(std::signbit(tensor.as<float>()[1]));
}

template <class To, class From>
To one(From value, Datatype given, Datatype wanted) {
  TensorBuffer tensor;
  tensor.reset(wanted, {1});
  const Status status = read_bytes(bytes({value}), given, tensor);
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
  return tensor.as<To>()[0];
}

TEST(TensorBytes, become_the_models_datatype) {
  EXPECT_EQ(one<float>(0.1, Datatype::Fp64, Datatype::Fp32), 0.1F);
  EXPECT_EQ(one<double>(0.1F, Datatype::Fp32, Datatype::Fp64), static_cast<double>(0.1F));
  EXPECT_EQ(one<float>(1e300, Datatype::Fp64, Datatype::Fp32), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(one<float>(std::nan(""), Datatype::Fp64, Datatype::Fp32)));
  EXPECT_EQ(one<float>(int64_t{16777217}, Datatype::Int64, Datatype::Fp32), 16777216.0F);
  EXPECT_EQ(one<double>(UINT64_MAX, Datatype::Uint64, Datatype::Fp64), 18446744073709551616.0);
  EXPECT_EQ(one<float>(Half(0.5F), Datatype::Fp16, Datatype::Fp32), 0.5F);
  EXPECT_EQ(one<Half>(65520.0, Datatype::Fp64, Datatype::Fp16).bits, 0x7c00);
  EXPECT_EQ(one<Bfloat16>(1.0F, Datatype::Fp32, Datatype::Bf16).bits, 0x3f80);
  EXPECT_EQ(one<float>(true, Datatype::Bool, Datatype::Fp32), 1.0F);
  EXPECT_EQ(one<int8_t>(int64_t{-128}, Datatype::Int64, Datatype::Int8), -128);
  EXPECT_EQ(one<uint64_t>(int8_t{7}, Datatype::Int8, Datatype::Uint64), 7U);
}

TEST(TensorBytes, what_does_not_fit_is_named) {
  const auto has = [](const std::string& said, std::string_view part) {
    EXPECT_NE(said.find(part), std::string::npos) << said;
  };
  has(refused(bytes({1.0F}), Datatype::Fp32, Datatype::Fp32, {1, 2}), "has 4 bytes, shape [1,2] of FP32 needs 8");
  has(refused(bytes({1.0F, 2.0F, 3.0F}), Datatype::Fp32, Datatype::Fp32, {1, 2}), "has 12 bytes");
  has(refused(bytes({int64_t{1}, int64_t{128}}), Datatype::Int64, Datatype::Int8, {1, 2}),
      "row 0, column 1: 128 is out");
  has(refused(bytes({int8_t{-1}}), Datatype::Int8, Datatype::Uint8, {1}), "row 0: -1 is out");
  has(refused(bytes({1.0F}), Datatype::Fp32, Datatype::Int32, {1}), "FP32 does not fit: this model takes INT32");
  has(refused("\2", Datatype::Bool, Datatype::Bool, {1}), "a byte of 0 or 1");
  has(refused(text("a"), Datatype::Bytes, Datatype::Fp32, {1}), "BYTES does not fit");
  has(refused(text("a") + "\1", Datatype::Bytes, Datatype::Bytes, {2}), "ends in the length of row 1");
  has(refused(text("abc").substr(0, 6), Datatype::Bytes, Datatype::Bytes, {1}), "ends in row 0");
  has(refused(text("a") + "b", Datatype::Bytes, Datatype::Bytes, {1}), "1 bytes after its last");
  has(refused("\xff\xff\xff\xff", Datatype::Bytes, Datatype::Bytes, {1}), "ends in row 0");
}

TEST(Bfloat16s, are_every_value_there_and_back) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    Bfloat16 value;
    value.bits = static_cast<uint16_t>(bits);
    const float wide = value.to_float();
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(Bfloat16(wide).to_float()));
      continue;
    }
    ASSERT_EQ(Bfloat16(wide).bits, bits);
  }
  EXPECT_EQ(Bfloat16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);  // ties to even
  EXPECT_EQ(Bfloat16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);
  EXPECT_EQ(Bfloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
}

}  // namespace
}  // namespace clops::serving
