// Which model format a file is, told from its content and never from its name; and the way from a path to a Model.
//
// Thread rule: pure but for reading the path given. Errors name the file: NotFound, PermissionDenied, TooLarge,
// InvalidArgument (damaged), Unsupported (what it looks like instead, and the way out).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/model.h"

namespace clops::formats {

inline constexpr size_t kModelBytesMax = 1u << 30;

enum class Format : uint8_t { XgboostJson, XgboostUbj, LightgbmText, Onnx, Skops };
[[nodiscard]] std::string_view to_string(Format format);  // "xgboost-json"

[[nodiscard]] Result<Format> detect(std::string_view bytes);

// `wanted` is spec.modelFormat.name: "auto", "xgboost", "lightgbm", "onnx", "skops", or what to_string gives;
// load_model also takes "mlflow" for a folder with an MLmodel.
[[nodiscard]] Status check_wanted(std::string_view wanted, Format found);

// The file itself; of a folder the one model in it: what its MLmodel names (MLflow), else the only file, or the only
// one called model.*.
[[nodiscard]] Result<std::filesystem::path> find_model_file(const std::filesystem::path& path);

[[nodiscard]] Result<Model> read_model(std::string_view bytes, std::string_view wanted = "auto");
[[nodiscard]] Result<Model> load_model(const std::filesystem::path& path, std::string_view wanted = "auto");

}  // namespace clops::formats
