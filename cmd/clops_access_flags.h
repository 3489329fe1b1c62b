// The flags of TLS and of who may call, which programs that serve have in common. Thread rule: values, filled in by
// main before anything runs. Errors: access_options() InvalidArgument naming the flag.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/access/credentials.h"

namespace clops::cmd {

struct AccessFlags {
  serving::CredentialOptions options;
  serving::JwtPolicy jwt;
  std::vector<std::string> claims;
  std::string client_auth = "require";
};

inline void declare_access(CLI::App& command, AccessFlags& flags) {
  serving::CredentialOptions& o = flags.options;
  command.add_option("--tls-cert", o.tls_cert_file, "PEM certificate of the inference port; re-read when it changes");
  command.add_option("--tls-key", o.tls_key_file, "its private key");
  command.add_option("--tls-client-ca", o.client_ca_file, "PEM authority of the clients' certificates");
  command.add_option("--tls-client-auth", flags.client_auth, "require or request a client's certificate")
      ->check(CLI::IsMember({"require", "request"}))
      ->capture_default_str();
  command.add_option("--auth-callers", o.callers_folder,
                     "folder with a file for each caller: its name, and its bearer tokens as lines");
  command.add_option("--auth-jwks", o.jwks_file, "keys (JWKS) of the issuer whose JWTs are taken");
  command.add_option("--auth-issuer", flags.jwt.issuer, "what a JWT's iss must be");
  command.add_option("--auth-audience", flags.jwt.audiences, "what a JWT's aud must name one of; may be repeated")
      ->type_size(1)
      ->allow_extra_args(false);
  command.add_option("--auth-claim", flags.claims, "CLAIM=VALUE: what a JWT must say too; may be repeated")
      ->type_name("CLAIM=VALUE")
      ->allow_extra_args(false);
}

[[nodiscard]] inline Result<serving::CredentialOptions> access_options(const AccessFlags& flags) {
  serving::CredentialOptions out = flags.options;
  const auto wrong = [](const char* what) { return fail(Code::InvalidArgument, what); };
  if (out.tls_cert_file.empty() != out.tls_key_file.empty()) return wrong("--tls-cert and --tls-key go together");
  if (!out.client_ca_file.empty() && out.tls_cert_file.empty()) return wrong("--tls-client-ca needs --tls-cert");
  out.client_cert_required = flags.client_auth == "require";
  serving::JwtPolicy jwt = flags.jwt;
  for (const std::string& claim : flags.claims) {
    const size_t equals = claim.find('=');
    if (equals == 0 || equals == std::string::npos) return wrong("--auth-claim: write CLAIM=VALUE");
    jwt.required_claims.emplace_back(claim.substr(0, equals), claim.substr(equals + 1));
  }
  const bool any_empty = std::ranges::any_of(jwt.audiences, [](const std::string& text) { return text.empty(); });
  const bool asked = !jwt.issuer.empty() || !jwt.audiences.empty() || !jwt.required_claims.empty();
  if (out.jwks_file.empty())
    return asked ? Result<serving::CredentialOptions>(
                       wrong("--auth-issuer, --auth-audience and --auth-claim need --auth-jwks"))
                 : out;
  if (jwt.issuer.empty() || jwt.audiences.empty() || any_empty)
    return wrong("--auth-jwks needs --auth-issuer and --auth-audience: else any token of the issuer would do");
  out.jwt = std::move(jwt);
  return out;
}

}  // namespace clops::cmd
