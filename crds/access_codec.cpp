#include "crds/access.h"

namespace clops::crds {
namespace {

constexpr size_t kAudiencesMax = 8, kClaimsMax = 8;

JwtSpec read_jwt(const Reader& in) {
  in.only({"jwksSecretName", "jwksConfigMapName", "issuer", "audiences", "requiredClaims"});
  JwtSpec out{.jwks_secret_name = in.text("jwksSecretName"),
              .jwks_config_map_name = in.text("jwksConfigMapName"),
              .issuer = in.text("issuer", Need::Required),
              .audiences = in.text_list("audiences", kAudiencesMax),
              .required_claims = {}};
  if (out.audiences.empty()) in.fail("audiences", "must not be empty");
  in.each("requiredClaims", kClaimsMax, [&](const Reader& r) {
    r.only({"name", "value"});
    out.required_claims.push_back({r.text("name", Need::Required), r.text("value", Need::Required)});
  });
  return out;
}

Json to_json(const JwtSpec& jwt) {
  Json out{{"issuer", jwt.issuer}, {"audiences", jwt.audiences}};
  put(out, "jwksSecretName", jwt.jwks_secret_name);
  put(out, "jwksConfigMapName", jwt.jwks_config_map_name);
  for (const RequiredClaim& claim : jwt.required_claims)
    out["requiredClaims"].push_back({{"name", claim.name}, {"value", claim.value}});
  return out;
}

}  // namespace

std::optional<TlsSpec> read_tls(const Reader& spec) {
  if (!spec.has("tls")) return std::nullopt;
  const Reader in = spec.child("tls");
  in.only({"secretName", "clientAuth", "clientCASecretName"});
  return TlsSpec{.secret_name = in.text("secretName", Need::Required),
                 .client_auth = in.text("clientAuth"),
                 .client_ca_secret_name = in.text("clientCASecretName")};
}

std::optional<AuthSpec> read_auth(const Reader& spec) {
  if (!spec.has("auth")) return std::nullopt;
  const Reader in = spec.child("auth");
  in.only({"bearer", "jwt"});
  AuthSpec out;
  if (in.has("bearer")) {
    const Reader bearer = in.child("bearer");
    bearer.only({"secretName"});
    out.bearer_secret_name = bearer.text("secretName", Need::Required);
  }
  if (in.has("jwt")) out.jwt = read_jwt(in.child("jwt"));
  return out;
}

void put_tls(Json& spec, const std::optional<TlsSpec>& tls) {
  if (!tls) return;
  Json& out = spec["tls"] = {{"secretName", tls->secret_name}};
  put(out, "clientAuth", tls->client_auth);
  put(out, "clientCASecretName", tls->client_ca_secret_name);
}

void put_auth(Json& spec, const std::optional<AuthSpec>& auth) {
  if (!auth) return;
  Json& out = spec["auth"] = Json::object();
  if (!auth->bearer_secret_name.empty()) out["bearer"] = {{"secretName", auth->bearer_secret_name}};
  if (auth->jwt) out["jwt"] = to_json(*auth->jwt);
}

}  // namespace clops::crds
