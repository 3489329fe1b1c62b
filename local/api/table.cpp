#include "local/api/table.h"

#include <map>

namespace clops::local {
namespace {

std::string joined(const std::vector<Json>& values) {
  std::string out;
  for (const auto& value : values)
    out += (out.empty() ? "" : ",") + (value.is_string() ? value.get<std::string>() : dump_json(value));
  return out;
}

size_t size_at(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* found = find_path(object, path);
  return found ? found->size() : 0;
}

std::string labels_text(const Json* labels) {
  std::string out;
  const Json labels_or_none = labels ? *labels : Json::object();  // named: a temporary would end before its items()
  for (const auto& [name, value] : labels_or_none.items())
    out += (out.empty() ? "" : ",") + name + "=" + joined({value});
  return out.empty() ? "<none>" : out;
}

std::string or_none(std::string text) {
  return text.empty() ? "<none>" : std::move(text);
}

std::string pod_status(const Json& pod) {
  std::string out = string_at(pod, {"status", "reason"}, string_at(pod, {"status", "phase"}, "Unknown"));
  const Json* states = find_path(pod, {"status", "containerStatuses"});
  for (const auto& container : states && states->is_array() ? *states : Json::array()) {
    for (const char* state : {"waiting", "terminated"}) {
      if (const auto reason = string_at(container, {"state", state, "reason"}); !reason.empty()) out = reason;
    }
  }
  if (find_path(pod, {"metadata", "deletionTimestamp"})) return "Terminating";
  return out;
}

std::string pod_ready(const Json& pod) {
  int64_t ready = 0;
  const Json* states = find_path(pod, {"status", "containerStatuses"});
  for (const auto& container : states && states->is_array() ? *states : Json::array())
    ready += bool_at(container, {"ready"});
  return std::to_string(ready) + "/" + std::to_string(size_at(pod, {"spec", "containers"}));
}

std::string pod_restarts(const Json& pod) {
  int64_t restarts = 0;
  const Json* states = find_path(pod, {"status", "containerStatuses"});
  for (const auto& container : states && states->is_array() ? *states : Json::array())
    restarts += int_at(container, {"restartCount"});
  return std::to_string(restarts);
}

std::string ports_text(const Json& object, std::initializer_list<std::string_view> path) {
  std::string out;
  const Json* ports = find_path(object, path);
  for (const auto& port : ports && ports->is_array() ? *ports : Json::array()) {
    out +=
        (out.empty() ? "" : ",") + std::to_string(int_at(port, {"port"})) + "/" + string_at(port, {"protocol"}, "TCP");
  }
  return or_none(out);
}

std::string job_status(const Json& job) {
  const Json* conditions = find_path(job, {"status", "conditions"});
  for (const auto& condition : conditions && conditions->is_array() ? *conditions : Json::array()) {
    if (string_at(condition, {"status"}) == "True" &&
        (string_at(condition, {"type"}) == "Complete" || string_at(condition, {"type"}) == "Failed"))
      return string_at(condition, {"type"});
  }
  return find_path(job, {"metadata", "deletionTimestamp"}) ? "Terminating"
         : bool_at(job, {"spec", "suspend"})               ? "Suspended"
                                                           : "Running";
}

std::string job_duration(const Json& job, WallTime now) {
  const auto start = from_rfc3339(string_at(job, {"status", "startTime"}));
  if (!start) return "";
  const auto end = from_rfc3339(string_at(job, {"status", "completionTime"}));
  return human_duration(std::chrono::duration_cast<std::chrono::seconds>((end ? *end : now) - *start));
}

std::string containers_text(const Json& object, const char* field) {
  std::string out;
  const Json* containers = find_path(object, {"spec", "template", "spec", "containers"});
  for (const auto& container : containers && containers->is_array() ? *containers : Json::array())
    out += (out.empty() ? "" : ",") + string_at(container, {field});
  return out;
}

std::string addresses_text(const Json& slice) {
  std::string out;
  const Json* endpoints = find_path(slice, {"endpoints"});
  for (const auto& endpoint : endpoints && endpoints->is_array() ? *endpoints : Json::array()) {
    for (const auto& address : endpoint.value("addresses", Json::array()))
      out += (out.empty() ? "" : ",") + joined({address});
  }
  return or_none(out);
}

std::string endpoints_text(const Json& endpoints) {
  std::string out;
  for (const auto& subset : endpoints.value("subsets", Json::array())) {
    for (const auto& address : subset.value("addresses", Json::array())) {
      for (const auto& port : subset.value("ports", Json::array()))
        out += (out.empty() ? "" : ",") + string_at(address, {"ip"}) + ":" + std::to_string(int_at(port, {"port"}));
    }
  }
  return or_none(out);
}

std::string controller_of(const Json& object) {
  for (const auto& owner : object.value("metadata", Json::object()).value("ownerReferences", Json::array())) {
    if (bool_at(owner, {"controller"})) return string_at(owner, {"kind"}) + "/" + string_at(owner, {"name"});
  }
  return "<none>";
}

std::string event_seen(const Json& event, WallTime now) {
  for (const auto& at : {string_at(event, {"series", "lastObservedTime"}), string_at(event, {"lastTimestamp"}),
                         string_at(event, {"eventTime"})}) {
    if (const auto time = from_rfc3339(at))
      return human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - *time));
  }
  return "<unknown>";
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The cells no path leads to.
Json made_cell(const std::string& kind, const std::string& column, const Json& o, WallTime now) {
  const std::string key = kind + "/" + column;
  if (key == "Pod/Ready") return pod_ready(o);
  if (key == "Pod/Status") return pod_status(o);
  if (key == "Pod/Restarts") return pod_restarts(o);
  if (key == "Service/External-IP") return "<none>";
  if (key == "Service/Port(s)") return ports_text(o, {"spec", "ports"});
  if (key == "Service/Selector") return labels_text(find_path(o, {"spec", "selector"}));
  if (column == "Data") return size_at(o, {"data"}) + size_at(o, {"binaryData"});
  if (column == "Secrets") return size_at(o, {"secrets"});
  if (key == "Endpoints/Endpoints") return endpoints_text(o);
  if (column == "Endpoints") return addresses_text(o);
  if (column == "Ports") return ports_text(o, {"ports"});
  if (column == "Last Seen") return event_seen(o, now);
  if (column == "Object")
    return lower(string_at(o, {"involvedObject", "kind"})) + "/" + string_at(o, {"involvedObject", "name"});
  if (column == "Access Modes") return joined(json_path(o, ".spec.accessModes[*]"));
  if (key == "Deployment/Ready")
    return std::to_string(int_at(o, {"status", "readyReplicas"})) + "/" +
           std::to_string(int_at(o, {"spec", "replicas"}));
  if (column == "Up-to-date") return int_at(o, {"status", "updatedReplicas"});
  if (column == "Available") return int_at(o, {"status", "availableReplicas"});
  if (column == "Containers") return containers_text(o, "name");
  if (column == "Images") return containers_text(o, "image");
  if (column == "Selector") return labels_text(find_path(o, {"spec", "selector", "matchLabels"}));
  if (column == "Desired") return int_at(o, {"spec", "replicas"});
  if (column == "Current") return int_at(o, {"status", "replicas"});
  if (column == "Ready") return int_at(o, {"status", "readyReplicas"});
  if (column == "Controller") return controller_of(o);
  if (key == "Job/Status") return job_status(o);
  if (column == "Completions")
    return std::to_string(int_at(o, {"status", "succeeded"})) + "/" +
           std::to_string(int_at(o, {"spec", "completions"}, 1));
  if (column == "Duration") return job_duration(o, now);
  if (column == "Min Available" || column == "Max Unavailable") {
    const Json* value = find_path(o, {"spec", column == "Min Available" ? "minAvailable" : "maxUnavailable"});
    return value ? joined({*value}) : "N/A";
  }
  if (column == "Role") return string_at(o, {"roleRef", "kind"}) + "/" + string_at(o, {"roleRef", "name"});
  if (kind == "Node") return "Ready";
  return "";
}

Json cell(const Resource& resource, const Column& column, const Json& object, WallTime now) {
  if (column.path.empty()) return made_cell(resource.type.kind, column.name, object, now);
  if (column.type == "date") {
    const auto found = json_path(object, column.path);
    if (found.empty() || !found[0].is_string()) return resource.builtin ? Json("<unknown>") : Json(nullptr);
    const auto then = from_rfc3339(found[0].get<std::string>());
    return then ? Json(human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - *then)))
                : Json("<invalid>");
  }
  const auto found = json_path(object, column.path);
  if (found.empty()) return resource.builtin ? Json("") : Json(nullptr);
  if (column.type == "integer" || column.type == "number" || column.type == "boolean") return found[0];
  return joined(found);
}

}  // namespace

std::string human_duration(std::chrono::seconds span) {
  const int64_t s = span.count();
  if (s < -1) return "<invalid>";
  if (s < 0) return "0s";
  const auto two = [](int64_t big, const char* big_unit, int64_t small, const char* small_unit) {
    return std::to_string(big) + big_unit + (small == 0 ? "" : std::to_string(small) + small_unit);
  };
  const int64_t m = s / 60, h = s / 3600, d = h / 24, y = d / 365;
  if (s < 120) return std::to_string(s) + "s";
  if (m < 10) return two(m, "m", s % 60, "s");
  if (h < 3) return std::to_string(m) + "m";
  if (h < 8) return two(h, "h", m % 60, "m");
  if (h < 48) return std::to_string(h) + "h";
  if (d < 8) return two(d, "d", h % 24, "h");
  if (d < 365 * 2) return std::to_string(d) + "d";
  if (d < 365 * 8) return two(y, "y", d % 365, "d");
  return std::to_string(y) + "y";
}

Json table_columns(const Resource& resource) {
  Json out = Json::array();
  for (const auto& column : resource.columns) {
    // Ages are sent as text already counted.
    const std::string type = column.type == "date" && resource.builtin ? "string" : column.type;
    out.push_back({{"name", column.name},
                   {"type", type},
                   {"format", column.format},
                   {"description", column.description},
                   {"priority", column.priority}});
  }
  return out;
}

Json table_row(const Resource& resource, const Json& object, WallTime now, IncludeObject include) {
  Json cells = Json::array();
  for (const auto& column : resource.columns) cells.push_back(cell(resource, column, object, now));
  Json out{{"cells", std::move(cells)}};
  if (include == IncludeObject::Object) {
    out["object"] = object;
  } else if (include == IncludeObject::Metadata) {
    out["object"] = {{"kind", "PartialObjectMetadata"},
                     {"apiVersion", "meta.k8s.io/v1"},
                     {"metadata", object.value("metadata", Json::object())}};
  } else {
    out["object"] = nullptr;
  }
  return out;
}

Json table_of(const Resource& resource, Json rows, const std::string& resource_version,
              const std::string& continue_token) {
  Json meta = Json::object();
  if (!resource_version.empty()) meta["resourceVersion"] = resource_version;
  if (!continue_token.empty()) meta["continue"] = continue_token;
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", std::move(meta)},
          {"columnDefinitions", table_columns(resource)},
          {"rows", std::move(rows)}};
}

}  // namespace clops::local
