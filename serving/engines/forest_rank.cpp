#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>

#include "serving/engines/forest_layout.h"

namespace clops::serving::forest {
namespace {

using formats::Ensemble;
using formats::Split;
using formats::Tree;
using formats::TreeNode;

constexpr size_t kSetRowBytesMax = 32u << 20;  // of the table that gives a row its set slots
constexpr uint32_t kCodesMax = 1u << 24;
constexpr uint32_t kClassesMax = 60'000;
constexpr uint32_t kSetBytes = 64;

uint64_t key_of(const TreeNode& node) {
  return uint64_t{node.feature} << 1 | (node.zero_is_missing ? 1 : 0);
}

// The least float32 that is not below: for a float32 x, `x < threshold` and `x < narrowed(threshold)` are one.
float narrowed(double threshold) {
  const auto near = static_cast<float>(threshold);
  return static_cast<double>(near) < threshold ? std::nextafter(near, std::numeric_limits<float>::infinity()) : near;
}

// Of the least float32 the one before is an infinity, which RankView::heaps cannot tell from -infinity's own.
bool before_is_infinite(double threshold) {
  return narrowed(threshold) == std::numeric_limits<float>::lowest();
}

// One feature's thresholds. Frameworks that bin their features repeat a few hundred of them over all nodes, so those
// met before are found by a hash, and only the distinct ones are sorted.
class Thresholds {
 public:
  struct One {
    double value = 0;
    bool left = false, right = false;  // where nodes of it send missing values
    uint32_t number = 0;               // in the order they were met
  };
  // Its number.
  uint32_t add(double value, bool default_left) {
    if (2 * all_.size() >= places_.size()) grow();
    const double key = value + 0.0;  // one zero
    uint32_t* place = find(key);
    if (*place == kFree) {
      *place = static_cast<uint32_t>(all_.size());
      all_.push_back({.value = key, .number = *place});
    }
    One& one = all_[*place];
    (default_left ? one.left : one.right) = true;
    return one.number;
  }
  void sort() {
    places_ = {};
    std::ranges::sort(all_, {}, &One::value);
    rank_of_.resize(all_.size());
    for (uint32_t rank = 0; rank < all_.size(); ++rank) rank_of_[all_[rank].number] = rank;
  }
  // After sort().
  [[nodiscard]] const std::vector<One>& all() const { return all_; }
  [[nodiscard]] uint32_t rank(uint32_t number) const { return rank_of_[number]; }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  uint32_t* find(double key) {
    const size_t last = places_.size() - 1;
    size_t at = (std::bit_cast<uint64_t>(key) * 0x9e3779b97f4a7c15U) >> 32;
    for (;; ++at) {
      uint32_t& place = places_[at & last];
      if (place == kFree || all_[place].value == key) return &place;
    }
  }
  void grow() {
    places_.assign(std::max<size_t>(64, 4 * places_.size()), kFree);
    for (const One& one : all_) *find(one.value) = one.number;
  }
  std::vector<One> all_;
  std::vector<uint32_t> places_, rank_of_;  // a power of two
};

// What a numeric node looks up: its feature's thresholds, and which slots stand for them.
struct Numbers {
  Thresholds thresholds;
  uint32_t first_slot = 0;
  uint32_t right_first_slot = 0;  // of nodes whose missing values go right; the same where one treatment serves both
};

// Sets of categories of one feature, by their words without the zeros at the end, and the default direction.
using SetKey = std::pair<std::vector<uint32_t>, bool>;
struct Sets {
  std::map<SetKey, uint32_t> numbers;
  std::vector<const SetKey*> by_number;
  uint32_t first_slot = 0, column = 0, pool_first = 0;
};

SetKey set_key(const Tree& tree, const TreeNode& node) {
  std::vector<uint32_t> words = tree.sets[node.side].words;
  while (!words.empty() && words.back() == 0) words.pop_back();
  return {std::move(words), node.default_left};
}

class Ranker {
 public:
  explicit Ranker(const Ensemble& model) : model_(model) {}

  Result<Ranked> run() {
    out_.features = model_.features;
    out_.chop = model_.category_of == formats::CategoryOf::Chop;
    out_.listed = model_.category_of == formats::CategoryOf::Listed;
    rank_numbers();
    CLOPS_TRY(collect_sets());
    out_.slot_count = static_cast<uint32_t>(out_.slots.size());
    out_.column_bytes = out_.slot_count * kBlock;
    for (auto& [key, sets] : sets_) CLOPS_TRY(classify(key, sets));
    CLOPS_TRY(add_trees());
    return std::move(out_);
  }

 private:
  void rank_numbers() {
    for (const Tree& tree : model_.trees)
      for (const TreeNode& node : tree.nodes)
        if (!node.leaf() && node.split == Split::Less) {
          Numbers& numbers = numbers_[key_of(node)];
          met_.push_back({&numbers, numbers.thresholds.add(node.value, node.default_left)});
        }
    std::vector<uint64_t> keys;
    keys.reserve(numbers_.size());
    for (const auto& [key, numbers] : numbers_) keys.push_back(key);
    std::ranges::sort(keys);
    for (const uint64_t key : keys) rank_feature(key, numbers_.at(key));
  }

  void rank_feature(uint64_t key, Numbers& numbers) {
    numbers.thresholds.sort();
    int64_t right_max = -1, left_min = std::numeric_limits<int64_t>::max();
    std::vector<double> values;
    for (const Thresholds::One& one : numbers.thresholds.all()) {
      const auto at = static_cast<int64_t>(values.size());
      if (one.left) left_min = std::min(left_min, at);
      if (one.right) right_max = at;
      values.push_back(one.value);
    }
    Search search{.feature = static_cast<uint32_t>(key >> 1),
                  .first_slot = static_cast<uint32_t>(out_.slots.size()),
                  .zero_is_missing = (key & 1) != 0};
    const auto count = static_cast<int64_t>(values.size());
    numbers.first_slot = numbers.right_first_slot = search.first_slot;
    if (right_max < left_min) {  // one rank sends every node its default way
      add_slots(count, right_max + 1);
    } else {
      add_slots(count, 0);
      numbers.right_first_slot = static_cast<uint32_t>(out_.slots.size());
      add_slots(count, count);
    }
    search.slots = static_cast<uint32_t>(out_.slots.size()) - search.first_slot;
    if (search.slots == 1 && !std::ranges::any_of(values, before_is_infinite)) return add_short(values, search);
    add_table(values, search);
    out_.searches.push_back(search);
  }

  void add_threshold(double value) {
    out_.narrow.push_back(narrowed(value));
    if (model_.rows == formats::Number::Float64) out_.wide.push_back(value);
  }

  void add_short(const std::vector<double>& thresholds, const Search& search) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    ShortSearch to{.feature = search.feature,
                   .top = static_cast<uint32_t>(out_.narrow.size()),
                   .low = static_cast<uint32_t>(out_.narrow.size()) + kFan,
                   .slot = search.first_slot,
                   .blocks = static_cast<uint32_t>(thresholds.size() / kFan),
                   .missing = out_.slots[search.first_slot].missing,
                   .zero_is_missing = search.zero_is_missing};
    for (size_t i = 0; i < kFan; ++i) add_threshold(i < to.blocks ? thresholds[i * kFan + kFan - 1] : kNone);
    for (size_t i = 0; i < (size_t{to.blocks} + 1) * kFan; ++i)
      add_threshold(i < thresholds.size() ? thresholds[i] : kNone);
    add_heap(thresholds, to);
    out_.shorts.push_back(to);
  }

  // A full search tree: the node `at` of `level` holds, in the order of all, the threshold in the middle of its part;
  // as RankView::heaps has it.
  void add_heap(const std::vector<double>& thresholds, ShortSearch& to) {
    to.levels = 4;  // one block
    while ((size_t{1} << to.levels) <= thresholds.size()) ++to.levels;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    to.heap = static_cast<uint32_t>(out_.heaps.size());
    out_.heaps.push_back(kInfinity);  // the first of a block's 16, and never come to
    for (uint32_t level = 0; level < to.levels; ++level) {
      for (size_t at = 0; at < (size_t{1} << level); ++at) {
        const size_t place = ((2 * at + 1) << (to.levels - 1 - level)) - 1;
        out_.heaps.push_back(place < thresholds.size() ? std::nextafter(narrowed(thresholds[place]), -kInfinity) + 0.0F
                                                       : kInfinity);
      }
    }
  }

  void add_slots(int64_t thresholds, int64_t missing_rank) {
    for (int64_t base = 0; base < thresholds; base += kRunMax)
      out_.slots.push_back({static_cast<int32_t>(base),
                            static_cast<int8_t>(std::clamp<int64_t>(missing_rank - base, 0, kRunMax) - 128)});
  }

  // Levels from the lowest: each holds the last of every full block of the one below.
  void add_table(std::vector<double> level, Search& search) {
    std::vector<uint32_t> at;
    do {
      at.push_back(static_cast<uint32_t>(out_.narrow.size()));
      const size_t padded = (level.size() / kFan + 1) * kFan;
      for (size_t i = 0; i < padded; ++i) {
        add_threshold(i < level.size() ? level[i] : std::numeric_limits<double>::quiet_NaN());
      }
      std::vector<double> above;
      for (size_t i = kFan; i <= level.size(); i += kFan) above.push_back(level[i - 1]);
      level = std::move(above);
    } while (!level.empty());
    search.levels = static_cast<uint32_t>(at.size());
    std::ranges::copy(at.rbegin(), at.rend(), search.at);
  }

  Status collect_sets() {
    for (const Tree& tree : model_.trees)
      for (const TreeNode& node : tree.nodes)
        if (!node.leaf() && node.split == Split::InSet) {
          Sets& sets = sets_[key_of(node)];
          const auto [at, fresh] =
              sets.numbers.try_emplace(set_key(tree, node), static_cast<uint32_t>(sets.by_number.size()));
          if (fresh) sets.by_number.push_back(&at->first);
        }
    return {};
  }

  // Codes that no set tells apart become one class; a class has a row of what each set says to it.
  Status classify(uint64_t key, Sets& sets) {
    const size_t count = sets.by_number.size();
    uint32_t codes = 0;
    for (const SetKey* set : sets.by_number) codes = std::max(codes, static_cast<uint32_t>(set->first.size() * 32));
    if (codes > kCodesMax) return fail(Code::Unsupported, "categories beyond 2^24");
    CategorySearch search{.feature = static_cast<uint32_t>(key >> 1),
                          .codes = codes,
                          .class_at = static_cast<uint32_t>(out_.class_of.size()),
                          .first_slot = out_.slot_count,
                          .sets = static_cast<uint32_t>(count),
                          .rows_at = static_cast<uint32_t>(out_.set_rows.size()),
                          .column = out_.column_bytes,
                          .zero_is_missing = (key & 1) != 0};
    if (out_.listed) add_values(search);
    sets.first_slot = search.first_slot;
    sets.column = search.column;
    sets.pool_first = static_cast<uint32_t>(out_.sets.size());
    out_.slot_count += search.sets;
    out_.column_bytes += 2 * kBlock;
    std::unordered_map<std::string, uint32_t> classes;
    std::string row(count, 0);
    for (uint32_t code = 0; code < codes + 2;) {
      for (size_t i = 0; i < count; ++i) row[i] = goes_left(*sets.by_number[i], code, codes) ? -128 : 127;
      const auto [at, fresh] = classes.try_emplace(row, static_cast<uint32_t>(classes.size()));
      if (fresh) out_.set_rows.insert(out_.set_rows.end(), row.begin(), row.end());
      if (classes.size() > kClassesMax || out_.set_rows.size() > kSetRowBytesMax)
        return fail(Code::Unsupported, "too many different sets of categories");
      const uint32_t alike = codes_alike(sets, code, codes);
      out_.class_of.insert(out_.class_of.end(), alike, static_cast<uint16_t>(at->second));
      code += alike;
    }
    add_pool(search, static_cast<uint32_t>(classes.size()), count);
    out_.categories.push_back(search);
    return {};
  }

  void add_values(CategorySearch& search) {
    const std::vector<double>& values = model_.category_values[search.feature];
    search.values_at = static_cast<uint32_t>(out_.category_values.size());
    search.values = static_cast<uint32_t>(values.size());
    out_.category_values.insert(out_.category_values.end(), values.begin(), values.end());
  }

  // `codes`: what no set knows; behind it a missing value.
  static bool goes_left(const SetKey& set, uint32_t code, uint32_t codes) {
    const auto& [words, default_left] = set;
    if (code >= codes) return code > codes && default_left;
    return code / 32 < words.size() && (words[code / 32] >> (code % 32) & 1) != 0;
  }

  // So many codes, from this one on, that no set tells apart, as far as whole words say so: a file of a few bytes may
  // have millions of them.
  static uint32_t codes_alike(const Sets& sets, uint32_t code, uint32_t codes) {
    if (code % 32 != 0 || code >= codes) return 1;
    const auto word_of = [at = code / 32](const SetKey* set) { return at < set->first.size() ? set->first[at] : 0; };
    const bool uniform = std::ranges::all_of(sets.by_number, [&](const SetKey* set) {
      const uint32_t word = word_of(set);
      return word == 0 || word == UINT32_MAX;
    });
    return uniform ? 32 : 1;
  }

  void add_pool(const CategorySearch& search, uint32_t classes, size_t count) {
    out_.sets_fit = out_.sets_fit && classes <= kSetBytes * 8;
    if (!out_.sets_fit) return;
    for (size_t i = 0; i < count; ++i) {
      const size_t at = out_.sets.size();
      out_.sets.resize(at + kSetBytes);
      for (uint32_t c = 0; c < classes; ++c)
        if (out_.set_rows[search.rows_at + size_t{c} * count + i] < 0)
          out_.sets[at + c / 8] = static_cast<uint8_t>(out_.sets[at + c / 8] | 1U << (c % 8));
    }
  }

  Status add_trees() {
    size_t nodes = 0;
    for (const Tree& tree : model_.trees) nodes += tree.nodes.size();
    if (nodes > std::numeric_limits<int32_t>::max()) return fail(Code::Unsupported, "a model of more than 2^31 nodes");
    out_.nodes.reserve(nodes);
    const bool narrow = model_.sums == formats::Number::Float32;
    for (const Tree& tree : model_.trees) {
      add_tree(tree);
      const TreeView& view = out_.trees.back();
      for (size_t i = 0; i < tree.nodes.size(); ++i) {
        if (!tree.nodes[i].leaf()) continue;
        const size_t at = size_t{view.leaf_first} + out_.nodes[view.first + i].leaf;
        if (narrow)
          out_.float_values[at] = static_cast<float>(tree.nodes[i].value);
        else
          out_.double_values[at] = tree.nodes[i].value;
      }
    }
    // A kernel may load the values of 64 leaves at once.
    narrow ? out_.float_values.resize(out_.float_values.size() + 64)
           : out_.double_values.resize(out_.double_values.size() + 64);
    return {};
  }

  void add_tree(const Tree& tree) {
    const auto count = static_cast<uint32_t>(tree.nodes.size());
    TreeView view{.first = static_cast<uint32_t>(out_.nodes.size()), .count = count, .output = tree.output};
    out_.nodes.resize(out_.nodes.size() + count);
    RankedNode* nodes = out_.nodes.data() + view.first;
    std::vector<uint32_t> leaves(count, 1), depth(count, 0);
    for (uint32_t i = count; i-- > 0;)  // children come after their parents
      if (!tree.nodes[i].leaf())
        leaves[i] = leaves[static_cast<size_t>(tree.nodes[i].left)] + leaves[static_cast<size_t>(tree.nodes[i].right)];
    for (uint32_t i = 0; i < count; ++i) {
      const TreeNode& from = tree.nodes[i];
      RankedNode& to = nodes[i];
      view.depth = std::max(view.depth, depth[i]);
      if (from.leaf()) {
        to.leaf = to.first_leaf;
        continue;
      }
      place(tree, from, to);
      const auto left = static_cast<size_t>(from.left), right = static_cast<size_t>(from.right);
      nodes[left].first_leaf = to.first_leaf;
      nodes[right].first_leaf = to.leaf = to.first_leaf + leaves[left];
      depth[left] = depth[right] = depth[i] + 1;
    }
    view.leaves = leaves[0];
    const size_t values = std::max(out_.float_values.size(), out_.double_values.size());
    view.leaf_first = static_cast<uint32_t>(values);
    if (model_.sums == formats::Number::Float32)
      out_.float_values.resize(values + view.leaves);
    else
      out_.double_values.resize(values + view.leaves);
    out_.trees.push_back(view);
  }

  void place(const Tree& tree, const TreeNode& from, RankedNode& to) {
    to.left = from.left;
    to.right = from.right;
    if (from.split == Split::InSet) {
      const Sets& sets = sets_.at(key_of(from));
      const uint32_t number = sets.numbers.at(set_key(tree, from));
      to.slot = sets.first_slot + number;
      to.rank = 0;  // below 127, not below -128
      to.column = sets.column;
      to.set = sets.pool_first + number * kSetBytes;
      return;
    }
    const Met& met = met_[placed_++];
    const Numbers& numbers = *met.numbers;
    const uint32_t at = numbers.thresholds.rank(met.number);
    to.slot = (from.default_left ? numbers.first_slot : numbers.right_first_slot) + at / kRunMax;
    to.rank = static_cast<int8_t>(static_cast<int32_t>(at % kRunMax) - 128);
    to.column = to.slot * kBlock;
  }

  const Ensemble& model_;
  Ranked out_;
  std::unordered_map<uint64_t, Numbers> numbers_;
  struct Met {
    const Numbers* numbers;
    uint32_t number;
  };
  std::vector<Met> met_;  // numeric nodes' thresholds, in the order of the trees
  size_t placed_ = 0;     // of them
  std::map<uint64_t, Sets> sets_;
};

}  // namespace

RankView Ranked::view() const {
  return {.shorts = shorts.data(),
          .searches = searches.data(),
          .categories = categories.data(),
          .short_count = static_cast<uint32_t>(shorts.size()),
          .search_count = static_cast<uint32_t>(searches.size()),
          .category_count = static_cast<uint32_t>(categories.size()),
          .features = features,
          .slots = slots.data(),
          .narrow = narrow.data(),
          .heaps = heaps.data(),
          .wide = wide.data(),
          .class_of = class_of.data(),
          .set_rows = set_rows.data(),
          .category_values = listed ? category_values.data() : nullptr,
          .chop = chop,
          .zero_is_missing = std::ranges::any_of(shorts, &ShortSearch::zero_is_missing)};
}

size_t Ranked::bytes() const {
  return shorts.size() * sizeof(ShortSearch) + searches.size() * sizeof(Search) +
         categories.size() * sizeof(CategorySearch) + slots.size() * sizeof(Slot) +
         (narrow.size() + heaps.size()) * sizeof(float) + wide.size() * sizeof(double) +
         class_of.size() * sizeof(uint16_t) + category_values.size() * sizeof(double) + set_rows.size() + sets.size() +
         trees.size() * sizeof(TreeView) + nodes.size() * sizeof(RankedNode) + float_values.size() * sizeof(float) +
         double_values.size() * sizeof(double);
}

Result<Ranked> rank(const Ensemble& model) {
  return Ranker(model).run();
}

}  // namespace clops::serving::forest
