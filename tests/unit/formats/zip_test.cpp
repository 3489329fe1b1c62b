// Zip archives and NumPy arrays: what Python writes is read, and what nobody writes in good faith is refused.
#include "formats/zip.h"

#include <gtest/gtest.h>

#include "formats/npy.h"

namespace clops::formats {
namespace {

std::string little(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += i < 8 ? static_cast<char>(value >> (8 * i)) : '\0';
  return out;
}

struct Stored {
  std::string name, data;
  uint32_t checksum = 0;
  uint64_t claims = UINT64_MAX;  // unpacked size
  int method = 0, flags = 0;
};

// An archive of these, `directory` more entries in its directory that say they are the first again.
std::string archive(const std::vector<Stored>& entries, int again = 0) {
  std::string out, directory;
  size_t count = 0;
  for (size_t i = 0; i < entries.size() + static_cast<size_t>(again); ++i) {
    const Stored& entry = entries[i < entries.size() ? i : 0];
    const std::string name = i < entries.size() ? entry.name : "again" + std::to_string(i);
    const uint64_t claims = entry.claims == UINT64_MAX ? entry.data.size() : entry.claims;
    const size_t at = i < entries.size() ? out.size() : 0;
    if (i < entries.size())
      out += "PK\x03\x04" + little(20, 2) + little(0, 8) + little(entry.checksum, 4) + little(entry.data.size(), 4) +
             little(claims, 4) + little(name.size(), 2) + little(0, 2) + name + entry.data;
    directory += "PK\x01\x02" + little(20, 4) + little(static_cast<uint64_t>(entry.flags), 2) +
                 little(static_cast<uint64_t>(entry.method), 2) + little(0, 4) + little(entry.checksum, 4) +
                 little(entry.data.size(), 4) + little(claims, 4) + little(name.size(), 2) + little(0, 12) +
                 little(at, 4) + name;
    ++count;
  }
  const size_t at = out.size();
  return out + directory + "PK\x05\x06" + little(0, 4) + little(count, 2) + little(count, 2) +
         little(directory.size(), 4) + little(at, 4) + little(0, 2);
}

std::string said(const std::string& bytes, const std::string& name = "a") {
  const auto zip = ZipArchive::open(bytes);
  if (!zip) return zip.error().message;
  const auto content = zip->read(name);
  return content ? "read " + *content : content.error().message;
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr uint32_t kCrcOfHello = 0x3610a686;

TEST(Zip, stored_and_deflated_entries_are_read) {
  EXPECT_EQ(said(archive({{"b", ""}, {"a", "hello", kCrcOfHello}})), "read hello");
  const std::string deflated("\xcb\x48\xcd\xc9\xc9\x07\x00", 7);
  EXPECT_EQ(said(archive({{"a", deflated, kCrcOfHello, 5, 8}})), "read hello");
  EXPECT_TRUE(has(said(archive({{"b", ""}})), "no entry a"));
}

TEST(Zip, what_nobody_writes_in_good_faith_is_refused) {
  const std::string deflated("\xcb\x48\xcd\xc9\xc9\x07\x00", 7);
  EXPECT_TRUE(has(said(archive({{"a", "hello", 1}})), "checksum"));
  EXPECT_TRUE(has(said(archive({{"a", deflated, kCrcOfHello, 4, 8}})), "does not unpack to its size"));
  EXPECT_TRUE(has(said(archive({{"a", deflated, kCrcOfHello, 6, 8}})), "does not unpack to its size"));
  EXPECT_TRUE(has(said(archive({{"a", deflated.substr(0, 4), kCrcOfHello, 5, 8}})), "does not unpack"));
  EXPECT_TRUE(has(said(archive({{"a", "hello", kCrcOfHello, 6}})), "sizes"));
  EXPECT_TRUE(has(said(archive({{"a", deflated, 0, 0xfffffff0, 8}})), "more than its size allows for"));
  EXPECT_TRUE(has(said(archive({{"a", "hello", kCrcOfHello}}, 1)), "entries overlap"));
  EXPECT_TRUE(has(said(archive({{"a", ""}, {"a", ""}})), "two entries of one name"));
  EXPECT_TRUE(has(said(archive({{"a", "x", 0, UINT64_MAX, 0, 1}})), "encrypted"));
  EXPECT_TRUE(has(said(archive({{"a", "x", 0, UINT64_MAX, 12}})), "packed in a way"));
  const std::string good = archive({{"a", "hello", kCrcOfHello}});
  for (size_t i = 0; i < good.size(); ++i) EXPECT_FALSE(said(good.substr(0, i)).starts_with("read")) << i;
  EXPECT_TRUE(has(said("PK"), "no directory"));
}

TEST(Npy, numbers_of_every_width_records_and_texts) {
  const auto parse = [](const std::string& header, const std::string& data) {
    std::string padded = header + "\n";
    return NpyArray::parse("\x93NUMPY\x01" + std::string(1, '\0') + little(padded.size(), 2) + padded + data);
  };
  const auto shorts =
      parse("{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }", "\xff\xff\x02" + std::string(1, '\0'));
  ASSERT_TRUE(shorts) << shorts.error().message;
  EXPECT_EQ(shorts->integer(0), -1);
  EXPECT_EQ(shorts->real(1), 2.0);
  const auto record =
      parse("{'descr': [('x', '<f4'), ('', '|V3'), ('y', '|u1')], 'fortran_order': False, 'shape': (1,), }",
            little(0x3fc00000, 4) + "zzz\x07");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->real(0, record->field("x")), 1.5);
  EXPECT_EQ(record->integer(0, record->field("y")), 7);
  EXPECT_EQ(record->field(""), -1);
  const auto text = parse("{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", little(0xf6, 4) + little(0, 4));
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text(0), "\xc3\xb6");
  const auto fortran = parse("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "\x01\x04\x02\x05\x03\x06");
  ASSERT_TRUE(fortran) << fortran.error().message;
  EXPECT_EQ(fortran->integer(fortran->index(1, 0)), 4);
  EXPECT_EQ(fortran->integer(fortran->index(0, 2)), 3);
  for (const char* header : {"{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }",
                             "{'descr': '<i8', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
                             "{'descr': '>i1', 'fortran_order': False, 'shape': (1,), }",
                             "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "{'descr': ", "{}", "x"})
    EXPECT_FALSE(parse(header, "12345678")) << header;
}

}  // namespace
}  // namespace clops::formats
