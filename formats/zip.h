// Zip archives in memory, as Python writes them: files stored or deflated, found by name.
//
// Hostile archives are expected: what an archive's directory says is held to its bytes, entries may not share bytes,
// and no more is ever inflated than the limits allow, whatever sizes are claimed. Thread rule: const after open().
// Ownership: views the bytes. Errors: InvalidArgument (damaged), TooLarge, Unsupported (encryption, other ways of
// packing).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clops::formats {

struct ZipLimits {
  size_t entries_max = 200'000;
  uint64_t bytes_max = uint64_t{1} << 30;  // of all entries, unpacked
  uint64_t ratio_max = 100;                // of that to the archive's bytes, beyond the first 16 MiB
};

class ZipArchive {
 public:
  [[nodiscard]] static Result<ZipArchive> open(std::string_view bytes, const ZipLimits& limits = {});

  [[nodiscard]] bool has(std::string_view name) const { return entries_.contains(name); }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] uint64_t unpacked_bytes() const { return unpacked_; }  // of all entries
  // The content; its checksum has been verified. NotFound: no such entry.
  [[nodiscard]] Result<std::string> read(std::string_view name) const;

 private:
  struct Entry {
    uint64_t at = 0, packed = 0, unpacked = 0;  // `at`: of its data
    uint32_t checksum = 0;
    bool deflated = false;
  };
  struct Directory {
    uint64_t at = 0, bytes = 0, entries = 0;
  };
  [[nodiscard]] Result<Directory> find_directory() const;
  [[nodiscard]] Status read_entry(uint64_t& at, uint64_t end);
  [[nodiscard]] Status check_overlaps(uint64_t directory_at) const;

  explicit ZipArchive(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
  std::map<std::string, Entry, std::less<>> entries_;
  uint64_t unpacked_ = 0;
};

[[nodiscard]] bool looks_like_zip(std::string_view bytes);

}  // namespace clops::formats
