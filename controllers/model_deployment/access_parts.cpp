#include "controllers/model_deployment/access_parts.h"

#include "controllers/common/objects.h"

namespace clops::controllers::model_deployment {
namespace {

constexpr int kFileMode = 0440;  // read by the pod's group, which is the server's

// Only the keys that are named, so that a pod holds no secret that it has no use for; all where none is named.
void add(AccessParts& out, const std::string& name, const std::string& folder, const char* kind, const char* name_key,
         const std::string& source, const std::vector<std::string>& keys) {
  Json volume{{name_key, source}, {"defaultMode", kFileMode}};
  for (const std::string& key : keys) volume["items"].push_back({{"key", key}, {"path", key}});
  out.volumes.push_back({{"name", name}, {kind, std::move(volume)}});
  out.mounts.push_back({{"name", name}, {"mountPath", folder}, {"readOnly", true}});
}

void add_secret(AccessParts& out, const std::string& name, const std::string& folder, const std::string& source,
                const std::vector<std::string>& keys) {
  add(out, name, folder, "secret", "secretName", source, keys);
}

void add_tls(AccessParts& out, const crds::TlsSpec& tls) {
  add_secret(out, "tls", "/etc/clops-tls", tls.secret_name, {"tls.crt", "tls.key"});
  out.flags.insert(out.flags.end(), {"--tls-cert=/etc/clops-tls/tls.crt", "--tls-key=/etc/clops-tls/tls.key"});
  if (tls.client_auth.empty()) return;
  add_secret(out, "client-ca", "/etc/clops-client-ca",
             tls.client_ca_secret_name.empty() ? tls.secret_name : tls.client_ca_secret_name, {"ca.crt"});
  out.flags.insert(out.flags.end(),
                   {"--tls-client-ca=/etc/clops-client-ca/ca.crt",
                    tls.client_auth == "Request" ? "--tls-client-auth=request" : "--tls-client-auth=require"});
}

void add_jwt(AccessParts& out, const crds::JwtSpec& jwt) {
  const std::vector<std::string> keys{"jwks.json"};
  if (jwt.jwks_secret_name.empty()) {
    add(out, "jwks", "/etc/clops-jwks", "configMap", "name", jwt.jwks_config_map_name, keys);
  } else {
    add_secret(out, "jwks", "/etc/clops-jwks", jwt.jwks_secret_name, keys);
  }
  out.flags.insert(out.flags.end(),
                   {"--auth-jwks=/etc/clops-jwks/jwks.json", "--auth-issuer=" + literal_argument(jwt.issuer)});
  for (const std::string& audience : jwt.audiences)
    out.flags.push_back("--auth-audience=" + literal_argument(audience));
  for (const crds::RequiredClaim& claim : jwt.required_claims)
    out.flags.push_back("--auth-claim=" + claim.name + "=" + literal_argument(claim.value));
}

}  // namespace

AccessParts access_parts(const crds::ModelDeploymentSpec& spec) {
  AccessParts out;
  if (spec.tls) add_tls(out, *spec.tls);
  if (!spec.auth) return out;
  if (!spec.auth->bearer_secret_name.empty()) {
    add_secret(out, "callers", "/etc/clops-callers", spec.auth->bearer_secret_name, {});
    out.flags.emplace_back("--auth-callers=/etc/clops-callers");
  }
  if (spec.auth->jwt) add_jwt(out, *spec.auth->jwt);
  return out;
}

bool needs_client_certificate(const crds::ModelDeploymentSpec& spec) {
  return spec.tls && spec.tls->client_auth == "Require";
}

}  // namespace clops::controllers::model_deployment
