# cmake -DIN=set.pb -DOUT=descriptors.cpp -P descriptors.cmake: a FileDescriptorSet as the source behind serving/grpc/reflection.h.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" length)
set(bytes "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${hex}" ${at} 48 line)
  string(REGEX REPLACE "(..)" "'\\\\x\\1', " line "${line}")
  string(APPEND bytes "      ${line}\n")
  math(EXPR at "${at} + 48")
endwhile()
file(WRITE ${OUT} "// Made by CMake from serving/grpc/proto.\n#include \"serving/grpc/reflection.h\"\n\n"
  "namespace clops::serving::grpc {\n\nstd::string_view descriptor_set() {\n  static constexpr char kBytes[] = {\n${bytes}  };\n"
  "  return {kBytes, sizeof kBytes};\n}\n\n}  // namespace clops::serving::grpc\n")
