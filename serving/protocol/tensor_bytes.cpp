#include "serving/protocol/tensor_bytes.h"

#include <bit>
#include <cstring>
#include <utility>

#include "serving/protocol/element_types.h"
#include "serving/protocol/oip_values.h"

namespace clops::serving {
namespace {

static_assert(std::endian::native == std::endian::little, "bytes are copied as they are");

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

Status read_texts(std::string_view bytes, TensorBuffer& out) {
  size_t at = 0;
  for (size_t i = 0; i < out.count(); ++i) {
    uint32_t length = 0;
    if (bytes.size() - at < sizeof length)
      return bad("the binary data ends in the length of " + place_in(out.shape(), i));
    std::memcpy(&length, bytes.data() + at, sizeof length);
    at += sizeof length;
    if (bytes.size() - at < length) return bad("the binary data ends in " + place_in(out.shape(), i));
    out.as<std::string_view>()[i] = bytes.substr(at, length);
    at += length;
  }
  if (at == bytes.size()) return {};
  return bad("the binary data has " + std::to_string(bytes.size() - at) + " bytes after its last element");
}

template <class To, class From>
constexpr bool kConverts =
    !std::is_same_v<To, std::string_view> && !std::is_same_v<From, std::string_view> &&
    (is_real_element<To> || (!is_real_element<From> && std::is_same_v<To, bool> == std::is_same_v<From, bool>));

template <class To, class From>
To real_from(From value) {
  if constexpr (is_short_float<From>) {
    return real_from<To>(value.to_float());
  } else if constexpr (std::is_same_v<To, double>) {
    return static_cast<double>(value);
  } else if constexpr (std::is_same_v<From, double>) {
    return static_cast<To>(to_float32(value));
  } else {
    return static_cast<To>(static_cast<float>(value));
  }
}

// Elements lie as the client sent them, so nothing is said of their alignment.
template <class To, class From>
Status convert(std::string_view bytes, TensorBuffer& out) {
  const std::span<To> to = out.as<To>();
  for (size_t i = 0; i < to.size(); ++i) {
    if constexpr (std::is_same_v<From, bool>) {
      const auto value = static_cast<unsigned char>(bytes[i]);
      if (value > 1) return bad(place_in(out.shape(), i) + ": a BOOL is a byte of 0 or 1");
      to[i] = real_from<To>(value == 1);
    } else {
      From value;
      std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
      if constexpr (is_real_element<To>) {
        to[i] = real_from<To>(value);
      } else {
        if (!std::in_range<To>(value))
          return bad(place_in(out.shape(), i) + ": " + std::to_string(value) +
                     " is out of the range that the model takes");
        to[i] = static_cast<To>(value);
      }
    }
  }
  return {};
}

}  // namespace

Status read_bytes(std::string_view bytes, Datatype given, TensorBuffer& out) {
  CLOPS_TRY(check_datatype(given, out.datatype()));
  if (given == Datatype::Bytes) return read_texts(bytes, out);
  const size_t wanted = out.count() * size_of(given);
  if (bytes.size() != wanted)
    return bad("the binary data has " + std::to_string(bytes.size()) + " bytes, shape " + shape_text(out.shape()) +
               " of " + std::string(to_string(given)) + " needs " + std::to_string(wanted));
  if (given == out.datatype() && given != Datatype::Bool) {
    if (wanted > 0) std::memcpy(out.data(), bytes.data(), wanted);
    return {};
  }
  return with_type(out.datatype(), [&](auto to) {
    return with_type(given, [&](auto from) -> Status {
      if constexpr (kConverts<decltype(to), decltype(from)>) {
        return convert<decltype(to), decltype(from)>(bytes, out);
      } else {
        return fail(Code::Internal, "these datatypes do not fit");  // seen to by check_datatype
      }
    });
  });
}

size_t bytes_of(const TensorView& tensor) {
  if (tensor.datatype != Datatype::Bytes) return tensor.count * size_of(tensor.datatype);
  size_t sum = 0;
  for (const std::string_view text : tensor.as<std::string_view>()) sum += sizeof(uint32_t) + text.size();
  return sum;
}

void append_bytes(std::string& out, const TensorView& tensor) {
  if (tensor.datatype != Datatype::Bytes) {
    out.append(static_cast<const char*>(tensor.data), bytes_of(tensor));
    return;
  }
  for (const std::string_view text : tensor.as<std::string_view>()) {
    const auto length = static_cast<uint32_t>(text.size());
    char prefix[sizeof length];
    std::memcpy(prefix, &length, sizeof length);
    out.append(prefix, sizeof length).append(text);
  }
}

}  // namespace clops::serving
