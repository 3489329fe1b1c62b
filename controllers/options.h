// What the operator's command line decides about both controllers. Values.
#pragma once

#include <string>

#include "base/time.h"

namespace clops::controllers {

struct Options {
  std::string server_image = "clops-server";
  std::string image_pull_policy = "IfNotPresent";
  bool allow_file_uris = false;                        // file:// sources; passed on to the pods
  bool cluster_ip_urls = false;                        // status.url names the Service's address instead of its DNS name
  Duration scrape_interval = std::chrono::seconds{5};  // of pods that have settled
  std::string otlp_endpoint;                           // where serving pods send spans; empty: nowhere
  std::string otlp_headers_secret;  // its key `headers`, in the deployment's namespace, if it is there
  double trace_ratio = 0;           // of calls that come without a traceparent
  int pod_requests_max = 8;         // to serving pods, at once
};

}  // namespace clops::controllers
