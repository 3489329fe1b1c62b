// Who may call a ModelDeployment's endpoint, and what it shows of itself: spec.tls and spec.auth. Both become flags and
// volumes of the serving pods (ARCHITECTURE.md), never a part of serving.json: a pod that cannot enforce them does not
// start, and one that runs enforces what it was started with.
//
// Thread rule: values. Errors: as the Reader's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crds/json_reader.h"

namespace clops::crds {

struct TlsSpec {
  std::string secret_name;            // kubernetes.io/tls: tls.crt, tls.key
  std::string client_auth;            // Require | Request; empty: clients are asked for no certificate
  std::string client_ca_secret_name;  // key ca.crt; empty: that of secret_name
  bool operator==(const TlsSpec&) const = default;
};

struct RequiredClaim {
  std::string name, value;
  bool operator==(const RequiredClaim&) const = default;
};

struct JwtSpec {
  std::string jwks_secret_name, jwks_config_map_name;  // one of them; key jwks.json
  std::string issuer;
  std::vector<std::string> audiences;
  std::vector<RequiredClaim> required_claims;
  bool operator==(const JwtSpec&) const = default;
};

struct AuthSpec {
  std::string bearer_secret_name;  // empty: no bearer tokens. Each key names a caller
  std::optional<JwtSpec> jwt;
  bool operator==(const AuthSpec&) const = default;
};

// `spec`: the ModelDeployment's.
[[nodiscard]] std::optional<TlsSpec> read_tls(const Reader& spec);
[[nodiscard]] std::optional<AuthSpec> read_auth(const Reader& spec);
void put_tls(Json& spec, const std::optional<TlsSpec>& tls);
void put_auth(Json& spec, const std::optional<AuthSpec>& auth);

}  // namespace clops::crds
