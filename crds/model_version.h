// ModelVersion (mv): one immutable, verified artifact. Shapes as in the CRD (crds/modelversions.yaml).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "crds/meta.h"

namespace clops::crds {

struct ModelFormat {
  std::string name;     // xgboost | auto (more with their issues)
  std::string version;  // as the framework wrote it; informative
  bool operator==(const ModelFormat&) const = default;
};

struct Lineage {
  struct Dataset {
    std::string uri, digest;
    bool operator==(const Dataset&) const = default;
  };
  struct Source {
    std::string repo, commit, path;
    bool operator==(const Source&) const = default;
  };
  Dataset dataset;
  Source source;
  std::string run, trained_at;
  std::map<std::string, std::string> parameters;
  bool operator==(const Lineage&) const = default;
};

struct ModelVersionSpec {
  std::string model;    // the registered model it is a version of
  std::string version;  // digits: it is the version in protocol paths
  ModelFormat model_format;
  std::string storage_uri;
  std::string digest;  // optional: "sha256:..."
  std::string service_account_name;
  std::map<std::string, std::string> metrics;
  Lineage lineage;
  bool operator==(const ModelVersionSpec&) const = default;
};

struct ModelColumn {
  std::string name;
  bool operator==(const ModelColumn&) const = default;
};

// What the model takes and gives, as inspection found it.
struct ModelTensor {
  std::string name, datatype;  // OIP datatype: FP32 ...
  std::vector<int64_t> shape;  // -1 = any
  bool operator==(const ModelTensor&) const = default;
};
struct ModelSchema {
  std::vector<ModelTensor> inputs, outputs;
  std::vector<std::string> feature_names;  // columns of the single tabular input; empty = unnamed
  bool operator==(const ModelSchema&) const = default;
};

struct ModelFile {
  std::string path;  // relative to storageUri
  std::string digest;
  int64_t bytes = 0;
  bool operator==(const ModelFile&) const = default;
};

struct ModelVersionStatus {
  int64_t observed_generation = 0;
  std::vector<Condition> conditions;  // Ready; Reconciling, Stalled only while true
  std::string resolved_digest;
  std::vector<ModelFile> files;
  int64_t bytes = 0;
  std::string format;     // what it turned out to be: "xgboost-json", "xgboost-ubj"
  std::string framework;  // "xgboost 3.2.0" where the file says
  ModelSchema schema;
  bool operator==(const ModelVersionStatus&) const = default;
};

struct ModelVersion {
  ObjectMeta meta;
  ModelVersionSpec spec;
  ModelVersionStatus status;
  bool operator==(const ModelVersion&) const = default;
};

}  // namespace clops::crds
