#include "operator/kube/config.h"

#include <array>
#include <mutex>

#include "base/digest.h"
#include "base/file.h"
#include "base/yaml.h"

namespace clops::kube {
namespace {

constexpr size_t kFileBytesMax = 1u << 20;
constexpr Duration kTokenAge = std::chrono::minutes{1};

Result<Json> named(const Json& config, const char* list, const char* what, const std::string& name) {
  if (const Json* all = find_path(config, {list}); all && all->is_array()) {
    for (const Json& entry : *all) {
      if (string_at(entry, {"name"}) == name) {
        if (const Json* value = find_path(entry, {what}); value && value->is_object()) return *value;
        return Json::object();
      }
    }
  }
  return fail(Code::NotFound, std::string(list) + ": no entry named \"" + name + "\"");
}

std::string absolute(const std::filesystem::path& folder, const std::string& path) {
  return path.empty() || path.front() == '/' ? path : (folder / path).string();
}

Result<std::string> decoded(const Json& value, const char* field) {
  auto bytes = base64_decode(string_at(value, {field}));
  if (!bytes) return fail(Code::InvalidArgument, std::string(field) + ": " + bytes.error().message);
  return *bytes;
}

// A field of the wrong type is named, not taken for absent.
Status check_types(const Json& entry, std::initializer_list<const char*> texts,
                   std::initializer_list<const char*> flags) {
  for (const char* field : texts) {
    if (const Json* value = find_path(entry, {field}); value && !value->is_string())
      return fail(Code::InvalidArgument, std::string(field) + ": must be text (in quotes)");
  }
  for (const char* field : flags) {
    if (const Json* value = find_path(entry, {field}); value && !value->is_boolean())
      return fail(Code::InvalidArgument, std::string(field) + ": must be true or false");
  }
  return {};
}

Status read_cluster(const Json& cluster, const std::filesystem::path& folder, Access& out) {
  CLOPS_TRY(check_types(
      cluster, {"server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url"},
      {"insecure-skip-tls-verify"}));
  out.server = string_at(cluster, {"server"});
  if (!out.server.starts_with("https://") && !out.server.starts_with("http://")) {
    return fail(Code::InvalidArgument, "server: needs a URL such as https://host:6443");
  }
  while (out.server.ends_with('/')) out.server.pop_back();
  out.tls.ca_file = absolute(folder, string_at(cluster, {"certificate-authority"}));
  CLOPS_ASSIGN(out.tls.ca_pem, decoded(cluster, "certificate-authority-data"));
  if (!out.tls.ca_pem.empty()) out.tls.ca_file.clear();
  out.tls.server_name = string_at(cluster, {"tls-server-name"});
  out.tls.insecure_skip_verify = bool_at(cluster, {"insecure-skip-tls-verify"});
  out.proxy = string_at(cluster, {"proxy-url"});
  return {};
}

Status read_user(const Json& user, const std::filesystem::path& folder, Access& out) {
  struct Refused {
    const char* field;
    const char* way_out;
  };
  static constexpr std::array<Refused, 5> kRefused{{
      {"exec",
       "credential plugins are not run; put a token (kubectl create token NAME), tokenFile or client certificate "
       "there"},
      {"auth-provider", "auth providers are gone from Kubernetes too; use a token or client certificate"},
      {"username", "basic authentication is gone from Kubernetes; use a token or client certificate"},
      {"as", "impersonation is not done; use that user's own credentials"},
      {"as-uid", "impersonation is not done; use that user's own credentials"},
  }};
  for (const Refused& refused : kRefused) {
    if (user.contains(refused.field))
      return fail(Code::Unsupported, std::string(refused.field) + ": " + refused.way_out);
  }
  CLOPS_TRY(check_types(
      user, {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"},
      {}));
  out.tls.cert_file = absolute(folder, string_at(user, {"client-certificate"}));
  out.tls.key_file = absolute(folder, string_at(user, {"client-key"}));
  CLOPS_ASSIGN(out.tls.cert_pem, decoded(user, "client-certificate-data"));
  CLOPS_ASSIGN(out.tls.key_pem, decoded(user, "client-key-data"));
  if (!out.tls.cert_pem.empty()) out.tls.cert_file.clear();
  if (!out.tls.key_pem.empty()) out.tls.key_file.clear();
  const bool has_cert = !out.tls.cert_pem.empty() || !out.tls.cert_file.empty();
  const bool has_key = !out.tls.key_pem.empty() || !out.tls.key_file.empty();
  if (has_cert != has_key)
    return fail(Code::InvalidArgument, "client-certificate and client-key belong together: one is missing");
  out.token = string_at(user, {"token"});
  if (out.token.empty()) out.token_file = absolute(folder, string_at(user, {"tokenFile"}));
  return {};
}

class Token final : public Credentials {
 public:
  Token(const Access& access, const Clock& clock) : fixed_(access.token), file_(access.token_file), clock_(clock) {}
  std::string bearer_token() override {
    if (file_.empty()) return fixed_;
    const std::lock_guard lock(mutex_);
    if (last_.empty() || clock_.now() >= read_at_ + kTokenAge) {
      read_at_ = clock_.now();
      if (auto text = read_file(file_, kFileBytesMax)) {
        while (!text->empty() && (text->back() == '\n' || text->back() == '\r' || text->back() == ' '))
          text->pop_back();
        if (!text->empty()) last_ = std::move(*text);
      }
    }
    return last_;
  }
  void rejected() override {
    const std::lock_guard lock(mutex_);
    read_at_ = TimePoint{} - kTokenAge;
  }

 private:
  const std::string fixed_, file_;
  const Clock& clock_;
  std::mutex mutex_;
  std::string last_;
  TimePoint read_at_;
};

}  // namespace

Result<Access> parse_kubeconfig(std::string_view yaml, const std::filesystem::path& folder,
                                const std::string& context) {
  CLOPS_ASSIGN(const auto documents, parse_yaml(yaml, kFileBytesMax));
  if (documents.size() != 1 || !documents[0].is_object()) return fail(Code::InvalidArgument, "not a kubeconfig");
  const Json& config = documents[0];
  const std::string name = context.empty() ? string_at(config, {"current-context"}) : context;
  if (name.empty()) return fail(Code::InvalidArgument, "current-context: not set, and no context was asked for");
  CLOPS_ASSIGN(const Json chosen, named(config, "contexts", "context", name));
  const std::string cluster_name = string_at(chosen, {"cluster"}), user_name = string_at(chosen, {"user"});
  CLOPS_ASSIGN(const Json cluster, named(config, "clusters", "cluster", cluster_name));
  Access out;
  if (Status read = read_cluster(cluster, folder, out); !read)
    return fail_in("clusters[" + cluster_name + "]", read.error());
  if (!user_name.empty()) {
    CLOPS_ASSIGN(const Json user, named(config, "users", "user", user_name));
    if (Status read = read_user(user, folder, out); !read) return fail_in("users[" + user_name + "]", read.error());
  }
  if (const std::string ns = string_at(chosen, {"namespace"}); !ns.empty()) out.ns = ns;
  return out;
}

Result<Access> load_kubeconfig(const std::filesystem::path& file, const std::string& context) {
  CLOPS_ASSIGN(const std::string text, read_file(file, kFileBytesMax));
  auto access = parse_kubeconfig(text, std::filesystem::absolute(file).parent_path(), context);
  if (!access) return fail_in(file.string(), access.error());
  return access;
}

Result<Access> in_cluster(const std::string& host, const std::string& port, const std::filesystem::path& folder) {
  if (host.empty() || port.empty()) {
    return fail(Code::NotFound,
                "not in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set): give a kubeconfig");
  }
  Access out;
  out.server = "https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
  out.tls.ca_file = (folder / "ca.crt").string();
  out.token_file = (folder / "token").string();
  out.proxy = std::string("-");
  CLOPS_TRY(read_file(out.token_file, kFileBytesMax));
  if (auto ns = read_file(folder / "namespace", kFileBytesMax); ns && !ns->empty()) out.ns = *ns;
  return out;
}

std::unique_ptr<Credentials> make_credentials(const Access& access, const Clock& clock) {
  return std::make_unique<Token>(access, clock);
}

Result<Connection> connect(const Access& access, const Clock& clock, const ConnectOptions& options) {
  Connection out;
  CLOPS_ASSIGN(out.http, make_curl_client({.tls = access.tls,
                                           .user_agent = options.user_agent,
                                           .connections_max = options.connections_max,
                                           .proxy = access.proxy}));
  out.credentials = make_credentials(access, clock);
  out.client =
      make_client({.server = access.server, .limits = options.limits}, *out.http, clock, out.credentials.get());
  return out;
}

}  // namespace clops::kube
