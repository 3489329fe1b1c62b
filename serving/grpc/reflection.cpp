#include "serving/grpc/reflection.h"

#include "serving/grpc/wire.h"

namespace clops::serving::grpc {
namespace {

// Fields of FileDescriptorProto and what it holds, each with its name as field 1.
constexpr uint32_t kName = 1, kPackage = 2, kMessages = 4, kEnums = 5, kServices = 6;
constexpr uint32_t kNestedMessages = 3, kNestedEnums = 4, kMethods = 2;

template <class Each>  // each(bytes) of every field `number` that holds bytes
void for_fields(std::string_view message, uint32_t number, const Each& each) {
  for (WireReader fields(message); fields.next();) {
    if (fields.is(number, Wire::Bytes)) each(fields.bytes());
  }
}
std::string_view text_of(std::string_view message, uint32_t number) {
  std::string_view out;
  for_fields(message, number, [&](std::string_view bytes) { out = bytes; });
  return out;
}

// Does `scope` with the name of `part` after it lead to `symbol`? Then what is left of it after that, else nothing.
bool leads_to(std::string_view symbol, std::string_view name, std::string_view& rest) {
  if (!symbol.starts_with(name)) return false;
  rest = symbol.substr(name.size());
  if (rest.empty()) return true;
  if (rest[0] != '.') return false;
  rest.remove_prefix(1);
  return true;
}

bool message_has(std::string_view message, std::string_view symbol);

bool any_has(std::string_view scope, uint32_t number, std::string_view symbol,
             bool (*has)(std::string_view, std::string_view)) {
  bool found = false;
  for_fields(scope, number, [&](std::string_view part) { found = found || has(part, symbol); });
  return found;
}
bool enum_has(std::string_view declared, std::string_view symbol) {
  return text_of(declared, kName) == symbol;
}
bool message_has(std::string_view message, std::string_view symbol) {
  std::string_view rest;
  if (!leads_to(symbol, text_of(message, kName), rest)) return false;
  return rest.empty() || any_has(message, kNestedMessages, rest, message_has) ||
         any_has(message, kNestedEnums, rest, enum_has) || any_has(message, 2, rest, enum_has);  // 2: its fields
}
bool service_has(std::string_view service, std::string_view symbol) {
  std::string_view rest;
  if (!leads_to(symbol, text_of(service, kName), rest)) return false;
  return rest.empty() || any_has(service, kMethods, rest, enum_has);
}
bool file_has(std::string_view file, std::string_view symbol) {
  std::string_view rest;
  if (!leads_to(symbol, text_of(file, kPackage), rest) || rest.empty()) return false;
  return any_has(file, kMessages, rest, message_has) || any_has(file, kEnums, rest, enum_has) ||
         any_has(file, kServices, rest, service_has);
}

void append_error(std::string& out, GrpcCode code, std::string_view message) {
  append_message(out, 7, [&] {
    append_number(out, 1, static_cast<uint64_t>(code));
    append_string(out, 2, message);
  });
}

template <class Wanted>
void append_file(std::string& out, std::string_view files, std::string_view asked, const Wanted& wanted) {
  std::string_view found;
  for_fields(files, 1, [&](std::string_view file) {
    if (wanted(file)) found = file;
  });
  // None of the files imports another, so one is all that there is to tell.
  if (found.empty()) return append_error(out, GrpcCode::NotFound, std::string(asked.substr(0, 200)) + " is not known");
  append_message(out, 4, [&] { append_bytes_field(out, 1, found); });
}

void append_services(std::string& out, std::string_view files) {
  append_message(out, 6, [&] {
    for_fields(files, 1, [&](std::string_view file) {
      for_fields(file, kServices, [&](std::string_view service) {
        append_message(out, 1, [&] {
          append_string(out, 1, std::string(text_of(file, kPackage)) + "." + std::string(text_of(service, kName)));
        });
      });
    });
  });
}

}  // namespace

Outcome reflect(std::string_view files, std::string_view request, std::string& out) {
  uint32_t question = 0;
  std::string_view host, asked;
  WireReader fields(request);
  while (fields.next()) {
    if (fields.is(1, Wire::Bytes)) host = fields.bytes();
    if (fields.wire() == Wire::Bytes && fields.field() >= 3 && fields.field() <= 7) {
      question = fields.field();
      asked = fields.bytes();
    }
  }
  if (!fields.ok() || !is_utf8(host))
    return {GrpcCode::InvalidArgument, "the request is not a message of the protocol"};
  append_string(out, 1, host);
  append_bytes_field(out, 2, request);
  switch (question) {
    case 3:
      append_file(out, files, asked, [&](std::string_view file) { return text_of(file, kName) == asked; });
      break;
    case 4:
      append_file(out, files, asked, [&](std::string_view file) { return file_has(file, asked); });
      break;
    case 5:
    case 6:
      append_error(out, GrpcCode::NotFound, "there are no extensions: all is proto3");
      break;
    case 7:
      append_services(out, files);
      break;
    default:
      append_error(out, GrpcCode::InvalidArgument, "the request asks for nothing");
  }
  return {};
}

}  // namespace clops::serving::grpc
