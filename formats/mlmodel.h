// MLflow's model folders: which file in the folder is the model, what wrote it, and the signature, told by its MLmodel.
//
// Flavours taken: xgboost, lightgbm, onnx, and sklearn saved with serialization_format='skops'; python_function is what
// MLflow adds to every model and is not looked at. Thread rule: pure. Errors: InvalidArgument (damaged), Unsupported:
// another flavour, or a pickle, with the way out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/model.h"

namespace clops::formats {

inline constexpr std::string_view kMlModelFile = "MLmodel";

struct MlModel {
  std::string flavor;                // "xgboost"
  std::string file;                  // a plain path below the folder
  std::string flavor_version;        // "3.2.0"; empty: not said
  std::string mlflow_version;        // likewise
  std::string model_class;           // "xgboost.sklearn.XGBClassifier"; empty: not said
  bool has_signature = false;        // of named columns
  std::vector<std::string> columns;  // of the signature's inputs, "" where one has no name
  bool operator==(const MlModel&) const = default;
};

[[nodiscard]] Result<MlModel> read_mlmodel(std::string_view yaml);

// Holds the model to the folder's signature and takes column names from it where the model has none.
[[nodiscard]] Status apply_signature(const MlModel& folder, Model& model);

}  // namespace clops::formats
