// Protocol Buffers' wire format and gRPC's headers, as tables.
#include "serving/grpc/message.h"

#include <gtest/gtest.h>

#include "serving/grpc/reflection.h"
#include "serving/grpc/wire.h"

namespace clops::serving::grpc {
namespace {

using namespace std::chrono_literals;

TEST(Wire, numbers_there_and_back) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{300}, uint64_t{1} << 32,
                               UINT64_MAX - 1, UINT64_MAX}) {
    std::string bytes;
    append_varint(bytes, value);
    std::string_view left = bytes;
    uint64_t read = 1;
    EXPECT_TRUE(take_varint(left, read));
    EXPECT_TRUE(left.empty());
    EXPECT_EQ(read, value);
    for (size_t size = 0; size < bytes.size(); ++size) {
      left = std::string_view(bytes).substr(0, size);
      EXPECT_FALSE(take_varint(left, read));
    }
  }
}

TEST(Wire, fields_of_every_kind) {
  std::string bytes;
  append_number(bytes, 1, 300);
  append_string(bytes, 2, "text");
  append_tag(bytes, 3, Wire::Fixed32);
  bytes += std::string("\1\0\0\0", 4);
  append_tag(bytes, 400, Wire::Fixed64);
  bytes += std::string("\2\0\0\0\0\0\0\0", 8);
  append_message(bytes, 5, [&] { bytes += std::string(200, 'x'); });
  append_message(bytes, 6, [] {});
  append_number(bytes, 7, 0);   // left out
  append_string(bytes, 8, "");  // left out
  std::vector<std::pair<uint32_t, std::string>> got;
  WireReader fields(bytes);
  while (fields.next())
    got.emplace_back(fields.field(),
                     fields.wire() == Wire::Bytes ? std::string(fields.bytes()) : std::to_string(fields.number()));
  EXPECT_TRUE(fields.ok());
  const std::vector<std::pair<uint32_t, std::string>> wanted = {
      {1, "300"}, {2, "text"}, {3, "1"}, {400, "2"}, {5, std::string(200, 'x')}, {6, ""}};
  EXPECT_EQ(got, wanted);
}

TEST(Wire, what_is_damaged_is_said) {
  using namespace std::string_literals;
  for (const std::string& bytes : {"\x08"s,
                                   "\x0a\x05"
                                   "abc"s,
                                   "\x0d\1\2\3"s, "\x09\1\2\3\4\5\6\7"s, "\0\1"s, "\x0b"s, "\x0c"s, "\x0e\1"s,
                                   std::string(11, '\xff'), "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"s}) {
    WireReader fields(bytes);
    EXPECT_FALSE(fields.next());
    EXPECT_FALSE(fields.ok());
    EXPECT_FALSE(fields.next());
  }
}

TEST(Wire, utf8) {
  for (const char* good :
       {"", "plain", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xff", "\xe2\x82", "a\xc3(b"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(Message, timeouts) {
  const std::vector<std::pair<std::string, Duration>> good = {
      {"1H", 1h},          {"2M", 2min}, {"3S", 3s},
      {"100m", 100ms},     {"5u", 5us},  {"7n", 7ns},
      {"00000010m", 10ms}, {"0S", 0s},   {"99999999H", std::chrono::hours(24 * 365)}};
  for (const auto& [text, wanted] : good) EXPECT_EQ(timeout_from(text), wanted) << text;
  for (const char* bad : {"", "m", "1", "1s", "-1m", "+1m", "1.5S", "123456789m", " 1m", "1 m", "0x1m"})
    EXPECT_EQ(timeout_from(bad), std::nullopt) << bad;
}

TEST(Message, prefixes) {
  char bytes[kPrefixBytes];
  write_prefix(bytes, 0x01020304);
  const auto prefix = read_prefix({bytes, kPrefixBytes});
  ASSERT_TRUE(prefix);
  EXPECT_FALSE(prefix->compressed);
  EXPECT_EQ(prefix->length, 0x01020304U);
  bytes[0] = 1;
  EXPECT_TRUE(read_prefix({bytes, kPrefixBytes})->compressed);
  bytes[0] = 2;
  EXPECT_FALSE(read_prefix({bytes, kPrefixBytes}));
}

TEST(Message, status_texts_are_percent_encoded) {
  std::string out;
  append_percent_encoded(out, "50% of \"\xc3\xa4\"\n~");
  EXPECT_EQ(out, "50%25 of \"%C3%A4\"%0A~");
}

std::string asked(uint32_t question, std::string_view value) {
  std::string request;
  append_bytes_field(request, question, value);
  return request;
}
std::string reflected(const std::string& request) {
  std::string out;
  EXPECT_TRUE(reflect(descriptor_set(), request, out).ok());
  return out;
}

std::string field_of(std::string_view message, uint32_t number) {
  std::string found = "none";
  for (WireReader fields(message); fields.next();) {
    if (fields.is(number, Wire::Bytes)) found = fields.bytes();
  }
  return found;
}

TEST(Reflection, finds_files_by_name_and_by_what_they_declare) {
  const std::string file = field_of(field_of(reflected(asked(3, "inference.proto")), 4), 1);
  EXPECT_EQ(field_of(file, 1), "inference.proto");
  EXPECT_EQ(field_of(file, 2), "inference");
  for (const char* symbol :
       {"inference.GRPCInferenceService", "inference.GRPCInferenceService.ModelInfer", "inference.ModelInferRequest",
        "inference.ModelInferRequest.InferInputTensor", "inference.InferTensorContents.fp32_contents"})
    EXPECT_EQ(field_of(field_of(reflected(asked(4, symbol)), 4), 1), file) << symbol;
  const std::vector<std::pair<uint32_t, const char*>> unknown = {{3, "other.proto"},
                                                                 {4, "inference"},
                                                                 {4, "inference.No"},
                                                                 {4, "inference.ModelInferRequest.No"},
                                                                 {4, "grpc.reflection.v1beta.X"},
                                                                 {5, ""},
                                                                 {6, "x"}};
  for (const auto& [question, value] : unknown) {
    const std::string got = reflected(asked(question, value));
    EXPECT_EQ(field_of(got, 7).substr(0, 2), "\x08\x05") << value;  // NOT_FOUND
    EXPECT_EQ(field_of(got, 4), "none") << value;
  }
  std::string out;
  EXPECT_EQ(reflect(descriptor_set(), "\xff", out).code, GrpcCode::InvalidArgument);
}

}  // namespace
}  // namespace clops::serving::grpc
