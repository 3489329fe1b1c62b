#include "tests/contract/raw.h"

#include <cstdlib>

#include <algorithm>
#include <regex>

namespace clops::contract {

Answer Raw::send(const std::string& method, const std::string& path, const Json& body, const std::string& type,
                 const std::string& accept) const {
  HttpRequest request{.method = method, .url = access_.server + path, .headers = {}, .body = ""};
  request.headers.set("Accept", accept);
  if (!access_.token.empty()) request.headers.set("Authorization", "Bearer " + access_.token);
  if (!body.is_null()) {
    request.headers.set("Content-Type", type);
    request.body = dump_json(body);
  }
  const auto answer = http_.send(request, {});
  if (!answer) return {0, answer.error().message};
  Answer out{answer->status, parse_json(answer->body).value_or(Json(answer->body))};
  // Of unknown fields only: the real server also comments on what it accepts.
  if (const auto warnings = answer->headers.get("warning"); warnings && out.body.is_object()) {
    const std::string text(*warnings);
    static const std::regex unknown(R"(unknown field \\"([^"]*)\\")");
    for (std::sregex_iterator it(text.begin(), text.end(), unknown), end; it != end; ++it)
      out.body["warnings"].push_back((*it)[1].str());
    if (out.body.contains("warnings")) std::sort(out.body["warnings"].begin(), out.body["warnings"].end());
  }
  return out;
}

Answer Raw::apply(const std::string& path, const std::string& manager, const Json& object, bool force) const {
  return send("PATCH", path + "?fieldManager=" + manager + (force ? "&force=true" : ""), object,
              "application/apply-patch+yaml");
}

int Raw::minor() const {
  return std::atoi(string_at(get("/version").body, {"minor"}).c_str());
}

}  // namespace clops::contract
