#include "serving/protocol/category_names.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "serving/protocol/json_text.h"

namespace clops::serving {
namespace {

constexpr size_t kShownBytes = 48;  // of a name, in a message

// For people: the beginning of a long one, not cut within a letter.
std::string shown(std::string_view name) {
  if (name.size() <= kShownBytes) return json_text(name);
  size_t end = kShownBytes;
  while (end > kShownBytes - 4 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return json_text(name.substr(0, end)) + "...";
}

}  // namespace

std::shared_ptr<const CategoryNames::Names> CategoryNames::index(const std::vector<std::string>& names) {
  if (names.empty()) return nullptr;
  auto out = std::make_shared<Names>();
  size_t bytes = 0;
  for (const std::string& name : names) bytes += name.size();
  out->text.reserve(bytes);
  out->ends.reserve(names.size());
  for (const std::string& name : names) out->ends.push_back((out->text += name).size());
  out->sorted.resize(names.size());
  std::iota(out->sorted.begin(), out->sorted.end(), 0U);
  const auto name_of = [&](uint32_t code) { return out->name(code); };
  std::ranges::sort(out->sorted, {}, name_of);
  return std::ranges::adjacent_find(out->sorted, {}, name_of) == out->sorted.end() ? out : nullptr;
}

std::shared_ptr<const CategoryNames> CategoryNames::make(std::span<const std::vector<std::string>> names,
                                                         std::span<const std::string> columns,
                                                         formats::UnknownCategory unknown) {
  std::vector<std::shared_ptr<const Names>> indexed;
  indexed.reserve(names.size());
  for (const std::vector<std::string>& column : names) indexed.push_back(index(column));
  if (std::ranges::all_of(indexed, [](const auto& column) { return column == nullptr; })) return nullptr;
  return std::shared_ptr<const CategoryNames>(new CategoryNames(std::move(indexed), columns, unknown));
}

std::shared_ptr<const CategoryNames> CategoryNames::picked(std::span<const size_t> from,
                                                           std::span<const std::string> columns) const {
  std::vector<std::shared_ptr<const Names>> out;
  out.reserve(from.size());
  for (const size_t column : from) out.push_back(column == kNone ? nullptr : columns_[column]);
  if (std::ranges::all_of(out, [](const auto& column) { return column == nullptr; })) return nullptr;
  return std::shared_ptr<const CategoryNames>(new CategoryNames(std::move(out), columns, unknown_));
}

CategoryNames::CategoryNames(std::vector<std::shared_ptr<const Names>> columns, std::span<const std::string> called,
                             formats::UnknownCategory unknown)
    : columns_(std::move(columns)), unknown_(unknown) {
  tell(called);
}

void CategoryNames::tell(std::span<const std::string> called) {
  constexpr size_t kColumns = 64, kNames = 32, kBytes = 4096;
  size_t columns = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Names* const names = columns_[i].get();
    if (names == nullptr || ++columns > kColumns) continue;
    told_ += columns == 1 ? "[{\"column\":" : ",{\"column\":";
    told_ += i < called.size() && called[i].size() <= kBytes / 16 ? json_text(called[i]) : std::to_string(i);
    told_ += ",\"count\":" + std::to_string(names->ends.size()) + ",\"names\":[";
    for (uint32_t code = 0; code < std::min(names->ends.size(), kNames) && told_.size() < kBytes; ++code) {
      const std::string_view name = names->name(code);
      if (name.size() > kBytes / 4) break;  // those that follow would get another's code
      if (code > 0) told_ += ',';
      append_json_string(told_, name);
    }
    told_ += "]}";
  }
  if (columns > kColumns) told_ += ",{\"more_columns\":" + std::to_string(columns - kColumns) + "}";
  told_ += ']';
}

std::optional<uint32_t> CategoryNames::find(size_t column, std::string_view name) const {
  const Names& names = *columns_[column];
  const auto name_of = [&](uint32_t code) { return names.name(code); };
  const auto at = std::ranges::lower_bound(names.sorted, name, {}, name_of);
  if (at == names.sorted.end() || names.name(*at) != name) return std::nullopt;
  return *at;
}

std::optional<double> CategoryNames::code(size_t column, std::string_view name) const {
  if (const std::optional<uint32_t> code = find(column, name)) return *code;
  if (unknown_ == formats::UnknownCategory::Missing) return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

std::string CategoryNames::refusal(size_t column, std::string_view name) const {
  constexpr size_t kShown = 8;
  const Names& names = *columns_[column];
  std::string out = shown(name) + " is none of the " + std::to_string(names.ends.size()) +
                    " categories that this model was trained with: ";
  for (uint32_t code = 0; code < std::min(names.ends.size(), kShown); ++code)
    out += (code > 0 ? ", " : "") + shown(names.name(code));
  return out + (names.ends.size() > kShown ? ", ..." : "");
}

bool CategoryNames::same_codes(const CategoryNames& other) const {
  return std::ranges::equal(columns_, other.columns_, [](const auto& a, const auto& b) {
    return a == b || (a != nullptr && b != nullptr && a->ends == b->ends && a->text == b->text);
  });
}

size_t CategoryNames::bytes() const {
  size_t out = told_.size();
  for (const auto& names : columns_)
    if (names != nullptr)
      out += names->text.size() + names->ends.size() * sizeof(size_t) + names->sorted.size() * sizeof(uint32_t);
  return out;
}

bool decode_alike(const std::shared_ptr<const CategoryNames>& a, const std::shared_ptr<const CategoryNames>& b) {
  return a == b || (a != nullptr && b != nullptr && a->unknown() == b->unknown() && a->same_codes(*b));
}

}  // namespace clops::serving
