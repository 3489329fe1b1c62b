#include "serving/engines/onnx_runtime.h"

#include <dlfcn.h>

namespace clops::serving::ort {
namespace {

constexpr uint32_t kInterfaceVersion = 17;

struct Base {  // what the library's one exported function gives
  const void* (*table)(uint32_t version);
  const char* (*version)();
};

void ignore_log(void*, int, const char*, const char*, const char*, const char*) {}  // failures say it too

Functions functions_of(const void* table) {
  void* const* const at = static_cast<void* const*>(table);
  Functions f{};
  const auto take = [at](auto& function, size_t place) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(at[place]);
  };
  take(f.error_code, 1);
  take(f.error_message, 2);
  take(f.create_env, 4);
  take(f.create_session, 7);
  take(f.create_session_from_array, 8);
  take(f.run, 9);
  take(f.create_session_options, 10);
  take(f.set_intra_threads, 24);
  take(f.set_inter_threads, 25);
  take(f.add_config, 130);
  take(f.create_tensor, 48);
  take(f.create_tensor_over, 49);
  take(f.is_tensor, 50);
  take(f.tensor_data, 51);
  take(f.text_buffer, 252);
  take(f.texts_length, 53);
  take(f.texts, 54);
  take(f.shape_info, 65);
  take(f.element_type, 60);
  take(f.rank, 61);
  take(f.dimensions, 62);
  take(f.cpu_memory, 69);
  take(f.default_allocator, 78);
  take(f.release_failure, 93);
  take(f.release_memory, 94);
  take(f.release_session, 95);
  take(f.release_value, 96);
  take(f.release_shape_info, 99);
  take(f.release_options, 100);
  return f;
}

Code code_of(int theirs) {
  switch (theirs) {
    case 1:   // fail: operators say so of values they cannot work with
    case 2:   // invalid argument
    case 6:   // exception while running
    case 7:   // invalid protobuf
    case 10:  // invalid graph
      return Code::InvalidArgument;
    case 3:  // no such file
      return Code::NotFound;
    case 9:  // not implemented
      return Code::Unsupported;
    default:
      return Code::Internal;
  }
}

constexpr const char* kWayOut =
    "ONNX models are evaluated by ONNX Runtime's shared library: put libonnxruntime.so.1 (1.17 or newer; the Python "
    "package onnxruntime has it in its folder capi/) beside the program or among the system's libraries, or name it in "
    "CLOPS_ONNXRUNTIME";

}  // namespace

Result<std::shared_ptr<const Runtime>> Runtime::open(const std::vector<std::string>& places) {
  void* library = nullptr;
  std::string tried;
  for (const std::string& place : places) {
    library = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    const char* const why = ::dlerror();
    tried += (tried.empty() ? "" : "; ") + std::string(why != nullptr ? why : place.c_str());
  }
  if (library == nullptr)
    return fail(Code::Unsupported, "ONNX Runtime is not installed here. " + std::string(kWayOut) + " (" + tried + ")");
  const auto get_base = reinterpret_cast<const Base* (*)()>(::dlsym(library, "OrtGetApiBase"));
  if (get_base == nullptr) return fail(Code::Unsupported, "what was found as ONNX Runtime is another library");
  auto runtime = std::shared_ptr<Runtime>(new Runtime());
  runtime->version_ = get_base()->version();
  // Its tree classifiers give other probabilities than every other release.
  if (runtime->version_ == "1.26.0")
    return fail(Code::Unsupported, "ONNX Runtime 1.26.0 computes random forests wrongly: install another release");
  const void* const table = get_base()->table(kInterfaceVersion);
  if (table == nullptr)
    return fail(Code::Unsupported, "ONNX Runtime " + runtime->version_ + " is too old: 1.17 or newer is needed");
  runtime->functions_ = functions_of(table);
  const Functions& f = runtime->functions_;
  constexpr int kSeverityError = 3, kArenaAllocator = 1, kDefaultMemory = 0;
  CLOPS_TRY(runtime->check(f.create_env(&ignore_log, nullptr, kSeverityError, "clops", &runtime->env_)));
  CLOPS_TRY(runtime->check(f.cpu_memory(kArenaAllocator, kDefaultMemory, &runtime->memory_)));
  CLOPS_TRY(runtime->check(f.default_allocator(&runtime->allocator_)));
  return runtime;
}

Status Runtime::check(Failure* failure) const {
  if (failure == nullptr) return {};
  Error error{code_of(functions_.error_code(failure)), functions_.error_message(failure)};
  functions_.release_failure(failure);
  return std::unexpected(std::move(error));
}

}  // namespace clops::serving::ort
