#include "serving/telemetry/otlp.h"

#include "serving/grpc/wire.h"

namespace clops::serving {
namespace {

using grpc::append_bytes_field;
using grpc::append_message;
using grpc::append_number;
using grpc::append_string;
using grpc::append_tag;
using grpc::Wire;

constexpr uint64_t kInternal = 1, kServer = 2, kStatusError = 2;
constexpr uint64_t kFlagsKnown = 0x100, kFlagsRemote = 0x200, kFlagSampled = 1;

void append_fixed64(std::string& out, uint32_t field, uint64_t value) {
  append_tag(out, field, Wire::Fixed64);
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift & 0xff);
}
void append_fixed32(std::string& out, uint32_t field, uint64_t value) {
  append_tag(out, field, Wire::Fixed32);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
}

std::string_view bytes_of(std::span<const uint8_t> id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

// A string field must be UTF-8; a client's name of a model, or a text that was cut, need not be.
void append_text(std::string& out, uint32_t field, std::string_view text) {
  if (grpc::is_utf8(text)) return append_string(out, field, text);
  std::string clean(text);
  for (char& c : clean)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  append_string(out, field, clean);
}

void append_attribute(std::string& out, uint32_t field, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  append_message(out, field, [&] {
    append_string(out, 1, key);
    append_message(out, 2, [&] { append_text(out, 1, value); });
  });
}
void append_attribute(std::string& out, uint32_t field, std::string_view key, uint64_t value) {
  append_message(out, field, [&] {
    append_string(out, 1, key);
    append_message(out, 2, [&] {
      append_tag(out, 3, Wire::Varint);  // of a oneof: 0 is said too
      grpc::append_varint(out, value);
    });
  });
}

struct Writer {
  std::string& out;
  Duration offset;
  Random& random;

  [[nodiscard]] uint64_t unix_ns(TimePoint at) const {
    return static_cast<uint64_t>((at.time_since_epoch() + offset).count());
  }

  void child(const CallRecord& call, std::string_view name, TimePoint begin, TimePoint end) const {
    append_message(out, 2, [&] {
      append_bytes_field(out, 1, bytes_of(call.trace));
      const uint64_t id = random.next() | 1;
      append_bytes_field(out, 2, {reinterpret_cast<const char*>(&id), sizeof id});
      append_text(out, 3, call.state.view());
      append_bytes_field(out, 4, bytes_of(call.id));
      append_string(out, 5, name);
      append_number(out, 6, kInternal);
      append_fixed64(out, 7, unix_ns(begin));
      append_fixed64(out, 8, unix_ns(end));
      append_fixed32(out, 16, kFlagsKnown | kFlagSampled);
    });
  }

  void server(const CallRecord& call) const {
    append_message(out, 2, [&] {
      append_bytes_field(out, 1, bytes_of(call.trace));
      append_bytes_field(out, 2, bytes_of(call.id));
      append_text(out, 3, call.state.view());
      if (call.has_parent) append_bytes_field(out, 4, bytes_of(call.parent));
      append_string(out, 5, "infer");
      append_number(out, 6, kServer);
      append_fixed64(out, 7, unix_ns(call.begin));
      append_fixed64(out, 8, unix_ns(call.end));
      append_attribute(out, 9, "model_name", call.model.view());
      append_attribute(out, 9, "model_version", call.version.view());
      append_attribute(out, 9, "variant", call.variant.view());
      append_attribute(out, 9, "status", static_cast<uint64_t>(call.status));
      append_attribute(out, 9, "wire", call.wire);
      append_attribute(out, 9, "rows", call.rows);
      append_attribute(out, 9, "request_bytes", call.body_bytes);
      append_attribute(out, 9, "response_bytes", call.answer_bytes);
      append_attribute(out, 9, "prediction_id", call.prediction.view());
      if (call.status >= 500) {  // a client's mistake is not this server's error, as OpenTelemetry has it
        append_message(out, 15, [&] {
          append_text(out, 2, call.error.view());
          append_number(out, 3, kStatusError);
        });
      }
      append_fixed32(out, 16, kFlagsKnown | kFlagSampled | (call.has_parent ? kFlagsRemote : 0));
    });
  }

  void all_of(const CallRecord& call) const {
    server(call);
    const TimePoint none{};
    if (call.decoded == none) return;
    child(call, "request", call.begin, call.decoded);
    if (call.computed == none) return;
    child(call, "compute", call.decoded, call.computed);
    child(call, "response", call.computed, call.end);
  }
};

}  // namespace

void append_otlp(std::string& out, std::span<const CallRecord> calls, const OtlpResource& resource,
                 Duration wall_offset, Random& random) {
  const Writer writer{out, wall_offset, random};
  append_message(out, 1, [&] {  // ResourceSpans
    append_message(out, 1, [&] {
      for (const auto& [key, value] : resource.attributes) append_attribute(out, 1, key, value);
    });
    append_message(out, 2, [&] {  // ScopeSpans
      append_message(out, 1, [&] {
        append_string(out, 1, "clops");
        append_string(out, 2, resource.scope_version);
      });
      for (const CallRecord& call : calls) writer.all_of(call);
    });
  });
}

uint64_t rejected_spans(std::string_view answer) {
  uint64_t out = 0;
  grpc::WireReader fields(answer);
  while (fields.next()) {
    if (!fields.is(1, Wire::Bytes)) continue;
    grpc::WireReader partial(fields.bytes());
    while (partial.next()) {
      if (partial.is(1, Wire::Varint)) out = partial.number();
    }
  }
  return out;
}

}  // namespace clops::serving
