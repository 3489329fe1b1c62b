#include "formats/model_file.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "formats/lightgbm.h"
#include "formats/mlmodel.h"
#include "formats/onnx.h"
#include "formats/skops.h"
#include "formats/xgboost.h"
#include "formats/zip.h"

namespace clops::formats {
namespace {

struct Known {
  std::string_view magic, is, way_out;
};
using namespace std::string_view_literals;
constexpr std::string_view kSave =
    "load it where it was trained and write it with booster.save_model('model.ubj') or model.save_model('model.json'), "
    "or let tools/convert do that";
constexpr std::string_view kSupported =
    "supported: XGBoost models (.json or .ubj) and LightGBM models (.txt), as save_model writes them, ONNX models, and "
    "scikit-learn "
    "models as skops.io.dump writes them";
constexpr std::string_view kUncompressed =
    "give the model uncompressed; if joblib.dump wrote it, there is a Python pickle inside, which is never loaded: "
    "tools/convert turns it into a file that is";
constexpr std::string_view kSaveXgboost = "write the model with booster.save_model('model.ubj')";
constexpr Known kKnown[] = {
    {"\x1f\x8b"sv, "a gzip file", kUncompressed},
    {"BZh"sv, "a bzip2 file", kUncompressed},
    {"\xfd"
     "7zXZ"sv,
     "an xz file", kUncompressed},
    {"\x5d\0\0"sv, "an lzma file", kUncompressed},
    {"\x78\x01"sv, "a zlib file", kUncompressed},  // by level, what joblib.dump(compress=LEVEL) writes
    {"\x78\x5e"sv, "a zlib file", kUncompressed},
    {"\x78\x9c"sv, "a zlib file", kUncompressed},
    {"\x78\xda"sv, "a zlib file", kUncompressed},
    {"\x28\xb5\x2f\xfd"sv, "a zstd file", kUncompressed},
    {"booster["sv, "a text dump of an XGBoost model, which XGBoost itself cannot load", kSaveXgboost},
    {"\x89HDF"sv, "an HDF5 file (Keras)", kSupported},
    {"binf"sv, "an old XGBoost binary model", kSave},
    {"bs64"sv, "an old XGBoost binary model", kSave},
    {"CONFIG-offset:"sv, "an XGBoost memory snapshot", kSave},
    {"version https://git-lfs"sv, "a Git LFS pointer, not the file it stands for", "fetch the file with git lfs pull"},
    {"#!"sv, "a script", "give the model file"},
};

std::string_view skip_space(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty() && (text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t'))
    text.remove_prefix(1);
  return text;
}

bool is_pickle(std::string_view bytes) {
  // Protocols 2 to 5 open with 0x80 VERSION; 0 and 1 name a module in plain text.
  if (bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) return true;
  return bytes.starts_with("ccopy_reg") || bytes.starts_with("cxgboost") || bytes.starts_with("csklearn");
}

bool is_raw_binary(std::string_view bytes) {
  // Before 1.0 a model began with its parameters: base_score as float32 (0.5 by default), then num_feature.
  return bytes.size() > 136 && bytes.starts_with("\x00\x00\x00\x3f"sv);
}

// booster.dump_model() opens with {"name":"tree","version":"v4".
bool is_lightgbm_dump(std::string_view text) {
  std::string opening;
  for (const char c : text.substr(0, 60))
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') opening += c;
  return opening.starts_with(R"({"name":"tree","version":")");
}

// booster.dump_model(dump_format='json') opens with [ { "nodeid": 0.
bool is_xgboost_dump(std::string_view text) {
  return text.starts_with('[') && text.substr(0, 60).find(R"("nodeid")") != std::string_view::npos;
}

std::unexpected<Error> not_a_model(std::string_view is, std::string_view way_out) {
  return fail(Code::Unsupported, "this is " + std::string(is) + ": " + std::string(way_out));
}

std::unexpected<Error> refuse(std::string_view bytes) {
  if (bytes.empty()) return fail(Code::InvalidArgument, "the file is empty");
  if (is_pickle(bytes))
    return not_a_model("a Python pickle (joblib.dump, pickle.dump)",
                       "a pickle runs code when it is opened, so it is never loaded; where you trust it, tools/convert "
                       "turns it into a "
                       "file that is, or save the model anew: XGBoost with save_model('model.ubj'), LightGBM with "
                       "booster_.save_model('model.txt'), scikit-learn with skops.io.dump(model, 'model.skops')");
  for (const Known& known : kKnown)
    if (bytes.starts_with(known.magic)) return not_a_model(known.is, known.way_out);
  if (is_raw_binary(bytes)) return not_a_model("an old XGBoost binary model", kSave);
  const std::string_view text = skip_space(bytes.substr(0, std::min<size_t>(bytes.size(), 4096)));
  if (is_xgboost_dump(text))
    return not_a_model("a JSON dump of an XGBoost model, which XGBoost itself cannot load", kSaveXgboost);
  if (text.starts_with('<') && text.find("<PMML") != std::string_view::npos)
    return not_a_model("a PMML document", kSupported);
  if (text.starts_with('<'))
    return not_a_model("a web page or XML",
                       "the address gave a page instead of the model: check the URI, and whether it needs credentials");
  return not_a_model("no model format that is known here", kSupported);
}

}  // namespace

std::string_view to_string(Format format) {
  switch (format) {
    case Format::XgboostJson:
      return "xgboost-json";
    case Format::XgboostUbj:
      return "xgboost-ubj";
    case Format::LightgbmText:
      return "lightgbm";
    case Format::Onnx:
      return "onnx";
    case Format::Skops:
      return "skops";
  }
  return "?";
}

Result<Format> detect(std::string_view bytes) {
  const std::string_view text = skip_space(bytes.substr(0, std::min<size_t>(bytes.size(), 4096)));
  if (text.starts_with("tree\n") || text.starts_with("tree\r\n")) return Format::LightgbmText;
  if (text.starts_with('{')) {
    if (is_lightgbm_dump(text))
      return not_a_model("a JSON dump of a LightGBM model, which LightGBM itself cannot load",
                         "write the model with booster.save_model('model.txt')");
    const std::string_view inner = skip_space(text.substr(1));
    if (inner.starts_with('"') || inner.starts_with('}')) return Format::XgboostJson;
    // After '{', UBJSON has a key's length type, or the container's type or count.
    if (text.size() > 1 && std::string_view("iUIlL$#N").find(text[1]) != std::string_view::npos &&
        bytes.starts_with('{'))
      return Format::XgboostUbj;
    if (text.size() == 1) return fail(Code::InvalidArgument, "the file ends after its first byte (truncated?)");
  }
  if (looks_like_onnx(bytes)) return Format::Onnx;
  if (looks_like_zip(bytes)) return Format::Skops;
  return refuse(bytes);
}

Status check_wanted(std::string_view wanted, Format found) {
  const std::string_view full = to_string(found), name = full.substr(0, full.find('-'));
  if (wanted == "auto" || wanted.empty() || wanted == name || wanted == full) return {};
  return fail(Code::Unsupported, "modelFormat is '" + std::string(wanted) + "', the file is " + std::string(full) +
                                     "; write " + std::string(name) + " or auto");
}

namespace {

// Nothing where the path is no folder of MLflow's.
Result<std::optional<MlModel>> mlmodel_of(const std::filesystem::path& path) {
  constexpr size_t kBytesMax = 4u << 20;
  std::error_code error;
  const std::filesystem::path file = path / kMlModelFile;
  if (!std::filesystem::is_regular_file(file, error)) return std::nullopt;
  CLOPS_ASSIGN(const std::string yaml, read_file(file, kBytesMax));
  CLOPS_ASSIGN(MlModel out, read_mlmodel(yaml));
  return out;
}

}  // namespace

Result<std::filesystem::path> find_model_file(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return fail(Code::NotFound, path.string() + ": no such file or folder");
  if (error)
    return fail(error == std::errc::permission_denied ? Code::PermissionDenied : Code::Unavailable,
                path.string() + ": " + error.message());
  if (status.type() == fs::file_type::regular) return path;
  if (status.type() != fs::file_type::directory)
    return fail(Code::Unsupported, path.string() + ": is neither a file nor a folder");
  CLOPS_ASSIGN(const auto folder, mlmodel_of(path));
  if (folder) {
    fs::path file = path / folder->file;
    if (fs::is_regular_file(file, error)) return file;
    return fail(Code::InvalidArgument, path.string() + ": MLmodel names " + folder->file + ", which is not there");
  }
  std::vector<fs::path> files, named;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    std::error_code entry_error;
    if (!it->is_regular_file(entry_error) || it->path().filename().string().starts_with('.')) continue;
    if (files.size() == 1000)
      return fail(Code::Unsupported, path.string() + ": more than 1000 files; name the model file itself");
    files.push_back(it->path());
    if (it->path().stem() == "model") named.push_back(it->path());
  }
  if (error)
    return fail(error == std::errc::permission_denied ? Code::PermissionDenied : Code::Unavailable,
                path.string() + ": " + error.message());
  if (files.size() == 1) return files[0];
  if (named.size() == 1) return named[0];
  return fail(Code::Unsupported, path.string() + ": " +
                                     (files.empty()   ? "no file in this folder"
                                      : named.empty() ? "several files, none called model.*"
                                                      : "several files called model.*") +
                                     "; name the model file itself");
}

Result<Model> read_model(std::string_view bytes, std::string_view wanted) {
  CLOPS_ASSIGN(const Format format, detect(bytes));
  CLOPS_TRY(check_wanted(wanted, format));
  if (format == Format::LightgbmText) return read_lightgbm(bytes);
  if (format == Format::Onnx) return read_onnx(bytes);
  if (format == Format::Skops) return read_skops(bytes);
  return read_xgboost(bytes, format == Format::XgboostJson ? Encoding::Json : Encoding::Ubjson);
}

Result<Model> load_model(const std::filesystem::path& path, std::string_view wanted) {
  CLOPS_ASSIGN(const auto folder, mlmodel_of(path));
  if (wanted == "mlflow") {
    if (!folder) return fail(Code::Unsupported, "modelFormat is 'mlflow', but there is no folder with an MLmodel file");
    wanted = "auto";
  }
  CLOPS_ASSIGN(const std::filesystem::path file, find_model_file(path));
  CLOPS_ASSIGN(const std::string bytes, read_file(file, kModelBytesMax));
  auto model = read_model(bytes, wanted);
  if (!model) return fail_in(file.filename().string(), model.error());
  if (folder) CLOPS_TRY(apply_signature(*folder, *model));
  return model;
}

}  // namespace clops::formats
