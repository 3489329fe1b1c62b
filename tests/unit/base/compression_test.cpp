// Messages packed and unpacked; what is damaged, cut off or too large when unpacked.
#include "base/compression.h"

#include <gtest/gtest.h>

#include <random>

namespace clops {
namespace {

constexpr size_t kMost = 1u << 20;
constexpr Coding kCodings[] = {Coding::Gzip, Coding::Deflate, Coding::Zstd};

std::string sample(size_t bytes) {
  std::mt19937 random(7);
  std::string out;
  while (out.size() < bytes) out += std::to_string(random() % 1000) + ",";
  out.resize(bytes);
  return out;
}

TEST(Compression, there_and_back_with_one_compressor) {
  Compressor compressor;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{16384}, size_t{16385}, size_t{100'000}, kMost}) {
    const std::string text = sample(bytes);
    for (const Coding coding : kCodings) {
      std::string packed, back;
      compressor.pack(coding, text, packed);
      ASSERT_FALSE(packed.empty());
      EXPECT_LT(packed.size(), bytes * 3 / 4 + 100);
      const Status status = compressor.unpack(coding, packed, kMost, back);
      ASSERT_TRUE(status) << to_string(coding) << " " << bytes << ": " << status.error().message;
      EXPECT_EQ(back, text) << to_string(coding);
    }
  }
}

TEST(Compression, never_unpacks_more_than_is_allowed) {
  Compressor compressor;
  const std::string bomb(kMost * 8, '\0');
  for (const Coding coding : kCodings) {
    std::string packed, back;
    compressor.pack(coding, bomb, packed);
    const Status status = compressor.unpack(coding, packed, kMost, back);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::TooLarge);
    EXPECT_LE(back.capacity(), kMost * 2);
    // One byte over is over, and to the limit is not.
    compressor.pack(coding, std::string_view(bomb).substr(0, kMost + 1), packed);
    EXPECT_FALSE(compressor.unpack(coding, packed, kMost, back));
    compressor.pack(coding, std::string_view(bomb).substr(0, kMost), packed);
    EXPECT_TRUE(compressor.unpack(coding, packed, kMost, back));
  }
}

// A few bytes cannot make the reader ask for a window of 128 MiB.
TEST(Compression, zstd_windows_are_limited) {
  Compressor compressor;
  const auto frame = [](char window) {  // one raw block of one byte
    return std::string("\x28\xb5\x2f\xfd\0", 5) + window + std::string("\x09\0\0a", 4);
  };
  std::string back;
  ASSERT_TRUE(compressor.unpack(Coding::Zstd, frame(13 << 3), kMost, back));  // 2^23
  EXPECT_EQ(back, "a");
  EXPECT_FALSE(compressor.unpack(Coding::Zstd, frame(14 << 3), kMost, back));
  EXPECT_FALSE(compressor.unpack(Coding::Zstd, frame(static_cast<char>(17 << 3)), kMost, back));
}

TEST(Compression, says_what_is_wrong) {
  Compressor compressor;
  const std::string text = sample(50'000);
  for (const Coding coding : kCodings) {
    std::string packed, back;
    compressor.pack(coding, text, packed);
    for (const size_t keep : {size_t{0}, size_t{1}, packed.size() / 2, packed.size() - 1}) {
      const Status status = compressor.unpack(coding, packed.substr(0, keep), kMost, back);
      ASSERT_FALSE(status) << to_string(coding) << " of " << keep;
      EXPECT_EQ(status.error().code, Code::InvalidArgument);
    }
    EXPECT_FALSE(compressor.unpack(coding, packed + "more", kMost, back)) << to_string(coding);
    EXPECT_FALSE(compressor.unpack(coding, "not packed at all", kMost, back)) << to_string(coding);
    // A good message after bad ones.
    ASSERT_TRUE(compressor.unpack(coding, packed, kMost, back));
    EXPECT_EQ(back, text);
  }
}

TEST(Compression, any_bytes_are_survived) {
  Compressor compressor;
  std::mt19937 random(8);
  const std::string text = sample(3'000);
  for (const Coding coding : kCodings) {
    std::string packed, back;
    compressor.pack(coding, text, packed);
    for (int round = 0; round < 2'000; ++round) {
      std::string damaged = packed;
      damaged[random() % damaged.size()] = static_cast<char>(random());
      const Status status = compressor.unpack(coding, damaged, kMost, back);
      EXPECT_TRUE(!status || back.size() <= kMost);
    }
  }
}

TEST(Compression, takes_what_clients_send) {
  Compressor compressor;
  std::string packed, back;
  const std::string text = sample(100);
  compressor.pack(Coding::Deflate, text, packed);
  // Without zlib's two bytes before and its checksum after.
  ASSERT_TRUE(compressor.unpack(Coding::Deflate, packed.substr(2, packed.size() - 6), kMost, back));
  EXPECT_EQ(back, text);
  for (const Coding coding : {Coding::Gzip, Coding::Zstd}) {  // several members
    compressor.pack(coding, text, packed);
    ASSERT_TRUE(compressor.unpack(coding, packed + packed, kMost, back)) << to_string(coding);
    EXPECT_EQ(back, text + text);
  }
  EXPECT_EQ(coding_from("GZip"), Coding::Gzip);
  EXPECT_EQ(coding_from("x-gzip"), Coding::Gzip);
  EXPECT_EQ(coding_from("br"), std::nullopt);
  EXPECT_EQ(coding_from(""), std::nullopt);
}

}  // namespace
}  // namespace clops
