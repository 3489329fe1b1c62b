// What most contract tests need: a client, raw requests, and a namespace of their own.
#pragma once

#include <gtest/gtest.h>

#include "crds/codec.h"
#include "tests/contract/embedded.h"
#include "tests/contract/raw.h"
#include "tests/contract/server.h"
#include "tests/support/eventually.h"

namespace clops::contract {

class Contract : public testing::Test {
 protected:
  Contract()
      : connection(*kube::connect(Server::instance().access(), clock)),
        client(*connection.client),
        raw(*connection.http, Server::instance().access()),
        ns(fresh_namespace(client)) {}

  // "/api/v1/namespaces/NS/configmaps" and so on.
  [[nodiscard]] std::string path(const crds::ResourceType& type, const std::string& name = "") const {
    return type.path(ns) + (name.empty() ? "" : "/" + name);
  }
  [[nodiscard]] static Json data(const std::string& name, const Json& values) {
    return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}, {"data", values}};
  }
  [[nodiscard]] static Json endpoint(const std::string& name, const Json& more = Json::object()) {
    Json spec{{"variants", Json::array({{{"name", "a"}, {"modelVersion", "m-1"}, {"weight", 100}}})}};
    spec.update(more);
    return {{"apiVersion", "clops.dev/v1alpha1"},
            {"kind", "ModelDeployment"},
            {"metadata", {{"name", name}}},
            {"spec", spec}};
  }
  // The fieldsV1 of a manager's entry, or null.
  [[nodiscard]] static Json owned(const Json& object, const std::string& manager, const std::string& subresource = "") {
    const Json* entries = find_path(object, {"metadata", "managedFields"});
    for (const auto& entry : entries ? *entries : Json::array()) {
      if (string_at(entry, {"manager"}) == manager && string_at(entry, {"subresource"}) == subresource)
        return entry.value("fieldsV1", Json());
    }
    return nullptr;
  }

  SystemClock clock;
  kube::Connection connection;
  kube::Client& client;
  const Raw raw;
  const std::string ns;
};

// With our kinds served.
class ContractOfOurKinds : public Contract {
 protected:
  void SetUp() override {
    const auto installed = install_our_kinds(client);
    ASSERT_TRUE(installed) << installed.error().message;
  }
};

}  // namespace clops::contract
