// One reader for two encodings of the same tree of values: JSON text and UBJSON.
//
// Pull style: the caller says what it expects next and gets typed arrays; no tree of the whole file is ever built. What
// the caller does not know it skips. Time is linear in the bytes, memory in the arrays asked for, nesting is limited.
// Thread rule: one reader per thread. Ownership: the bytes are borrowed. Errors: InvalidArgument "at byte N: ..."; a
// reader that has failed is not used again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clops::formats {

class DocumentReader {
 public:
  enum class Kind : uint8_t { Object, Array, String, Number, Bool, Null };

  virtual ~DocumentReader() = default;
  [[nodiscard]] virtual Result<Kind> kind() = 0;  // of the next value, which stays unread

  // begin_object, then next_key until it gives false, reading or skipping one value after each true.
  [[nodiscard]] virtual Status begin_object() = 0;
  [[nodiscard]] virtual Result<bool> next_key(std::string& key) = 0;
  // begin_array, then next_item likewise.
  [[nodiscard]] virtual Status begin_array() = 0;
  [[nodiscard]] virtual Result<bool> next_item() = 0;

  [[nodiscard]] virtual Result<std::string> string() = 0;
  [[nodiscard]] virtual Result<int64_t> integer() = 0;  // a boolean reads as 0 or 1
  [[nodiscard]] virtual Result<float> real() = 0;       // nearest float32; NaN and infinities as XGBoost writes them
  [[nodiscard]] virtual Status end() = 0;               // nothing may follow

  // Whole arrays, in place of what `into` held. A model is mostly arrays of numbers: these are where its time goes.
  [[nodiscard]] virtual Status integers(std::vector<int32_t>& into);
  [[nodiscard]] virtual Status reals(std::vector<float>& into);
  [[nodiscard]] Result<std::vector<std::string>> strings();
  [[nodiscard]] Status skip();  // the next value, whatever it is
  [[nodiscard]] virtual size_t position() const = 0;
  // An array that was skipped when position() was `position`; reading goes on where it was.
  [[nodiscard]] Status reals_at(size_t position, std::vector<float>& into);

 protected:
  // Passes an array of plain numbers at once; false and nothing read where the next value is anything else.
  [[nodiscard]] virtual bool skip_numbers() = 0;
  virtual void seek(size_t position) = 0;  // to before a value of an object
  [[nodiscard]] std::unexpected<Error> fail_here(std::string_view what) const;
};

inline constexpr int kDocumentDepthMax = 64;
inline constexpr size_t kDocumentStringMax = 1u << 20;

[[nodiscard]] std::unique_ptr<DocumentReader> make_json_reader(std::string_view bytes);
[[nodiscard]] std::unique_ptr<DocumentReader> make_ubjson_reader(std::string_view bytes);

}  // namespace clops::formats
