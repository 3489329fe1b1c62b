// ONNX Runtime's shared library, opened while running: nothing is linked, no header of theirs is needed.
//
// Its C interface is one table of functions to which later releases only append, so that a function is its place in the
// table; the places below are those of interface version 17 (release 1.17) and are held to a real library by the tests.
// Thread rule: open() once; the table may be used from any thread. Ownership: shared; the library stays open for the
// process's life. Errors: Unsupported with the way out when no library is found or it is one that computes wrongly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace clops::serving::ort {

// Theirs, never looked into.
struct Failure;  // their OrtStatus
struct Env;
struct Session;
struct SessionOptions;
struct RunOptions;
struct Value;
struct MemoryInfo;
struct Allocator;
struct ShapeInfo;

using LogFunction = void (*)(void*, int, const char*, const char*, const char*, const char*);

struct Functions {
  int (*error_code)(const Failure*);
  const char* (*error_message)(const Failure*);
  Failure* (*create_env)(LogFunction, void*, int severity, const char* log_id, Env**);
  Failure* (*create_session)(const Env*, const char* path, const SessionOptions*, Session**);
  Failure* (*create_session_from_array)(const Env*, const void*, size_t bytes, const SessionOptions*, Session**);
  Failure* (*run)(Session*, const RunOptions*, const char* const* input_names, const Value* const* inputs,
                  size_t inputs_, const char* const* output_names, size_t outputs_, Value** outputs);
  Failure* (*create_session_options)(SessionOptions**);
  Failure* (*set_intra_threads)(SessionOptions*, int);
  Failure* (*set_inter_threads)(SessionOptions*, int);
  Failure* (*add_config)(SessionOptions*, const char* key, const char* value);
  Failure* (*create_tensor)(Allocator*, const int64_t* shape, size_t rank, int type, Value**);
  Failure* (*create_tensor_over)(const MemoryInfo*, void* data, size_t bytes, const int64_t* shape, size_t rank,
                                 int type, Value**);
  Failure* (*is_tensor)(const Value*, int*);
  Failure* (*tensor_data)(Value*, void**);
  Failure* (*text_buffer)(Value*, size_t index, size_t bytes, char**);
  Failure* (*texts_length)(const Value*, size_t*);
  Failure* (*texts)(const Value*, void* to, size_t bytes, size_t* offsets, size_t count);
  Failure* (*shape_info)(const Value*, ShapeInfo**);
  Failure* (*element_type)(const ShapeInfo*, int*);
  Failure* (*rank)(const ShapeInfo*, size_t*);
  Failure* (*dimensions)(const ShapeInfo*, int64_t*, size_t);
  Failure* (*cpu_memory)(int allocator_type, int memory_type, MemoryInfo**);
  Failure* (*default_allocator)(Allocator**);
  void (*release_failure)(Failure*);
  void (*release_memory)(MemoryInfo*);
  void (*release_session)(Session*);
  void (*release_value)(Value*);
  void (*release_shape_info)(ShapeInfo*);
  void (*release_options)(SessionOptions*);
};

// Element types as theirs are numbered.
enum Element : int {
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kBfloat16 = 16,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13
};

class Runtime {
 public:
  // The first of `places` that can be opened: paths, or names for the system's own search.
  [[nodiscard]] static Result<std::shared_ptr<const Runtime>> open(const std::vector<std::string>& places);

  [[nodiscard]] const Functions& functions() const { return functions_; }
  [[nodiscard]] const std::string& version() const { return version_; }  // "1.31.1"
  [[nodiscard]] const Env* env() const { return env_; }
  [[nodiscard]] const MemoryInfo* memory() const { return memory_; }
  [[nodiscard]] Allocator* allocator() const { return allocator_; }
  // Takes the failure; its code by what they say of it.
  [[nodiscard]] Status check(Failure* failure) const;

 private:
  Runtime() = default;
  Functions functions_{};
  std::string version_;
  Env* env_ = nullptr;  // lives as long as the process, as the library does
  MemoryInfo* memory_ = nullptr;
  Allocator* allocator_ = nullptr;
};

}  // namespace clops::serving::ort
