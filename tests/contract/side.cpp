#include "tests/contract/side.h"

#include <algorithm>
#include <regex>

namespace clops::contract {
namespace {

using Verb = Operation::Verb;

const char* content_type(Verb verb) {
  switch (verb) {
    case Verb::Apply:
      return "application/apply-patch+yaml";
    case Verb::Merge:
      return "application/merge-patch+json";
    case Verb::JsonPatch:
      return "application/json-patch+json";
    case Verb::Strategic:
      return "application/strategic-merge-patch+json";
    default:
      return "application/json";
  }
}

const char* method_of(Verb verb) {
  switch (verb) {
    case Verb::Create:
      return "POST";
    case Verb::Put:
      return "PUT";
    case Verb::Delete:
      return "DELETE";
    case Verb::List:
      return "GET";
    default:
      return "PATCH";
  }
}

Json merged(Json target, const Json& patch) {
  target.merge_patch(patch);
  return target;
}

size_t place(std::vector<std::string>& list, const std::string& text) {
  const auto found = std::ranges::find(list, text);
  if (found == list.end()) list.push_back(text);
  return static_cast<size_t>(std::ranges::find(list, text) - list.begin());
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  if (what.empty()) return;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

}  // namespace

Side::Side(const Raw& raw, std::string ns) : raw_(raw), ns_(std::move(ns)) {}

std::string Side::path_of(const Operation& operation) const {
  const auto& type = *operation.type;
  std::string out = type.group.empty() ? "/api/" + type.version : "/apis/" + type.group + "/" + type.version;
  out += "/namespaces/" + ns_ + "/" + type.plural;
  if (operation.verb != Verb::Create && !operation.name.empty()) out += "/" + operation.name;
  if (!operation.subresource.empty()) out += "/" + operation.subresource;
  return out;
}

Json Side::filled(Json body, const Seen& seen) const {
  if (body.is_string()) {
    const std::string& text = body.get_ref<const std::string&>();
    const bool there = !seen.versions.empty();
    if (text == "$rv") return there ? seen.versions.back() : "1";
    if (text == "$stale") return there ? seen.versions.front() : "1";
    if (text == "$uid") return seen.uids.empty() ? "44444444-4444-4444-8444-444444444444" : seen.uids.back();
  } else if (body.is_structured()) {
    for (auto& item : body) item = filled(std::move(item), seen);
  }
  return body;
}

void Side::note(const Json& body, Seen& seen) const {
  const std::string uid = string_at(body, {"metadata", "uid"}),
                    version = string_at(body, {"metadata", "resourceVersion"});
  if (!uid.empty()) place(seen.uids, uid);
  if (!version.empty()) place(seen.versions, version);
}

std::vector<Answer> Side::run(const Operation& operation) {
  Seen& seen = seen_[operation.type->plural + "/" + operation.name];
  Json body = filled(operation.body, seen);
  if (operation.verb == Verb::Put) {
    Json base{{"apiVersion", operation.type->api_version()},
              {"kind", operation.type->kind},
              {"metadata", {{"name", operation.name}, {"namespace", ns_}}}};
    if (!seen.live.is_null()) base = seen.live;
    if (operation.subresource == "scale") {
      const Answer scale = raw_.send("GET", path_of(operation));
      base["apiVersion"] = "autoscaling/v1";
      base["kind"] = "Scale";
      if (scale.status == 200) base = scale.body;
    }
    if (seen.live.is_null() && body.contains("metadata")) body["metadata"].erase("uid");
    body = merged(std::move(base), body);
  }
  std::string path = path_of(operation);
  if (!operation.query.empty()) path += "?" + operation.query;
  Answer answer = raw_.send(method_of(operation.verb), path, body, content_type(operation.verb));
  if (operation.verb == Verb::List) {
    if (answer.body.is_object()) answer.body.erase("metadata");
    return {normalised(std::move(answer))};
  }
  // A dry run's uid is nobody's.
  const bool dry = operation.query.find("dryRun") != std::string::npos || operation.body.contains("dryRun");
  const bool object = answer.status < 300 && string_at(answer.body, {"kind"}) != "Status";
  if (object && dry && answer.body.contains("metadata") &&
      std::ranges::find(seen.uids, string_at(answer.body, {"metadata", "uid"})) == seen.uids.end())
    answer.body["metadata"]["uid"] = "DRY", answer.body["metadata"].erase("resourceVersion");
  if (object && !dry) note(answer.body, seen);
  Operation reading{
      .verb = Verb::Merge, .type = operation.type, .name = operation.name, .subresource = "", .query = "", .body = {}};
  Answer now = raw_.send("GET", path_of(reading));
  seen.live = now.status == 200 ? now.body : Json();
  if (now.status == 200) note(now.body, seen);
  return {normalised(std::move(answer)), normalised(std::move(now))};
}

std::string Side::replaced(std::string text) const {
  for (const auto& [key, seen] : seen_) {
    for (size_t i = 0; i < seen.uids.size(); ++i)
      replace_all(text, seen.uids[i], "UID" + std::to_string(i) + "/" + key);
  }
  static const std::regex time("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"),
      address("(10\\.96|127\\.96)\\.[0-9]+\\.[0-9]+"),
      storage("StorageError: invalid object, Code: 4, Key: [^ ]*, ResourceVersion: 0, AdditionalErrorMsg: "),
      version("(ResourceVersion in (?:the precondition|record) \\()[0-9]+");
  text = std::regex_replace(text, time, "TIME");
  text = std::regex_replace(text, address, "ADDRESS");
  text = std::regex_replace(text, storage, "");
  return std::regex_replace(text, version, "$1VERSION");
}

void Side::normalise(Json& value) const {
  if (value.is_string()) {
    value = replaced(value.get<std::string>());
  } else if (value.is_structured()) {
    for (auto& item : value) normalise(item);
  }
}

Answer Side::normalised(Answer answer) const {
  const auto number = [&](Json& object) {
    const std::string version = string_at(object, {"metadata", "resourceVersion"});
    for (const auto& [key, seen] : seen_) {
      const auto found = std::ranges::find(seen.versions, version);
      if (!version.empty() && found != seen.versions.end())
        object["metadata"]["resourceVersion"] = "VERSION" + std::to_string(found - seen.versions.begin()) + "/" + key;
    }
    if (!object.contains("metadata") || !object["metadata"].is_object()) return;
    if (auto fields = object["metadata"].find("managedFields");
        fields != object["metadata"].end() && fields->is_array()) {
      for (auto& entry : *fields) {
        if (entry.contains("time")) entry["time"] = "TIME";
      }
      std::sort(fields->begin(), fields->end());
    }
  };
  if (answer.body.is_object()) number(answer.body);
  if (answer.body.is_object() && answer.body.contains("items") && answer.body["items"].is_array()) {
    for (auto& item : answer.body["items"]) number(item);
  }
  normalise(answer.body);
  return answer;
}

namespace {

void compare_at(const Json& one, const Json& other, const std::string& path, std::string& out) {
  if (one == other) return;
  if (one.is_object() && other.is_object()) {
    for (const auto& [key, value] : one.items())
      compare_at(value, other.contains(key) ? other[key] : Json("(absent)"), path + "/" + key, out);
    for (const auto& [key, value] : other.items()) {
      if (!one.contains(key)) compare_at(Json("(absent)"), value, path + "/" + key, out);
    }
    return;
  }
  if (one.is_array() && other.is_array() && one.size() == other.size()) {
    for (size_t i = 0; i < one.size(); ++i) compare_at(one[i], other[i], path + "/" + std::to_string(i), out);
    return;
  }
  out += "  " + path + ": " + dump_json(one) + " <> " + dump_json(other) + "\n";
}

// What other minors than the plane's say otherwise of the same: how a refused value is told (its type, itself,
// nothing); a template's time of creation, null before 1.34; labels written beside a status, whose manager is not noted
// from 1.36 on.
void leave_out_minors(Json& body) {
  static const std::regex value(
      R"re(^Invalid value: (("(\\.|[^"\\])*"|null|true|false|-?[0-9][0-9a-fx.+-]*|\{.*?\}|\[.*?\]): )?)re");
  if (!body.is_structured()) return;
  for (auto& item : body) leave_out_minors(item);
  if (!body.is_object()) return;
  if (const auto at = body.find("creationTimestamp"); at != body.end() && at->is_null()) body.erase(at);
  if (body.contains("causes")) {
    for (auto& cause : body["causes"]) {
      const std::string message = string_at(cause, {"message"}), field = string_at(cause, {"field"});
      if (field.starts_with("status.")) cause["field"] = field.substr(7);  // 1.30 begins there
      cause["message"] = message.starts_with("Duplicate value: ")
                             ? "Duplicate value"
                             : std::regex_replace(message, value, "Invalid value: ");
    }
  }
  if (const auto entries = body.find("managedFields"); entries != body.end() && entries->is_array()) {
    for (auto& entry : *entries)
      if (string_at(entry, {"subresource"}) == "status") entry["fieldsV1"].erase("f:metadata");
    std::sort(entries->begin(), entries->end());
  }
}

// Of a refusal, what callers act on: code, reason, which object, and for our kinds every cause. The words of 400 and
// 500 speak of the server's own decoder; which of several faults of a built-in object are told differs
// (local/README.md).
Json acted_on(Json body, bool same_minor) {
  if (!same_minor) leave_out_minors(body);
  if (!body.is_object() || string_at(body, {"kind"}) != "Status") return body;
  const auto code = int_at(body, {"code"});
  if (code == 400 || code == 500) body.erase("message");
  if (auto* details = code == 409 && body.contains("details") ? &body["details"] : nullptr;
      details && details->contains("causes"))
    std::sort((*details)["causes"].begin(), (*details)["causes"].end());  // the real order is by chance
  if (code != 422) return body;
  body.erase("message");
  if (body.contains("details") && body["details"].empty()) body.erase("details");
  if (!body.contains("details")) return body;
  body["details"].erase("name");
  const std::string group = string_at(body, {"details", "group"});
  if (group != "clops.dev") {
    body["details"].erase("causes");
  } else if (body["details"].contains("causes")) {
    auto& causes = body["details"]["causes"];
    std::sort(causes.begin(), causes.end());
    causes.erase(std::unique(causes.begin(), causes.end()), causes.end());
  }
  return body;
}

}  // namespace

std::string difference(const Answer& one, const Answer& other, bool same_minor) {
  std::string out;
  if (one.status != other.status)
    out += "  HTTP status: " + std::to_string(one.status) + " <> " + std::to_string(other.status) + "\n";
  if (one.status / 100 == other.status / 100)
    compare_at(acted_on(one.body, same_minor), acted_on(other.body, same_minor), "", out);
  if (!out.empty() && one.status >= 300) out += "  " + string_at(one.body, {"message"}) + "\n";
  if (!out.empty() && other.status >= 300) out += "  <> " + string_at(other.body, {"message"}) + "\n";
  return out;
}

}  // namespace clops::contract
