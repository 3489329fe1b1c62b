#include "serving/engines/forest_layout.h"

#include <algorithm>
#include <limits>

namespace clops::serving {
namespace {

uint64_t slot_key(const formats::TreeNode& node) {
  return (uint64_t{node.feature} << 1) | (node.default_left ? 1 : 0);
}

// Sorted, so that a row is gathered in the order it lies in memory.
std::vector<uint64_t> slot_keys(const formats::Ensemble& model) {
  std::vector<uint64_t> keys;
  const auto keep_unique = [&] {
    std::ranges::sort(keys);
    keys.erase(std::ranges::unique(keys).begin(), keys.end());
  };
  size_t full = 4096;
  for (const formats::Tree& tree : model.trees) {
    for (const formats::TreeNode& node : tree.nodes)
      if (!node.leaf()) keys.push_back(slot_key(node));
    if (keys.size() < full) continue;
    keep_unique();
    full = 2 * keys.size() + 4096;  // doubling keeps both memory and sorting in bounds
  }
  keep_unique();
  return keys;
}

template <class Node>
void lay_out_tree(const formats::Tree& tree, const std::vector<uint64_t>& keys, ForestLayout<Node>& out) {
  using Index = decltype(Node::skip);
  const size_t first = out.nodes.size();
  out.nodes.resize(first + tree.nodes.size());
  out.values.resize(first + tree.nodes.size(), 0.0F);
  std::vector<int32_t> order{0};  // level by level: position → node of `tree`
  order.reserve(tree.nodes.size());
  for (size_t at = 0; at < order.size(); ++at) {
    const formats::TreeNode& from = tree.nodes[static_cast<size_t>(order[at])];
    Node& to = out.nodes[first + at];
    if (from.leaf()) {
      to.threshold = std::numeric_limits<float>::quiet_NaN();
      out.values[first + at] = static_cast<float>(from.value);
      continue;
    }
    to.threshold = static_cast<float>(from.value);
    to.slot = static_cast<Index>(std::ranges::lower_bound(keys, slot_key(from)) - keys.begin());
    to.skip = static_cast<Index>(order.size() - at);
    order.push_back(from.right);
    order.push_back(from.left);
  }
}

}  // namespace

bool fits_compact(const formats::Ensemble& model) {
  constexpr size_t kMax = std::numeric_limits<uint16_t>::max();
  return slot_keys(model).size() <= kMax &&
         std::ranges::all_of(model.trees, [](const formats::Tree& tree) { return tree.nodes.size() <= kMax; });
}

template <class Node>
Result<ForestLayout<Node>> lay_out(const formats::Ensemble& model) {
  size_t nodes = 0;
  for (const formats::Tree& tree : model.trees) nodes += tree.nodes.size();
  if (nodes > std::numeric_limits<uint32_t>::max() / 2)
    return fail(Code::Unsupported, "a model of more than 2^31 nodes");
  const std::vector<uint64_t> keys = slot_keys(model);
  ForestLayout<Node> out;
  out.outputs = model.outputs;
  for (const double margin : model.margins) out.margins.push_back(static_cast<float>(margin));
  for (const uint64_t key : keys) out.slots.push_back({static_cast<uint32_t>(key >> 1), (key & 1) != 0});
  if (out.slots.empty())
    out.slots.push_back({0, false});  // a forest of stumps still gathers something for leaves to ignore
  out.nodes.reserve(nodes);
  out.values.reserve(nodes);
  for (const formats::Tree& tree : model.trees) {
    out.trees.push_back({static_cast<uint32_t>(out.nodes.size()), tree.output, tree.depth});
    lay_out_tree(tree, keys, out);
  }
  return out;
}

template Result<ForestLayout<CompactNode>> lay_out<CompactNode>(const formats::Ensemble&);
template Result<ForestLayout<WideNode>> lay_out<WideNode>(const formats::Ensemble&);

}  // namespace clops::serving
