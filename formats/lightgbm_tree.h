// One tree of a LightGBM text model. Inner to formats/lightgbm.cpp.
#pragma once

#include "formats/ensemble.h"
#include "formats/lightgbm_text.h"

namespace clops::formats::lightgbm {

// The lines after "Tree=N" up to an empty one. Inner node i becomes node i, leaf j node num_leaves - 1 + j.
[[nodiscard]] Result<Tree> read_tree(Lines& lines, uint32_t features);

}  // namespace clops::formats::lightgbm
