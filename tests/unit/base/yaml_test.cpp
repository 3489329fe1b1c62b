// YAML in, Json out, as kubectl reads it; and back, as kubectl prints it.
#include "base/yaml.h"

#include <gtest/gtest.h>

namespace clops {
namespace {

Json one(std::string_view yaml) {
  auto docs = parse_yaml(yaml);
  EXPECT_TRUE(docs) << (docs ? "" : docs.error().message) << "\n" << yaml;
  return docs && docs->size() == 1 ? docs->front() : Json("not one document");
}

struct Scalar {
  const char* written;
  Json means;
};

TEST(Yaml, plain_scalars_take_the_types_kubectl_gives_them) {
  const std::vector<Scalar> table{
      {"7", 7},
      {"-7", -7},
      {"+7", 7},
      {"0", 0},
      {"0x1F", 31},
      {"0o17", 15},
      {"017", 15},
      {"0b101", 5},
      {"1_000", 1000},
      {"1.5", 1.5},
      {"1e3", 1000},
      {"2.0", 2},
      {".5", 0.5},
      {"true", true},
      {"True", true},
      {"yes", true},
      {"off", false},
      {"y", true},
      {"null", nullptr},
      {"~", nullptr},
      {"", nullptr},
      {"7Gi", "7Gi"},
      {"1.2.3", "1.2.3"},
      {"100m", "100m"},
      {"hello", "hello"},
      {"-", Json::array({nullptr})},
      {"3.2", 3.2},
      {"2026-11-21", "2026-11-21"},
      {"2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"},
      {"sha256:00", "sha256:00"},
      {"9223372036854775807", INT64_MAX},
      {"\"7\"", "7"},
      {"'true'", "true"},
      {"!!str 7", "7"},
      {"'it''s'", "it's"},
      {"\"a\\nb\"", "a\nb"},
      {"09", 9.0},
  };
  for (const auto& row : table) {
    const Json got = one(std::string("v: ") + (row.means.is_array() ? std::string("\n") : "") + row.written + "\n");
    EXPECT_EQ(got["v"], row.means) << row.written;
  }
}

TEST(Yaml, numbers_keep_their_kind) {
  EXPECT_TRUE(one("v: 90")["v"].is_number_integer());
  EXPECT_TRUE(one("v: 90.0")["v"].is_number_integer());
  EXPECT_TRUE(one("v: 90.5")["v"].is_number_float());
}

TEST(Yaml, documents_are_separate_and_empty_ones_dropped) {
  auto docs = parse_yaml("# only a comment\n---\na: 1\n---\n---\nb: 2\n");
  ASSERT_TRUE(docs);
  EXPECT_EQ(*docs, (std::vector<Json>{Json{{"a", 1}}, Json{{"b", 2}}}));
  EXPECT_TRUE(parse_yaml("")->empty());
}

TEST(Yaml, anchors_and_merge_keys) {
  const Json got = one("base: &b {x: 1, w: 2}\nsame: *b\nmore: {<<: *b, w: 3}\nboth: {<<: [{x: 7}, *b], z: 0}\n");
  EXPECT_EQ(got["same"], (Json{{"x", 1}, {"w", 2}}));
  EXPECT_EQ(got["more"], (Json{{"x", 1}, {"w", 3}}));
  EXPECT_EQ(got["both"], (Json{{"x", 7}, {"w", 2}, {"z", 0}}));
}

struct Bad {
  const char* why;
  std::string yaml;
  Code code;
  const char* says;
};

TEST(Yaml, errors_name_the_place) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += std::string(i ? "," : "") + "*" + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "[";
  const std::vector<Bad> table{
      {"unclosed flow", "a: [1, 2\nb: 3\n", Code::InvalidArgument, "line 2"},
      {"tab indentation", "a:\n\tb: 1\n", Code::InvalidArgument, "line 2"},
      {"unknown alias", "a: *nowhere\n", Code::InvalidArgument, "line 1"},
      {"key twice", "a: 1\nb: 2\na: 3\n", Code::InvalidArgument, "line 3, column 1: key a is written twice"},
      {"infinity", "a: .inf\n", Code::InvalidArgument, "line 1, column 4"},
      {"strange tag", "a: !!binary aGk=\n", Code::InvalidArgument, "tag"},
      {"mapping as key", "{a: 1}: 2\n", Code::InvalidArgument, "line 1"},
      {"alias bomb", bomb, Code::TooLarge, "aliases"},
      {"comma first", ",\n", Code::InvalidArgument, "line 1, column 1: no value begins"},  // yaml-cpp asks for ever
      {"comma in the second", "a: 1\n---\n,b: 2\n", Code::InvalidArgument, "no value begins"},
      {"too deep", deep, Code::InvalidArgument, "nested deeper"},
      {"too long", std::string(5u << 20, 'x'), Code::TooLarge, "limit"},
  };
  for (const auto& row : table) {
    const auto got = parse_yaml(row.yaml);
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error().code, row.code) << row.why;
    EXPECT_NE(got.error().message.find(row.says), std::string::npos) << row.why << ": " << got.error().message;
  }
}

TEST(Yaml, prints_as_kubectl_does) {
  const Json value{{"apiVersion", "v1"},
                   {"data",
                    {{"empty", ""},
                     {"number", "7"},
                     {"truth", "true"},
                     {"colon", "a: b"},
                     {"star", "*x"},
                     {"url", "http://x:8080"}}},
                   {"list", Json::array({"a", Json{{"k", 1}, {"l", Json::array({1})}}, Json::array({1, 2})})},
                   {"none", nullptr},
                   {"noList", Json::array()},
                   {"noMap", Json::object()},
                   {"text", "one\ntwo\n"},
                   {"time", "2026-11-21T10:00:00Z"}};
  EXPECT_EQ(dump_yaml(value), R"(apiVersion: v1
data:
  colon: 'a: b'
  empty: ""
  number: "7"
  star: '*x'
  truth: "true"
  url: http://x:8080
list:
- a
- k: 1
  l:
  - 1
- - 1
  - 2
noList: []
noMap: {}
none: null
text: |
  one
  two
time: "2026-11-21T10:00:00Z"
)");
}

TEST(Yaml, what_is_printed_reads_back_the_same) {
  const std::vector<Json> values{
      "plain",
      "",
      " lead",
      "trail ",
      "- dash",
      "-1",
      "-x",
      "#c",
      "a #b",
      "a:",
      ":a",
      "?",
      "? q",
      "null",
      "~",
      "0x1F",
      "1e3",
      "no",
      "y",
      "<<",
      "---",
      "a\nb",
      "a\n",
      "a\n\n",
      "\na",
      "  a\nb",
      "tab\there",
      "quote'",
      "\"q\"",
      "\x01",
      "ünïcödé",
      "{x}",
      "[x]",
      "a,b",
      "&a",
      "!t",
      "%d",
      "@x",
      "`b",
      "|",
      ">",
      "017",
      "1_0",
      ".5",
      ".inf",
      "=",
      "2026-11-21",
      7,
      -7,
      1.5,
      true,
      nullptr,
      Json::array(),
      Json::object(),
      Json::array({Json::array({Json::array()}), Json{{"a", Json::array({Json{{"b", "x\ny"}}})}}})};
  for (const auto& value : values) {
    const Json document{{"v", value}, {"l", Json::array({value})}};
    const auto back = parse_yaml(dump_yaml(document));
    ASSERT_TRUE(back) << dump_yaml(document) << back.error().message;
    EXPECT_EQ(back->at(0), document) << dump_yaml(document);
  }
}

}  // namespace
}  // namespace clops
