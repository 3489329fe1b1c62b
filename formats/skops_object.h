// Looking into a skops file: Python objects by attribute, numbers, texts and arrays. Inner to formats/.
//
// Thread rule: one reader at a time. Ownership: an object points into its file's schema. Errors: InvalidArgument that
// names the attribute, TooLarge when arrays are used more often than any model does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "formats/npy.h"
#include "formats/zip.h"

namespace clops::formats {

class SkopsFile;

class SkopsObject {
 public:
  SkopsObject(SkopsFile& file, const Json& node, std::string name)
      : file_(&file), node_(&node), name_(std::move(name)) {}

  [[nodiscard]] std::string type() const;    // "RandomForestClassifier"
  [[nodiscard]] std::string module() const;  // "sklearn.ensemble._forest"
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool has(std::string_view attribute) const { return find(attribute) != nullptr; }
  [[nodiscard]] Result<SkopsObject> get(std::string_view attribute) const;
  [[nodiscard]] bool is_none() const;
  [[nodiscard]] bool is_nan() const;          // the number NaN, which a float's own node says
  [[nodiscard]] bool is_array() const;        // of numbers or texts: array(); else of objects
  [[nodiscard]] Result<double> real() const;  // a number, also one that is an array of one
  [[nodiscard]] Result<int64_t> integer() const;
  [[nodiscard]] Result<std::string> string() const;
  [[nodiscard]] std::string string_or(std::string_view attribute, std::string_view otherwise) const;
  [[nodiscard]] Result<NpyArray> array() const;
  [[nodiscard]] Result<std::vector<SkopsObject>> items() const;   // of a list, a tuple or an array of objects
  [[nodiscard]] Result<std::vector<std::string>> labels() const;  // of an array of anything that has a short text

 private:
  [[nodiscard]] const Json* find(std::string_view attribute) const;
  [[nodiscard]] std::unexpected<Error> wrong(std::string_view what) const;
  [[nodiscard]] Result<Json> scalar() const;

  SkopsFile* file_;
  const Json* node_;
  std::string name_;
};

class SkopsFile {
 public:
  [[nodiscard]] static Result<SkopsFile> open(std::string_view bytes);
  [[nodiscard]] SkopsObject root() { return {*this, schema_, "the model"}; }
  [[nodiscard]] Result<NpyArray> array(std::string_view name);

 private:
  SkopsFile(ZipArchive archive, Json schema, size_t budget)
      : archive_(std::move(archive)), schema_(std::move(schema)), budget_(budget) {}
  ZipArchive archive_;
  Json schema_;
  size_t budget_;  // bytes of arrays that may still be read: each is used once in a real file
};

}  // namespace clops::formats
