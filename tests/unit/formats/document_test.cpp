#include "formats/document.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace clops::formats {
namespace {

using namespace std::string_view_literals;

std::vector<float> must_reals(DocumentReader& reader) {
  std::vector<float> values = {-1};  // which must go
  const Status status = reader.reals(values);
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
  return values;
}
std::vector<int32_t> must_integers(DocumentReader& reader) {
  std::vector<int32_t> values = {-1};
  const Status status = reader.integers(values);
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
  return values;
}
bool are_integers(std::unique_ptr<DocumentReader> reader) {
  std::vector<int32_t> values;
  return static_cast<bool>(reader->integers(values));
}
bool are_reals(std::unique_ptr<DocumentReader> reader) {
  std::vector<float> values;
  return static_cast<bool>(reader->reals(values));
}

TEST(JsonReader, reads_what_it_is_asked_for_and_skips_the_rest) {
  const auto reader = make_json_reader(
      R"( {"skip":{"deep":[1,[2,{"x":null}],"a\"b",true,1e9]}, "name":"caf\u00e9 \ud83c\udf33 \\\/\n", "ints":[1,-2,true,false], "reals":[5E-1,-0.0,1e-45,NaN,Infinity,null]} )");
  std::string key;
  ASSERT_TRUE(reader->begin_object());
  ASSERT_TRUE(*reader->next_key(key));
  ASSERT_TRUE(reader->skip());
  ASSERT_TRUE(*reader->next_key(key));
  EXPECT_EQ(key, "name");
  EXPECT_EQ(*reader->string(), "caf\u00e9 \U0001F333 \\/\n");
  ASSERT_TRUE(*reader->next_key(key));
  EXPECT_EQ(must_integers(*reader), (std::vector<int32_t>{1, -2, 1, 0}));
  ASSERT_TRUE(*reader->next_key(key));
  const std::vector<float> reals = must_reals(*reader);
  ASSERT_EQ(reals.size(), 6U);
  EXPECT_EQ(reals[0], 0.5F);
  EXPECT_TRUE(reals[1] == 0 && std::signbit(reals[1]));
  EXPECT_EQ(reals[2], 1e-45F);
  EXPECT_TRUE(std::isnan(reals[3]));
  EXPECT_TRUE(std::isinf(reals[4]));
  EXPECT_TRUE(std::isnan(reals[5]));
  EXPECT_FALSE(*reader->next_key(key));
  EXPECT_TRUE(reader->end());
}

TEST(JsonReader, reads_numbers_as_the_nearest_float32) {
  struct Case {
    std::string text;
    float value;
  };
  const Case cases[] = {{"0.1", 0.1F},      {"16777217", 16777216.0F}, {"3.4028235e38", 3.4028235e38F},
                        {"1e39", INFINITY}, {"-1e39", -INFINITY},      {"1e-50", 0.0F},
                        {"7", 7.0F}};
  for (const Case& c : cases) {
    const auto value = make_json_reader(c.text)->real();
    ASSERT_TRUE(value) << c.text << ": " << value.error().message;
    EXPECT_EQ(*value, c.value) << c.text;
  }
}

TEST(JsonReader, says_where_it_broke) {
  struct Case {
    std::string text, says;
  };
  const Case cases[] = {
      {"", "at byte 0: the file ends"},
      {"{", "truncated"},
      {R"({"a)", "truncated"},
      {R"({"a" 1})", "at byte 5: expected ':'"},
      {R"({"a":1 "b":2})", "at byte 7: expected ','"},
      {"[1,2", "truncated"},
      {"[1 2]", "expected ','"},
      {"[1x]", "'1x' is not a number"},
      {"[+1]", "'+1' is not a number"},
      {"[inf]", "'inf' is not a number"},
      {R"("\q")", "unknown escape"},
      {R"("\u12g4")", "four hex digits"},
      {R"("\ud83cx")", ""},
      {"[] []", "at byte 3: bytes after the end"},
      {std::string(100, '['), "nested too deeply"},
  };
  for (const Case& c : cases) {
    const auto reader = make_json_reader(c.text);
    Status status = reader->skip();
    if (status) status = reader->end();
    if (c.says.empty()) {
      EXPECT_TRUE(status) << "half a surrogate reads as U+FFFD";
      continue;
    }
    ASSERT_FALSE(status) << c.text;
    EXPECT_EQ(status.error().code, Code::InvalidArgument);
    EXPECT_NE(status.error().message.find(c.says), std::string::npos) << c.text << ": " << status.error().message;
  }
}

TEST(JsonReader, whole_numbers_that_are_none_are_refused) {
  EXPECT_FALSE(are_integers(make_json_reader("[1.5]")));
  EXPECT_FALSE(are_integers(make_json_reader("[2147483648]")));
  EXPECT_FALSE(are_integers(make_json_reader("[99999999999999999999]")));
  EXPECT_FALSE(are_integers(make_json_reader("[\"1\"]")));
}

TEST(UbjsonReader, reads_typed_counted_and_plain_containers) {
  struct Case {
    std::string what;
    std::string_view bytes;
    std::vector<float> values;
  };
  const Case cases[] = {
      {"typed float32", "[$d#L\0\0\0\0\0\0\0\2\x3f\x80\0\0\xbf\0\0\0"sv, {1.0F, -0.5F}},
      {"typed int8", "[$i#U\3\1\xff\x7f"sv, {1, -1, 127}},
      {"typed uint8", "[$U#i\2\1\xff"sv, {1, 255}},
      {"typed int16", "[$I#i\1\xff\xfe"sv, {-2}},
      {"typed int32", "[$l#i\1\0\1\0\0"sv, {65536}},
      {"typed int64", "[$L#i\1\0\0\0\1\0\0\0\0"sv, {4294967296.0F}},
      {"typed float64", "[$D#i\1\x3f\xe0\0\0\0\0\0\0"sv, {0.5F}},
      {"counted", "[#i\3i\1U\2TN"sv.substr(0, 10), {1, 2, 1}},
      {"plain", "[i\1Nd\x3f\0\0\0F]"sv, {1, 0.5F, 0}},
      {"empty", "[#i\0"sv, {}},
      {"empty typed", "[$l#L\0\0\0\0\0\0\0\0"sv, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    EXPECT_EQ(must_reals(*make_ubjson_reader(c.bytes)), c.values);
    const auto reader = make_ubjson_reader(c.bytes);
    EXPECT_TRUE(reader->skip());
  }
  const auto reader = make_ubjson_reader("[$l#i\2\x7f\xff\xff\xff\xff\xff\xff\xff"sv);
  EXPECT_EQ(must_integers(*reader), (std::vector<int32_t>{2147483647, -1}));
  EXPECT_TRUE(reader->end());
}

TEST(UbjsonReader, walks_objects_inside_arrays) {
  const auto reader = make_ubjson_reader("{i\1a[#i\2{i\1bSi\2hi}{}i\1cCxi\1d{$i#i\1i\1e\7}"sv);
  std::string key;
  ASSERT_TRUE(reader->begin_object());
  ASSERT_TRUE(*reader->next_key(key));
  ASSERT_TRUE(reader->begin_array());
  ASSERT_TRUE(*reader->next_item());
  ASSERT_TRUE(reader->begin_object());
  ASSERT_TRUE(*reader->next_key(key));
  EXPECT_EQ(*reader->string(), "hi");
  ASSERT_FALSE(*reader->next_key(key));
  ASSERT_TRUE(*reader->next_item());
  ASSERT_TRUE(reader->skip());
  ASSERT_FALSE(*reader->next_item());
  ASSERT_TRUE(*reader->next_key(key));
  EXPECT_EQ(*reader->string(), "x");
  ASSERT_TRUE(*reader->next_key(key));
  ASSERT_TRUE(reader->begin_object());
  ASSERT_TRUE(*reader->next_key(key));
  EXPECT_EQ(key, "e");
  EXPECT_EQ(*reader->integer(), 7);
  EXPECT_FALSE(*reader->next_key(key));
  EXPECT_FALSE(*reader->next_key(key));
  EXPECT_TRUE(reader->end());
}

TEST(UbjsonReader, lengths_beyond_the_file_are_refused_before_memory_is_taken) {
  for (const std::string_view bytes : {
           "[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff\0"sv,
           "[#L\x7f\xff\xff\xff\xff\xff\xff\xff\0"sv,
           "[$L#L\x20\0\0\0\0\0\0\0\0"sv,  // 8 times the count wraps to 0
           "[$d#l\x7f\xff\xff\xff"sv,
           "SL\x7f\xff\xff\xff\xff\xff\xff\xff"sv,
           "Si\xff"sv,
           "[$d#i\xff"sv,
           "[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff"sv,
           "[$d"sv,
           "[$[#i\1"sv,
           "{L\0\0\0\0"sv,
           "[H"sv,
           "["sv,
           ""sv,
       }) {
    const auto reader = make_ubjson_reader(bytes);
    const Status status = reader->skip();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::InvalidArgument);
    EXPECT_FALSE(are_integers(make_ubjson_reader(bytes)));
    EXPECT_FALSE(are_reals(make_ubjson_reader(bytes)));
  }
  EXPECT_FALSE(make_ubjson_reader(std::string(100, '['))->skip());
}

}  // namespace
}  // namespace clops::formats
