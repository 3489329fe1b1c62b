// Certificates for servers that make their own: a small authority and certificates signed by it. The one door to
// openssl's X.509 functions.
//
// Thread rule: free functions over values. Keys are EC P-256 in PEM; the caller stores them (mode 0600) and never logs
// them. Errors: InvalidArgument (PEM that does not parse, an address that is none), Internal (openssl refuses; the
// message says why).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace clops {

struct Certificate {
  std::string cert_pem;  // a server's: followed by its authority's
  std::string key_pem;
};

[[nodiscard]] Result<Certificate> make_authority(const std::string& common_name, WallTime now, int days);

// For a server reachable as these names and addresses (IPv4 or IPv6), valid from a little before `now`.
[[nodiscard]] Result<Certificate> issue_server_certificate(const Certificate& authority,
                                                           const std::vector<std::string>& dns_names,
                                                           const std::vector<std::string>& addresses, WallTime now,
                                                           int days);

// For a client that shows who it is.
[[nodiscard]] Result<Certificate> issue_client_certificate(const Certificate& authority, const std::string& common_name,
                                                           WallTime now, int days);

// When the first certificate of the PEM text stops being valid.
[[nodiscard]] Result<WallTime> not_after(const std::string& cert_pem);

}  // namespace clops
