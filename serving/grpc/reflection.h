// Server reflection, v1 and v1alpha (one wire): what grpcurl and ghz ask to know the services without their files.
//
// Thread rule: pure. Ownership: the descriptors are the program's own, made by protoc from proto/*.proto.
#pragma once

#include <string>
#include <string_view>

#include "serving/grpc/call.h"

namespace clops::serving::grpc {

// A FileDescriptorSet. Made by CMake.
[[nodiscard]] std::string_view descriptor_set();

// Answers one ServerReflectionRequest of the descriptors in `files`, a FileDescriptorSet.
[[nodiscard]] Outcome reflect(std::string_view files, std::string_view request, std::string& out);

}  // namespace clops::serving::grpc
