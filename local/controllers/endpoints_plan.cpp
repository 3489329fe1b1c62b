#include "local/controllers/endpoints_plan.h"

#include <algorithm>
#include <charconv>

namespace clops::local {
namespace {

int target_of(const crds::ServicePort& port, const std::vector<crds::Pod>& pods) {
  for (const auto& pod : pods) {
    for (const auto& container : pod.spec.containers) {
      for (const auto& declared : container.ports) {
        if (declared.name == port.target_port) return declared.port;
      }
    }
  }
  int number = 0;
  std::from_chars(port.target_port.data(), port.target_port.data() + port.target_port.size(), number);
  return number;
}

}  // namespace

bool selects(const std::map<std::string, std::string>& selector, const std::map<std::string, std::string>& labels) {
  return !selector.empty() && std::ranges::all_of(selector, [&](const auto& wanted) {
    const auto it = labels.find(wanted.first);
    return it != labels.end() && it->second == wanted.second;
  });
}

Json endpoint_slice(const crds::Service& service, const std::vector<crds::Pod>& pods) {
  std::vector<crds::Pod> matching;
  for (const auto& pod : pods) {
    const bool over = pod.phase == "Succeeded" || pod.phase == "Failed";
    if (selects(service.selector, pod.meta.labels) && !pod.pod_ip.empty() && !over) matching.push_back(pod);
  }
  std::ranges::sort(matching, {}, [](const crds::Pod& pod) { return pod.meta.name; });
  Json ports = Json::array();
  for (const auto& port : service.ports) {
    ports.push_back({{"name", port.name}, {"protocol", port.protocol}, {"port", target_of(port, matching)}});
  }
  Json endpoints = Json::array();
  for (const auto& pod : matching) {
    const bool terminating = !pod.meta.deletion_timestamp.empty(), serving = pod.ready || service.publish_not_ready;
    endpoints.push_back(
        {{"addresses", Json::array({pod.pod_ip})},
         {"conditions", {{"ready", serving && !terminating}, {"serving", serving}, {"terminating", terminating}}},
         {"nodeName", pod.spec.node_name},
         {"targetRef", {{"kind", "Pod"}, {"namespace", pod.meta.ns}, {"name", pod.meta.name}, {"uid", pod.meta.uid}}}});
  }
  Json labels = Json::object();
  for (const auto& [name, value] : service.meta.labels) labels[name] = value;
  labels[kServiceNameLabel] = service.meta.name;
  labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io";
  return {{"apiVersion", "discovery.k8s.io/v1"},
          {"kind", "EndpointSlice"},
          {"metadata",
           {{"name", service.meta.name + "-local"},
            {"namespace", service.meta.ns},
            {"labels", labels},
            {"ownerReferences", Json::array({{{"apiVersion", "v1"},
                                              {"kind", "Service"},
                                              {"name", service.meta.name},
                                              {"uid", service.meta.uid},
                                              {"controller", true},
                                              {"blockOwnerDeletion", true}}})}}},
          {"addressType", "IPv4"},
          {"ports", std::move(ports)},
          {"endpoints", std::move(endpoints)}};
}

std::vector<ProxyRule> proxy_rules(const crds::Service& service, const std::vector<const Json*>& slices) {
  std::vector<ProxyRule> out;
  if (service.cluster_ip.empty() || service.cluster_ip == "None") return out;
  for (const auto& port : service.ports) {
    if (port.protocol != "TCP") continue;
    ProxyRule rule{.address = service.cluster_ip, .port = port.port};
    std::vector<Backend> ending;
    for (const Json* slice : slices) {
      int target = 0;
      for (const Json& item : slice->value("ports", Json::array())) {
        if (string_at(item, {"name"}) == port.name) target = static_cast<int>(int_at(item, {"port"}));
      }
      if (target == 0) continue;
      for (const Json& endpoint : slice->value("endpoints", Json::array())) {
        for (const Json& address : endpoint.value("addresses", Json::array())) {
          if (!address.is_string()) continue;
          const Backend backend{address.get<std::string>(), target};
          if (bool_at(endpoint, {"conditions", "ready"}, true))
            rule.backends.push_back(backend);
          else if (bool_at(endpoint, {"conditions", "serving"}) && bool_at(endpoint, {"conditions", "terminating"}))
            ending.push_back(backend);
        }
      }
    }
    if (rule.backends.empty()) rule.backends = std::move(ending);
    std::ranges::sort(rule.backends);
    out.push_back(std::move(rule));
  }
  return out;
}

}  // namespace clops::local
