// Reads typed fields out of Json and remembers the first thing that is wrong, with the path to it: every codec of this
// room is a list of field names and nothing else. JSON null counts as absent, as everywhere in Kubernetes.
//
// Thread rule: values; a Reader must not outlive the Json and the ReadError it was given.
// Errors: InvalidArgument, "spec.variants[1].weight: must be an integer, not a string".
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace clops::crds {

// The first error met; later ones are dropped.
class ReadError {
 public:
  void set(const std::string& path, std::string_view what);
  [[nodiscard]] const std::optional<Error>& get() const { return error_; }
  [[nodiscard]] bool ok() const { return !error_.has_value(); }

 private:
  std::optional<Error> error_;
};

enum class Need { Optional, Required };

class Reader {
 public:
  Reader(const Json& value, std::string path, ReadError& error);

  [[nodiscard]] bool has(const char* key) const { return find(key) != nullptr; }
  [[nodiscard]] std::string text(const char* key, Need need = Need::Optional, size_t bytes_max = 1u << 20) const;
  [[nodiscard]] int64_t integer(const char* key, int64_t least, int64_t most, int64_t fallback = 0,
                                Need need = Need::Optional) const;
  [[nodiscard]] double number(const char* key) const;
  [[nodiscard]] bool boolean(const char* key, bool fallback = false) const;
  [[nodiscard]] std::map<std::string, std::string> text_map(const char* key, size_t entries_max) const;
  [[nodiscard]] std::vector<std::string> text_list(const char* key, size_t entries_max) const;
  [[nodiscard]] std::vector<int64_t> integer_list(const char* key, size_t entries_max) const;
  [[nodiscard]] std::vector<double> number_list(const char* key, size_t entries_max) const;
  [[nodiscard]] std::map<std::string, double> number_map(const char* key, size_t entries_max) const;
  // An absent child reads as an empty object.
  [[nodiscard]] Reader child(const char* key) const;
  void each(const char* key, size_t entries_max, const std::function<void(const Reader&)>& read) const;
  // Entries of any kind, each with its path.
  void each_value(const char* key, size_t entries_max,
                  const std::function<void(const Json&, const std::string& path, ReadError&)>& read) const;
  // A field that is not among `known` is an error: it would be accepted and ignored.
  void only(std::initializer_list<std::string_view> known) const;
  void fail(const char* key, std::string_view what) const;
  [[nodiscard]] std::string at(const char* key) const;  // the path of a field

 private:
  [[nodiscard]] const Json* find(const char* key) const;
  template <class T>
  [[nodiscard]] std::map<std::string, T> map(const char* key, size_t entries_max, bool (Json::*fits)() const noexcept,
                                             std::string_view wanted) const;
  template <class T>
  [[nodiscard]] std::vector<T> list(const char* key, size_t entries_max, bool (Json::*fits)() const noexcept,
                                    std::string_view wanted) const;
  const Json* value_;
  std::string path_;
  ReadError* error_;
};

// Leaves out what is empty, so that an absent field and an empty one print alike.
void put(Json& out, const char* key, const std::string& text);
void put(Json& out, const char* key, const std::map<std::string, std::string>& entries);
void put(Json& out, const char* key, const std::vector<std::string>& entries);

}  // namespace clops::crds
