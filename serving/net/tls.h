// TLS around another protocol: what a client sends is decrypted, answered by the inner handler and encrypted again, on
// the thread that read it. A connection keeps the certificate it began with; new ones get the newest.
//
// Undecrypted bytes stay in the loop's buffer and under its limits; beside them a connection keeps the part of a
// message that the inner protocol has not consumed, within `in_bytes_max`. A handshake is under the loop's limit for a
// message, and is none: it earns a connection no place. Thread rule and ownership: as StreamProtocol; owns the inner
// protocol, borrows the rest, one per serving thread. Errors: what is no TLS, or has no common ground, is answered with
// TLS's alert and closed.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/tls_stream.h"
#include "serving/net/stream.h"

namespace clops::serving {

struct TlsCounters {  // of all threads
  std::atomic<uint64_t> handshakes{0}, failed{0};
};

struct TlsStreamOptions {
  size_t in_bytes_max = 64u << 20, out_bytes_max = 1u << 20;  // as the loop's
};

// `newest`: called for each connection, on its thread; null: there is no certificate yet, and connections are closed.
[[nodiscard]] std::unique_ptr<StreamProtocol> make_tls(std::unique_ptr<StreamProtocol> inner,
                                                       std::function<const TlsServer*()> newest, TlsCounters& counters,
                                                       TlsStreamOptions options);

}  // namespace clops::serving
