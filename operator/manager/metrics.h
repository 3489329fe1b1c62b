// The operator's /metrics page: Prometheus text, families kept together in the order they first came up.
//
// Thread rule: a value of whoever prints the page.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/cache/informer.h"
#include "operator/election/write_gate.h"
#include "operator/manager/controller_runner.h"

namespace clops::op {

class Metrics {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  void counter(std::string_view name, std::string_view help, Labels labels, double value) {
    add(name, help, "counter", labels, value);
  }
  void gauge(std::string_view name, std::string_view help, Labels labels, double value) {
    add(name, help, "gauge", labels, value);
  }
  [[nodiscard]] std::string print() const;

 private:
  struct Family {
    std::string name, head, samples;
  };
  void add(std::string_view name, std::string_view help, std::string_view kind, Labels labels, double value);
  std::vector<Family> families_;
};

void describe(Metrics& out, const ControllerRunner& runner);
void describe(Metrics& out, const ResourceType& type, const Informer& informer, const Store& store, TimePoint now);
void describe(Metrics& out, const election::GatedClient& client);

}  // namespace clops::op
