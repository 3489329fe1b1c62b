// The small values of base: time, JSON, digests, files, HTTP messages, chance.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "base/digest.h"
#include "base/file.h"
#include "base/http.h"
#include "base/json.h"
#include "base/random.h"
#include "base/time.h"

namespace clops {
namespace {

TEST(Time, rfc3339_both_ways) {
  const auto time = from_rfc3339("2026-11-21T10:00:00.123456Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(to_rfc3339(*time), "2026-11-21T10:00:00Z");
  EXPECT_EQ(to_rfc3339_micro(*time), "2026-11-21T10:00:00.123456Z");
  EXPECT_EQ(from_rfc3339("2026-11-21T12:00:00+02:00"), from_rfc3339("2026-11-21T10:00:00Z"));
  EXPECT_EQ(from_rfc3339("2026-11-21T10:00:00.123456789Z"), time) << "digits beyond microseconds are cut";
  EXPECT_EQ(to_rfc3339_micro(*from_rfc3339("1969-12-31T23:59:59.5Z")), "1969-12-31T23:59:59.500000Z");
  for (const char* bad : {"", "2026-11-21", "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z", "2026-11-21T10:00:00",
                          "2026-11-21T10:00:00+2", "x026-11-21T10:00:00Z"}) {
    EXPECT_FALSE(from_rfc3339(bad)) << bad;
  }
}

TEST(JsonText, parses_within_limits_and_says_where_it_is_wrong) {
  EXPECT_EQ(parse_json(R"({"a":[1,2.5,"x"]})")->at("a")[1], 2.5);
  const auto bad = parse_json("{\"a\":1,\n \"b\" 2}");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::InvalidArgument);
  EXPECT_NE(bad.error().message.find("line 2"), std::string::npos) << bad.error().message;
  EXPECT_EQ(parse_json("[1]", {.bytes_max = 2}).error().code, Code::TooLarge);
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '['))) << "neither a crash nor a stack of that depth";
  for (const char* text : {"", "{", "nul", "1e999", "\"\\ud800\"", "{\"a\":1}x"})
    EXPECT_FALSE(parse_json(text)) << text;
  EXPECT_EQ(dump_json(Json("\xff")), "\"\xEF\xBF\xBD\"");
}

// The short road through valid, plain documents may differ from the thorough one in nothing but time.
struct Dice {
  std::mt19937_64 engine{7};
  uint64_t below(uint64_t limit) { return engine() % limit; }
};

Json random_json(Dice& random, int depth) {
  static const char* const kTexts[] = {"",         "a",    "plain text", "\"quoted\" \\ / \b\f\n\r\t",
                                       "\x01\x1f", "\x7f", "ä€😀",       "\xff\xc3"};
  switch (random.below(depth > 0 ? 9 : 7)) {
    case 0:
      return nullptr;
    case 1:
      return random.below(2) == 1;
    case 2:
      return static_cast<int64_t>(random.engine() >> random.below(64)) * (random.below(2) == 1 ? -1 : 1);
    case 3:
      return random.engine() >> random.below(64);
    case 4:
      return static_cast<double>(random.engine()) / (1 + static_cast<double>(random.engine() >> random.below(64)));
    case 5:
    case 6:
      return kTexts[random.below(std::size(kTexts))];
    case 7: {
      Json out = Json::array();
      for (uint64_t i = random.below(4); i > 0; --i) out.push_back(random_json(random, depth - 1));
      return out;
    }
    default: {
      Json out = Json::object();
      for (uint64_t i = random.below(4); i > 0; --i)
        out[kTexts[random.below(std::size(kTexts))]] = random_json(random, depth - 1);
      return out;
    }
  }
}

TEST(JsonText, reads_and_prints_as_nlohmann_does_whatever_the_text) {
  constexpr auto kReplace = Json::error_handler_t::replace;
  Dice random;
  static constexpr std::string_view kBytes = "{}[]\",:0123456789-+.eE \\/bfnrtu\n\t\x01\x7f\xc3truefalsn";
  int valid = 0, invalid = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Json value = random_json(random, 4);
    ASSERT_EQ(dump_json(value), value.dump(-1, ' ', false, kReplace));
    std::string text = value.dump(random.below(2) == 1 ? 1 : -1, ' ', random.below(2) == 1, kReplace);
    for (uint64_t i = random.below(3); i > 0; --i) {
      const size_t at = random.below(text.size() + 1);
      const std::string byte(1, kBytes[random.below(kBytes.size())]);
      random.below(2) == 1 ? text.insert(at, byte) : text.replace(at, 1, byte);
    }
    const Json wanted = Json::parse(text, nullptr, false);
    const auto got = parse_json(text);
    ASSERT_EQ(got.has_value(), !wanted.is_discarded()) << text;
    (got ? valid : invalid) += 1;
    if (!got) continue;
    ASSERT_EQ(*got, wanted) << text;
    ASSERT_EQ(got->type(), wanted.type()) << text;
  }
  EXPECT_GT(valid, 5'000);
  EXPECT_GT(invalid, 2'000);
}

TEST(JsonText, looks_up_without_throwing) {
  const Json value{{"a", {{"b", "text"}, {"n", 7}, {"t", true}}}};
  EXPECT_EQ(string_at(value, {"a", "b"}), "text");
  EXPECT_EQ(string_at(value, {"a", "n"}, "other"), "other");
  EXPECT_EQ(int_at(value, {"a", "n"}), 7);
  EXPECT_EQ(int_at(value, {"a", "b", "c"}, -1), -1);
  EXPECT_TRUE(bool_at(value, {"a", "t"}));
  EXPECT_EQ(find_path(value, {"x"}), nullptr);
}

TEST(Digest, known_answers) {
  EXPECT_EQ(sha256(""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  for (const char* piece : {"a", "", "bc"}) pieces.update(piece);
  EXPECT_EQ(pieces.finish(), sha256("abc"));
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_TRUE(is_sha256(sha256("x")));
  for (const char* bad :
       {"", "sha256:", "sha256:XYZ", "md5:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})
    EXPECT_FALSE(is_sha256(bad));
  EXPECT_TRUE(equal_constant_time("same", "same"));
  EXPECT_FALSE(equal_constant_time("same", "sama"));
  EXPECT_FALSE(equal_constant_time("same", "sam"));
}

TEST(Digest, base64_both_ways) {
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    EXPECT_EQ(base64_decode(base64_encode(text)), text);
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_decode("Zm9v\nYmFy\n"), "foobar");
  for (const char* bad : {"Zg", "Zg=", "Z*==", "===="}) EXPECT_FALSE(base64_decode(bad)) << bad;
}

TEST(Digest, random_hex_does_not_repeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(seen.insert(random_hex(16)).second);
  EXPECT_EQ(seen.begin()->size(), 32u);
}

class Files : public testing::Test {
 protected:
  Files() { std::filesystem::create_directories(folder); }
  ~Files() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("clops-files-" + random_hex(6));
};

TEST_F(Files, are_written_whole_and_read_within_a_limit) {
  const auto path = folder / "a";
  ASSERT_TRUE(write_file_atomic(path, "one"));
  ASSERT_TRUE(write_file_atomic(path, "two", 0600));
  EXPECT_EQ(read_file(path), "two");
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "nothing is left beside it";
  EXPECT_EQ(read_file(path, 2).error().code, Code::TooLarge);
  EXPECT_EQ(read_file(path, 3), "two");
}

TEST_F(Files, errors_name_the_path) {
  const auto missing = read_file(folder / "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::NotFound);
  EXPECT_NE(missing.error().message.find("none"), std::string::npos);
  EXPECT_FALSE(read_file(folder)) << "a folder is no file";
  EXPECT_FALSE(write_file_atomic(folder / "no" / "such", "x"));
}

TEST(Http, headers_compare_without_case) {
  Headers headers;
  headers.set("Content-Type", "a");
  headers.set("content-type", "b");
  EXPECT_EQ(headers.items.size(), 1u);
  EXPECT_EQ(headers.get("CONTENT-TYPE"), "b");
  EXPECT_EQ(headers.get("x"), std::nullopt);
}

TEST(Http, targets_and_encoding) {
  const Target target = parse_target("/a%20b?x=1&y=%2F&flag&x=2&&=v");
  EXPECT_EQ(target.path, "/a%20b");
  EXPECT_EQ(target.param("x"), "1");
  EXPECT_EQ(target.param("y"), "/");
  EXPECT_EQ(target.param("flag"), "");
  EXPECT_EQ(target.param("none"), std::nullopt);
  EXPECT_EQ(url_decode("%zz%4"), "%zz%4") << "what is no escape stays";
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  EXPECT_EQ(url_decode(url_encode(every)), every);
}

TEST(Random, the_same_seed_gives_the_same_numbers_spread_over_the_unit) {
  const auto a = make_random(5), b = make_random(5), c = make_random(6);
  double sum = 0;
  bool differs = false;
  for (int i = 0; i < 10'000; ++i) {
    const double x = a->unit();
    EXPECT_EQ(x, b->unit());
    differs |= x != c->unit();
    EXPECT_TRUE(x >= 0 && x < 1);
    sum += x;
  }
  EXPECT_TRUE(differs);
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

}  // namespace
}  // namespace clops
