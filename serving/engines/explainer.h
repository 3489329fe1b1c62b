// The contributions of a forest behind an engine: what they need is made when they are first asked for, since most
// models are never asked. Until then the trees are kept packed.
//
// Thread rule: immutable to its callers; explain() may run on any number of threads, each with a Work of its own, and
// those that come while the first makes it wait. Errors: InvalidArgument: more rows, or more of them times background,
// than one request may take; Unsupported: tables that would take more than 1 GiB.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/engines/packed_trees.h"
#include "serving/engines/tree_shap.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

class Explainer {
 public:
  class Work {  // of one thread
    friend class Explainer;
    TreeShap::WorkPtr work = TreeShap::make_work();
    std::vector<double> background, out;
  };

  // Unsupported: the model has no contributions, and why.
  [[nodiscard]] static Result<std::unique_ptr<Explainer>> make(const formats::Ensemble& model);

  // Without rows in `background`: path-dependent; else interventional, held against each of them.
  [[nodiscard]] Status explain(const TensorView& rows, const TensorView& background, Work& work,
                               TensorBuffer& out) const;

  [[nodiscard]] const TensorSpec& output() const { return output_; }
  [[nodiscard]] size_t bytes() const { return packed_bytes_; }  // until it is asked for

 private:
  explicit Explainer(const formats::Ensemble& model);
  [[nodiscard]] Result<const TreeShap*> shap() const;
  [[nodiscard]] Status check_size(size_t rows, size_t background) const;
  Status against(const TensorView& rows, const TensorView& background, const TreeShap& shap, Work& work,
                 TensorBuffer& out) const;

  TensorSpec output_;
  size_t trees_, outputs_, features_, packed_bytes_;
  mutable std::once_flag once_;
  mutable PackedTrees packed_;  // gone once it is made
  mutable std::optional<Result<TreeShap>> shap_;
};

}  // namespace clops::serving
