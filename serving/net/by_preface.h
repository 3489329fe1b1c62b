// Two protocols on one port: a connection whose first bytes are HTTP/2's preface speaks that ("prior knowledge"), any
// other the first protocol. Nothing is consumed before it is known, so each sees its bytes from the start.
//
// Thread rule and ownership: as StreamProtocol; owns both.
#pragma once

#include <memory>

#include "serving/net/stream.h"

namespace clops::serving {

inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

[[nodiscard]] std::unique_ptr<StreamProtocol> by_preface(std::unique_ptr<StreamProtocol> http1,
                                                         std::unique_ptr<StreamProtocol> http2);

}  // namespace clops::serving
