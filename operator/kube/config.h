// How to reach and be known to an API server: from a kubeconfig file or from inside a pod.
//
// Nothing in a kubeconfig is passed over: what clops does not do (exec and auth-provider plugins, basic authentication,
// impersonation) is refused as Unsupported, naming the field and the way out.
// Thread rule: values; Credentials are safe from any thread. Errors name the file and the field: InvalidArgument,
// NotFound (file, context), Unsupported.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/http_client.h"
#include "base/result.h"
#include "base/time.h"
#include "operator/kube/client.h"

namespace clops::kube {

struct Access {
  std::string server;  // "https://host:port"
  TlsClientOptions tls;
  std::string proxy;              // as CurlOptions::proxy
  std::string token, token_file;  // at most one
  std::string ns = "default";     // the context's namespace
};

[[nodiscard]] Result<Access> load_kubeconfig(const std::filesystem::path& file, const std::string& context = "");
[[nodiscard]] Result<Access> parse_kubeconfig(std::string_view yaml, const std::filesystem::path& folder,
                                              const std::string& context = "");

// `host` and `port` are KUBERNETES_SERVICE_HOST and _PORT, as cmd/ found them.
[[nodiscard]] Result<Access> in_cluster(
    const std::string& host, const std::string& port,
    const std::filesystem::path& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

// A token file is read again every minute and after a 401, as tokens in pods are rotated; one that cannot be read just
// now leaves the last token in use.
[[nodiscard]] std::unique_ptr<Credentials> make_credentials(const Access& access, const Clock& clock);

// An own HTTP client, credentials and API client in one, for composition roots.
struct Connection {
  std::unique_ptr<HttpClient> http;
  std::unique_ptr<Credentials> credentials;
  std::unique_ptr<Client> client;
};
struct ConnectOptions {
  HttpLimits limits;
  size_t connections_max = 64;  // over HTTP/1.1 every watch keeps one
  std::string user_agent = "clops";
};
[[nodiscard]] Result<Connection> connect(const Access& access, const Clock& clock, const ConnectOptions& options = {});

}  // namespace clops::kube
