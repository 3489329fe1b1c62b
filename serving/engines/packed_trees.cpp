#include "serving/engines/packed_trees.h"

#include <bit>
#include <cstring>

namespace clops::serving {
namespace {

using formats::Tree;
using formats::TreeNode;

enum Flag : uint8_t {
  kLeaf = 1,
  kDefaultLeft = 2,
  kZeroIsMissing = 4,
  kInSet = 8,
  kRightIsNext = 16,  // after the left child
  kFloatValue = 32,   // four bytes are exact
  kFloatCover = 64,
};

bool as_float(double x) {
  return std::bit_cast<uint64_t>(static_cast<double>(static_cast<float>(x))) == std::bit_cast<uint64_t>(x);
}

// One tree after the other into memory that the longest may fill, then to the end of the rest: byte by byte, a vector
// that may have to grow costs more than all else.
class Writer {
 public:
  explicit Writer(std::vector<uint8_t>& out) : out_(out) {}

  void tree(const Tree& tree) {
    constexpr size_t kNumber = 5, kNode = 1 + 4 * kNumber + 2 * sizeof(double);
    size_t most = 6 * kNumber + tree.nodes.size() * kNode + tree.vectors.size() * sizeof(double);
    for (const formats::CategorySet& set : tree.sets) most += kNumber + set.words.size() * sizeof(uint32_t);
    if (room_.size() < most) room_.resize(most);
    at_ = room_.data();
    number(tree.nodes.size());
    number(tree.output);
    number(tree.depth);
    number(tree.covers.size());
    number(tree.vectors.size());
    for (const double x : tree.vectors) raw(x);
    number(tree.sets.size());
    for (const formats::CategorySet& set : tree.sets) {
      number(set.words.size());
      for (const uint32_t word : set.words) raw(word);
    }
    for (size_t at = 0; at < tree.nodes.size(); ++at) node(tree, at);
    out_.insert(out_.end(), room_.data(), at_);
  }

 private:
  void node(const Tree& tree, size_t at) {
    const TreeNode& node = tree.nodes[at];
    const double cover = tree.covers.empty() ? 0 : tree.covers[at];
    const auto flag = [](bool set, Flag value) { return set ? static_cast<unsigned>(value) : 0U; };
    *at_++ = static_cast<uint8_t>(
        flag(node.leaf(), kLeaf) | flag(node.default_left, kDefaultLeft) | flag(node.zero_is_missing, kZeroIsMissing) |
        flag(node.split == formats::Split::InSet, kInSet) | flag(node.right == node.left + 1, kRightIsNext) |
        flag(as_float(node.value), kFloatValue) | flag(as_float(cover), kFloatCover));
    if (!node.leaf()) {
      number(node.feature);
      number(static_cast<uint64_t>(node.left) - at);  // children come after their parents
      if (node.right != node.left + 1) number(static_cast<uint64_t>(node.right) - at);
    }
    number(node.side);
    as_float(node.value) ? raw(static_cast<float>(node.value)) : raw(node.value);
    if (!tree.covers.empty()) as_float(cover) ? raw(static_cast<float>(cover)) : raw(cover);
  }

  void number(uint64_t n) {
    for (; n >= 128; n >>= 7) *at_++ = static_cast<uint8_t>(n | 128);
    *at_++ = static_cast<uint8_t>(n);
  }
  template <class T>
  void raw(T x) {
    std::memcpy(at_, &x, sizeof x);
    at_ += sizeof x;
  }

  std::vector<uint8_t>& out_;
  std::vector<uint8_t> room_;
  uint8_t* at_ = nullptr;
};

class Reader {
 public:
  explicit Reader(const uint8_t* at) : at_(at) {}

  Tree tree() {
    Tree tree;
    tree.nodes.resize(number());
    tree.output = static_cast<uint32_t>(number());
    tree.depth = static_cast<uint32_t>(number());
    tree.covers.resize(number());
    tree.vectors.resize(number());
    for (double& x : tree.vectors) x = raw<double>();
    tree.sets.resize(number());
    for (formats::CategorySet& set : tree.sets) {
      set.words.resize(number());
      for (uint32_t& word : set.words) word = raw<uint32_t>();
    }
    for (size_t at = 0; at < tree.nodes.size(); ++at) node(tree, at);
    return tree;
  }

 private:
  void node(Tree& tree, size_t at) {
    TreeNode& node = tree.nodes[at];
    const uint8_t flags = *at_++;
    node.default_left = (flags & kDefaultLeft) != 0;
    node.zero_is_missing = (flags & kZeroIsMissing) != 0;
    if ((flags & kInSet) != 0) node.split = formats::Split::InSet;
    if ((flags & kLeaf) == 0) {
      node.feature = static_cast<uint32_t>(number());
      node.left = static_cast<int32_t>(at + number());
      node.right = (flags & kRightIsNext) != 0 ? node.left + 1 : static_cast<int32_t>(at + number());
    }
    node.side = static_cast<uint32_t>(number());
    node.value = (flags & kFloatValue) != 0 ? static_cast<double>(raw<float>()) : raw<double>();
    if (!tree.covers.empty())
      tree.covers[at] = (flags & kFloatCover) != 0 ? static_cast<double>(raw<float>()) : raw<double>();
  }

  uint64_t number() {
    uint64_t n = 0;
    for (unsigned shift = 0;; shift += 7) {
      const uint8_t byte = *at_++;
      n |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return n;
    }
  }
  template <class T>
  T raw() {
    T x;
    std::memcpy(&x, at_, sizeof x);
    at_ += sizeof x;
    return x;
  }

  const uint8_t* at_;
};

}  // namespace

PackedTrees::PackedTrees(const formats::Ensemble& model) : trees_(static_cast<uint32_t>(model.trees.size())) {
  head_.format = model.format;
  head_.framework = model.framework;
  head_.objective = model.objective;
  head_.rows = model.rows;
  head_.sums = model.sums;
  head_.features = model.features;
  head_.outputs = model.outputs;
  head_.category_of = model.category_of;
  head_.category_values = model.category_values;
  head_.transform = model.transform;
  head_.scale = model.scale;
  head_.divisor = model.divisor;
  head_.margins = model.margins;
  size_t nodes = 0;
  for (const Tree& tree : model.trees) nodes += tree.nodes.size();
  bytes_.reserve(nodes * 12);
  Writer writer(bytes_);
  for (const Tree& tree : model.trees) writer.tree(tree);
  bytes_.shrink_to_fit();
}

formats::Ensemble PackedTrees::unpack() const {
  formats::Ensemble model = head_;
  model.trees.reserve(trees_);
  Reader reader(bytes_.data());
  for (uint32_t t = 0; t < trees_; ++t) model.trees.push_back(reader.tree());
  return model;
}

}  // namespace clops::serving
