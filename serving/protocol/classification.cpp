#include "serving/protocol/classification.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <vector>

#include "serving/protocol/element_types.h"

namespace clops::serving {
namespace {

template <class T>
std::string text_of(T value, size_t index) {
  char digits[64];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return std::string(static_cast<const char*>(digits), end) + ":" + std::to_string(index);
}

template <class T>
void classify_rows(const TensorView& tensor, size_t rows, size_t classes, TensorBuffer& out) {
  const size_t width = tensor.count / rows;
  const std::span<const T> all = tensor.as<T>();
  std::vector<size_t> order(width);
  for (size_t row = 0; row < rows; ++row) {
    const std::span<const T> values = all.subspan(row * width, width);
    std::iota(order.begin(), order.end(), size_t{0});
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(classes), order.end(),
                      [&](size_t a, size_t b) {
                        const auto x = number_of(values[a]), y = number_of(values[b]);
                        return above(x, y) || (!above(y, x) && a < b);
                      });
    for (size_t i = 0; i < classes; ++i)
      out.set_text(row * classes + i, text_of(number_of(values[order[i]]), order[i]));
  }
}

}  // namespace

Status classify(const TensorView& tensor, uint32_t classes, TensorBuffer& out) {
  const size_t rows = tensor.rows();
  const size_t width = rows == 0 ? 0 : tensor.count / rows, most = std::min<size_t>(classes, width);
  out.reset(Datatype::Bytes, {static_cast<int64_t>(rows), static_cast<int64_t>(most)});
  if (most == 0) return {};
  return with_type(tensor.datatype, [&](auto element) -> Status {
    using T = decltype(element);
    if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, bool>) {
      return fail(Code::InvalidArgument,
                  "classification is of numbers, and this output is " + std::string(to_string(tensor.datatype)));
    } else {
      classify_rows<T>(tensor, rows, most, out);
      return {};
    }
  });
}

}  // namespace clops::serving
