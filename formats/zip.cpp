#include "formats/zip.h"

#include <zlib.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace clops::formats {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr uint64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr uint64_t kAbsent16 = 0xffff, kAbsent32 = 0xffffffff;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::InvalidArgument, "the zip archive is damaged or truncated: " + std::string(what));
}

template <class T>
T little(std::string_view bytes, uint64_t at) {  // the caller has checked that it is there
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value =
        static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i)));
  return value;
}

// Sizes beyond 32 bits lie in an extra field of id 1, in the order of those that are said to be there.
Status read_extra64(std::string_view extra, uint64_t& unpacked, uint64_t& packed, uint64_t& offset) {
  while (extra.size() >= 4) {
    const auto id = little<uint16_t>(extra, 0);
    const auto size = little<uint16_t>(extra, 2);
    if (size > extra.size() - 4) return damaged("an extra field");
    if (id == 1) {
      std::string_view field = extra.substr(4, size);
      for (uint64_t* const value : {&unpacked, &packed, &offset}) {
        if (*value != kAbsent32) continue;
        if (field.size() < 8) return damaged("sizes of 64 bits");
        *value = little<uint64_t>(field, 0);
        field.remove_prefix(8);
      }
    }
    extra.remove_prefix(4 + size);
  }
  return {};
}

// Raw deflate of exactly `unpacked` bytes.
Result<std::string> inflate_all(std::string_view packed, uint64_t unpacked) {
  std::string out(unpacked, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return fail(Code::Internal, "zlib cannot start");
  char nothing = 0;  // zlib wants a place even for no bytes
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.next_out = reinterpret_cast<Bytef*>(out.empty() ? &nothing : out.data());
  uint64_t in_left = packed.size(), out_left = unpacked;
  int status = Z_OK;
  do {
    constexpr uint64_t kPiece = 1u << 30;
    stream.avail_in = static_cast<uInt>(std::min(in_left, kPiece));
    stream.avail_out = static_cast<uInt>(std::min(out_left, kPiece));
    const uint64_t in_before = stream.avail_in, out_before = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    const uint64_t in = in_before - stream.avail_in, made = out_before - stream.avail_out;
    in_left -= in;
    out_left -= made;
    if (in == 0 && made == 0) break;
  } while (status == Z_OK);
  inflateEnd(&stream);
  if (status != Z_STREAM_END || in_left != 0 || out_left != 0) return damaged("an entry does not unpack to its size");
  return out;
}

}  // namespace

bool looks_like_zip(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04");
}

Result<ZipArchive::Directory> ZipArchive::find_directory() const {
  if (bytes_.size() < kEndBytes) return damaged("no directory");
  // The end record is last, before a comment of at most 65,535 bytes.
  const uint64_t last = bytes_.size() - kEndBytes;
  const uint64_t first = last > kAbsent16 ? last - kAbsent16 : 0;
  for (uint64_t at = last;; --at) {
    if (little<uint32_t>(bytes_, at) == kEnd && at + kEndBytes + little<uint16_t>(bytes_, at + 20) == bytes_.size()) {
      Directory out{.at = little<uint32_t>(bytes_, at + 16),
                    .bytes = little<uint32_t>(bytes_, at + 12),
                    .entries = little<uint16_t>(bytes_, at + 10)};
      uint64_t end = at;
      if (at >= kLocator64Bytes && little<uint32_t>(bytes_, at - kLocator64Bytes) == kLocator64) {
        const auto place = little<uint64_t>(bytes_, at - kLocator64Bytes + 8);
        if (place > bytes_.size() || bytes_.size() - place < kEnd64Bytes || little<uint32_t>(bytes_, place) != kEnd64)
          return damaged("the directory of 64 bits");
        out = {.at = little<uint64_t>(bytes_, place + 48),
               .bytes = little<uint64_t>(bytes_, place + 40),
               .entries = little<uint64_t>(bytes_, place + 32)};
        end = place;
      }
      if (out.at > end || out.bytes > end - out.at) return damaged("the directory lies outside");
      return out;
    }
    if (at == first) return damaged("no directory");
  }
}

Status ZipArchive::read_entry(uint64_t& at, uint64_t end) {
  if (end - at < kCentralBytes || little<uint32_t>(bytes_, at) != kCentral) return damaged("the directory");
  const auto flags = little<uint16_t>(bytes_, at + 8), method = little<uint16_t>(bytes_, at + 10);
  const uint64_t name = little<uint16_t>(bytes_, at + 28), extra = little<uint16_t>(bytes_, at + 30),
                 comment = little<uint16_t>(bytes_, at + 32);
  Entry entry{.at = 0,
              .packed = little<uint32_t>(bytes_, at + 20),
              .unpacked = little<uint32_t>(bytes_, at + 24),
              .checksum = little<uint32_t>(bytes_, at + 16),
              .deflated = method == 8};
  uint64_t local = little<uint32_t>(bytes_, at + 42);
  if (end - at - kCentralBytes < name + extra + comment) return damaged("the directory");
  const std::string text(bytes_.substr(at + kCentralBytes, name));
  CLOPS_TRY(read_extra64(bytes_.substr(at + kCentralBytes + name, extra), entry.unpacked, entry.packed, local));
  at += kCentralBytes + name + extra + comment;
  if ((flags & 1) != 0) return fail(Code::Unsupported, "the zip archive is encrypted");
  if (method != 0 && method != 8)
    return fail(Code::Unsupported, "the zip archive is packed in a way that is not known here: pack it with deflate");
  if (local > bytes_.size() || bytes_.size() - local < kLocalBytes || little<uint32_t>(bytes_, local) != kLocal)
    return damaged("an entry's header");
  entry.at = local + kLocalBytes + little<uint16_t>(bytes_, local + 26) + little<uint16_t>(bytes_, local + 28);
  if (entry.at > bytes_.size() || entry.packed > bytes_.size() - entry.at) return damaged("an entry lies outside");
  if (!entry.deflated && entry.packed != entry.unpacked) return damaged("an entry's sizes");
  unpacked_ += std::min(entry.unpacked, UINT64_MAX - unpacked_);
  if (!entries_.emplace(text, entry).second) return damaged("two entries of one name");
  return {};
}

Status ZipArchive::check_overlaps(uint64_t directory_at) const {
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  for (const auto& [name, entry] : entries_) spans.emplace_back(entry.at, entry.at + entry.packed);
  std::ranges::sort(spans);
  uint64_t free = 0;
  for (const auto& [from, to] : spans) {
    if (from < free) return damaged("entries overlap");
    free = to;
  }
  return free > directory_at ? damaged("entries overlap the directory") : Status();
}

Result<ZipArchive> ZipArchive::open(std::string_view bytes, const ZipLimits& limits) {
  ZipArchive out(bytes);
  CLOPS_ASSIGN(const Directory directory, out.find_directory());
  if (directory.entries > limits.entries_max) return fail(Code::TooLarge, "the zip archive has too many entries");
  uint64_t at = directory.at;
  const uint64_t end = directory.at + directory.bytes;
  for (uint64_t i = 0; i < directory.entries; ++i) CLOPS_TRY(out.read_entry(at, end));
  if (at != end) return damaged("the directory's size");
  CLOPS_TRY(out.check_overlaps(directory.at));
  constexpr uint64_t kFree = 16u << 20;
  if (out.unpacked_ > limits.bytes_max || out.unpacked_ > kFree + limits.ratio_max * bytes.size())
    return fail(Code::TooLarge, "the zip archive unpacks to " + std::to_string(out.unpacked_) +
                                    " bytes, which is more than its size allows for");
  return out;
}

Result<std::string> ZipArchive::read(std::string_view name) const {
  const auto at = entries_.find(name);
  if (at == entries_.end())
    return fail(Code::NotFound, "the zip archive has no entry " + std::string(name.substr(0, 100)));
  const Entry& entry = at->second;
  const std::string_view packed = bytes_.substr(entry.at, entry.packed);
  Result<std::string> content = entry.deflated ? inflate_all(packed, entry.unpacked) : std::string(packed);
  if (!content) return content;
  const auto checksum = crc32_z(0, reinterpret_cast<const Bytef*>(content->data()), content->size());
  if (checksum != entry.checksum) return damaged("the checksum of " + at->first.substr(0, 100));
  return content;
}

}  // namespace clops::formats
