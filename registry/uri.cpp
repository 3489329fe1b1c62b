#include "registry/uri.h"

#include <algorithm>

namespace clops::registry {
namespace {

std::string join(const Uri& base, std::string_view path) {
  return base.scheme + "://" + base.authority + std::string(path);
}

}  // namespace

Result<Uri> parse_uri(std::string_view text) {
  if (text.size() > 4096) return fail(Code::InvalidArgument, "a URI longer than 4096 bytes");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }))
    return fail(Code::InvalidArgument, "a URI has no spaces or control characters; write a space as %20");
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0)
    return fail(Code::InvalidArgument, "this is no URI; write for example pvc://CLAIM/PATH or https://HOST/PATH");
  Uri uri;
  for (const char c : text.substr(0, colon)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
      return fail(Code::InvalidArgument, "the URI's scheme is malformed");
    uri.scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t question = rest.find('?');
  if (question != std::string_view::npos) uri.query = rest.substr(question + 1);
  rest = rest.substr(0, question);
  const size_t slash = std::min(rest.find('/'), rest.size());
  uri.authority = rest.substr(0, slash);
  uri.path = rest.substr(slash);
  if (uri.authority.find('@') != std::string::npos)
    return fail(Code::InvalidArgument, "credentials do not belong in a URI, where everyone can read them");
  return uri;
}

std::string printable(std::string_view uri) {
  std::string text(uri.substr(0, uri.find_first_of("?#")));
  const size_t colon = text.find("://");
  if (colon != std::string::npos) {
    const size_t slash = std::min(text.find('/', colon + 3), text.size());
    const size_t at = text.rfind('@', slash);
    if (at != std::string::npos && at > colon) text.erase(colon + 3, at - colon - 2);
  }
  if (text.size() > 300) text = text.substr(0, 297) + "...";
  return text;
}

Result<std::string> resolve_redirect(std::string_view base_text, std::string_view location) {
  CLOPS_ASSIGN(const Uri base, parse_uri(base_text));
  if (location.empty()) return fail(Code::Unavailable, "a redirect without a Location");
  std::string target;
  if (location.starts_with("//")) {
    target = base.scheme + ":" + std::string(location);
  } else if (location.starts_with('/')) {
    target = join(base, location);
  } else if (location.find("://") < location.find_first_of("/?#")) {
    target = location;
  } else {
    target =
        join(base, base.path.empty() ? "/" : base.path.substr(0, base.path.rfind('/') + 1)) + std::string(location);
  }
  CLOPS_ASSIGN(const Uri uri, parse_uri(target));
  if (uri.scheme != "http" && uri.scheme != "https")
    return fail(Code::PermissionDenied, "a redirect to " + uri.scheme + "://, which is not followed");
  if (base.scheme == "https" && uri.scheme == "http")
    return fail(Code::PermissionDenied, "a redirect from https to http, which is not followed");
  return target;
}

}  // namespace clops::registry
