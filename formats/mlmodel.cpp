#include "formats/mlmodel.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/yaml.h"

namespace clops::formats {
namespace {

struct Flavor {
  std::string_view name;
  std::array<std::string_view, 2> file_keys;  // as its releases have called it
  std::string_view version_key;
};
constexpr auto kFlavors = std::to_array<Flavor>({
    {"xgboost", {"data", "data"}, "xgb_version"},
    {"lightgbm", {"data", "data"}, "lgb_version"},
    {"onnx", {"data", "data"}, "onnx_version"},
    {"sklearn", {"pickled_model", "model_path"}, "sklearn_version"},
});

std::unexpected<Error> unsupported(std::string message) {
  return fail(Code::Unsupported, "MLmodel: " + std::move(message));
}

std::string scalar_at(const Json& value, std::string_view key) {
  const Json* const found = find_path(value, {key});
  if (found == nullptr || found->is_null() || found->is_structured()) return "";
  return found->is_string() ? found->get<std::string>() : dump_json(*found);  // 3.2 without quotes is a number
}

std::string names_of(const Json& flavors) {
  std::string out;
  for (const auto& [name, value] : flavors.items())
    if (name != "python_function") out += (out.empty() ? "" : ", ") + name.substr(0, 40);
  return out;
}

Result<const Flavor*> choose(const Json& flavors) {
  for (const Flavor& flavor : kFlavors)
    if (flavors.contains(flavor.name)) return &flavor;
  const std::string others = names_of(flavors);
  if (others.empty())
    return unsupported(
        "the model is a Python function, which is code and is not run here; log the model itself with mlflow.xgboost, "
        "mlflow.lightgbm, mlflow.onnx or mlflow.sklearn");
  return unsupported("flavour " + others +
                     " is not one that is served here (xgboost, lightgbm, onnx, sklearn as skops); export the model to "
                     "ONNX and log it with mlflow.onnx");
}

// A list of columns is a JSON text within the YAML.
Status read_signature(const Json& document, MlModel& out) {
  const std::string text = string_at(document, {"signature", "inputs"});
  if (text.empty()) return {};
  const auto inputs = parse_json(text);
  if (!inputs || !inputs->is_array())
    return fail(Code::InvalidArgument, "MLmodel: signature.inputs is not a list in JSON");
  out.has_signature = !inputs->empty();
  for (const Json& input : *inputs) {
    if (string_at(input, {"type"}) == "tensor") {  // shapes instead of columns: the model's own say the same
      out.has_signature = false;
      out.columns.clear();
      return {};
    }
    out.columns.push_back(string_at(input, {"name"}));
  }
  return {};
}

Status check_file(const MlModel& model, const Json& flavor) {
  const std::filesystem::path path(model.file);
  if (path.empty() || path.is_absolute() || std::ranges::find(path, "..") != path.end())
    return fail(Code::InvalidArgument, "MLmodel: flavour " + model.flavor + " names no file in the folder");
  const std::string how = scalar_at(flavor, "serialization_format");
  const bool pickle = path.extension() == ".pkl" || path.extension() == ".pickle" || path.extension() == ".joblib";
  if (!pickle && (model.flavor != "sklearn" || how == "skops")) return {};
  return unsupported(
      "the " + model.flavor + " model is a pickle (" + model.file +
      "), which runs code when it is opened, so it is never loaded; where you trust it, tools/convert turns "
      "it into a file that is, or log it anew with serialization_format='skops'");
}

}  // namespace

Result<MlModel> read_mlmodel(std::string_view yaml) {
  constexpr size_t kBytesMax = 4u << 20;
  auto documents = parse_yaml(yaml, kBytesMax);
  if (!documents) return fail_in("MLmodel", documents.error());
  if (documents->size() != 1) return fail(Code::InvalidArgument, "MLmodel: not one document");
  const Json& document = documents->front();
  const Json* const flavors = find_path(document, {"flavors"});
  if (flavors == nullptr || !flavors->is_object() || flavors->empty())
    return fail(Code::InvalidArgument, "MLmodel: it names no flavors");
  CLOPS_ASSIGN(const Flavor* const known, choose(*flavors));
  const Json& flavor = flavors->at(std::string(known->name));
  MlModel out{.flavor = std::string(known->name),
              .file = {},
              .flavor_version = scalar_at(flavor, known->version_key),
              .mlflow_version = scalar_at(document, "mlflow_version"),
              .model_class = scalar_at(flavor, "model_class"),
              .columns = {}};
  for (const std::string_view key : known->file_keys)
    if (out.file.empty()) out.file = scalar_at(flavor, key);
  // Early releases said it of the Python function only.
  if (out.file.empty()) out.file = string_at(*flavors, {"python_function", "data"});
  CLOPS_TRY(check_file(out, flavor));
  CLOPS_TRY(read_signature(document, out));
  return out;
}

namespace {

template <class Any>  // Ensemble or LinearModel
Status apply(const MlModel& folder, Any& model) {
  if (folder.model_class.ends_with("Classifier") && folder.flavor != "sklearn")
    model.notes.push_back(
        "MLflow's own predict() of this model gives classes; here it gives what Booster.predict gives");
  if (!folder.has_signature) return {};
  if (folder.columns.size() != model.features)
    return fail(Code::InvalidArgument, "MLmodel: the signature has " + std::to_string(folder.columns.size()) +
                                           " columns, the model takes " + std::to_string(model.features));
  const bool named = std::ranges::none_of(folder.columns, &std::string::empty);
  if (!named) return {};
  if (model.feature_names.empty()) {
    model.feature_names = folder.columns;
  } else if (model.feature_names != folder.columns) {
    model.notes.push_back("the columns' names in MLflow's signature differ from the model's own, which are shown here");
  }
  return {};
}

}  // namespace

Status apply_signature(const MlModel& folder, Model& model) {
  if (auto* const ensemble = std::get_if<Ensemble>(&model)) return apply(folder, *ensemble);
  if (auto* const linear = std::get_if<LinearModel>(&model)) return apply(folder, *linear);
  return {};  // an ONNX model's inputs have names of their own
}

}  // namespace clops::formats
