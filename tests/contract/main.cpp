// contract_tests: what clops expects of a Kubernetes API, checked on a real kube-apiserver, or on the API that
// CLOPS_CONTRACT_KUBECONFIG names (without the tests that stop the server or reach into its etcd: their suites end in
// OnOurOwn).
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/contract/server.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
  const char* kubeconfig = std::getenv("CLOPS_CONTRACT_KUBECONFIG");
  auto& server = clops::contract::Server::instance();
  if (const auto started = server.start(kubeconfig ? kubeconfig : ""); !started) {
    std::cerr << started.error().message << "\n";
    server.stop();
    return 1;
  }
  if (!server.real() && GTEST_FLAG_GET(filter) == "*") GTEST_FLAG_SET(filter, "-*OnOurOwn*");
  const int result = RUN_ALL_TESTS();
  server.stop();
  return result;
}
