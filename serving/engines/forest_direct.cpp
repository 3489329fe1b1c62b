// The trees arranged for the kernel "direct": a model's thresholds in runs that lanes rank, small trees as bits.
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "serving/engines/forest_layout.h"

namespace clops::serving::forest {
namespace {

constexpr uint32_t kWordLeaves = 16, kByteLeaves = 8, kLanes = 64;
constexpr uint32_t kRunLeast = 8, kRunMost = 64;  // thresholds; longer ones are ranked faster in two levels

// What nodes ask of one slot: thresholds by their ranks, in order, and where the slot's own begin.
struct Asked {
  uint32_t feature = 0, thresholds_at = 0;
  int32_t missing = 0;
  std::vector<uint32_t> ranks;
};

uint32_t rank_of(const RankedNode& node) {
  return static_cast<uint32_t>(int32_t{node.rank} + 128);
}

std::vector<Asked> asked_of(const Ranked& ranked) {
  std::vector<Asked> asked(ranked.slots.size());
  const auto set = [&](uint32_t slot, uint32_t feature, uint32_t thresholds_at) {
    asked[slot].feature = feature;
    asked[slot].thresholds_at = thresholds_at + static_cast<uint32_t>(ranked.slots[slot].base);
    asked[slot].missing = int32_t{ranked.slots[slot].missing} + 128;
  };
  for (const ShortSearch& search : ranked.shorts) set(search.slot, search.feature, search.low);
  for (const Search& search : ranked.searches)
    for (uint32_t slot = 0; slot < search.slots; ++slot)
      set(search.first_slot + slot, search.feature, search.at[search.levels - 1]);
  for (const RankedNode& node : ranked.nodes)
    if (!node.is_leaf()) asked[node.slot].ranks.push_back(rank_of(node));
  for (Asked& each : asked) {
    std::ranges::sort(each.ranks);
    each.ranks.erase(std::ranges::unique(each.ranks).begin(), each.ranks.end());
  }
  return asked;
}

size_t runs_of(const std::vector<Asked>& asked, size_t length) {
  size_t runs = 0;
  for (const Asked& each : asked) runs += (each.ranks.size() + length - 1) / length;
  return runs;
}

// The least length of runs with which there are lanes for all; 0: none.
size_t run_length(const std::vector<Asked>& asked) {
  for (size_t length = kRunLeast; length <= kRunMost; ++length)
    if (runs_of(asked, length) <= kDirectRuns) return length;
  return 0;
}

class DirectMaker {
 public:
  explicit DirectMaker(const Ranked& ranked) : ranked_(ranked), asked_(asked_of(ranked)) {}

  DirectLayout run() {
    add_runs();
    const auto count = static_cast<uint32_t>(ranked_.trees.size());
    for (uint32_t first = 0; first < count;) {
      DirectGroup group{.nodes_at = static_cast<uint32_t>(out_.nodes.size() / kLanes),
                        .trees = std::min(kLanes, count - first),
                        .tree_first = first,
                        .values_at = static_cast<uint32_t>(out_.values.size())};
      // Words end with the last tree that needs them.
      for (uint32_t i = group.trees; i-- > 0 && !group.words;)
        if (ranked_.trees[first + i].leaves > kByteLeaves) {
          group.words = true;
          group.trees = i + 1;
        }
      group.words ? add_words(group) : add_bytes(group);
      add_values(group);
      out_.groups.push_back(group);
      first += group.trees;
    }
    return std::move(out_);
  }

 private:
  struct Run {
    uint32_t slot, first, count;  // of Asked::ranks
  };
  using Nodes = std::vector<const RankedNode*>;

  void add_runs() {
    const size_t length = run_length(asked_);
    for (uint32_t slot = 0; slot < asked_.size(); ++slot) {
      const size_t count = asked_[slot].ranks.size();
      if (count == 0) continue;
      const size_t parts = (count + length - 1) / length, each = (count + parts - 1) / parts;
      for (size_t first = 0; first < count; first += each)
        runs_.push_back({slot, static_cast<uint32_t>(first), static_cast<uint32_t>(std::min(each, count - first))});
    }
    std::ranges::sort(runs_, [](const Run& a, const Run& b) {
      return std::tie(b.count, a.slot, a.first) < std::tie(a.count, b.slot, b.first);
    });
    out_.features_of.resize(kDirectRuns);
    out_.missing.resize(kDirectRuns);
    for (size_t at = 0; at < runs_.size(); ++at) {
      const Run& run = runs_[at];
      const Asked& asked = asked_[run.slot];
      if (at % 16 == 0) {  // the longest of its vector
        out_.levels[at / 16] = run.count + run.count % 2;
        level_at_ = out_.thresholds.size();
        out_.thresholds.resize(level_at_ + size_t{16} * out_.levels[at / 16], std::numeric_limits<float>::quiet_NaN());
      }
      out_.features_of[at] = asked.feature;
      for (uint32_t i = 0; i < run.count; ++i) {
        const uint32_t rank = asked.ranks[run.first + i];
        out_.thresholds[level_at_ + size_t{16} * i + at % 16] = ranked_.narrow[asked.thresholds_at + rank];
        if (static_cast<int32_t>(rank) < asked.missing) ++out_.missing[at];
      }
    }
  }

  // Byte of the run's rank, and rank in the run, of a node.
  [[nodiscard]] std::pair<int8_t, int8_t> place(const RankedNode& node) const {
    const std::vector<uint32_t>& ranks = asked_[node.slot].ranks;
    const auto rank = static_cast<uint32_t>(std::ranges::lower_bound(ranks, rank_of(node)) - ranks.begin());
    for (size_t at = 0;; ++at) {
      const Run& run = runs_[at];
      if (run.slot == node.slot && rank - run.first < run.count)
        return {static_cast<int8_t>(direct_byte(static_cast<uint32_t>(at))), static_cast<int8_t>(rank - run.first)};
    }
  }

  [[nodiscard]] Nodes inner(uint32_t tree) const {
    const TreeView& view = ranked_.trees[tree];
    Nodes nodes;
    for (uint32_t i = view.first; i < view.first + view.count; ++i)
      if (!ranked_.nodes[i].is_leaf()) nodes.push_back(&ranked_.nodes[i]);
    return nodes;
  }

  template <size_t bytes>
  void add_steps(const std::vector<Nodes>& lanes, DirectGroup& group) {
    for (const Nodes& nodes : lanes) group.steps = std::max(group.steps, static_cast<uint32_t>(nodes.size()));
    constexpr size_t kStep = (2 + bytes) * kLanes;
    const size_t first = out_.nodes.size();
    out_.nodes.resize(first + group.steps * kStep);
    for (uint32_t step = 0; step < group.steps; ++step) {
      int8_t* to = out_.nodes.data() + first + step * kStep;
      std::fill_n(to + kLanes, kLanes, kNever);
      for (uint32_t lane = 0; lane < kLanes; ++lane) {
        if (step >= lanes[lane].size()) continue;
        const RankedNode& node = *lanes[lane][step];
        std::tie(to[lane], to[kLanes + lane]) = place(node);
        const uint32_t clear = (1U << node.leaf) - (1U << node.first_leaf);
        for (size_t byte = 0; byte < bytes; ++byte)
          to[(2 + byte) * kLanes + lane] = static_cast<int8_t>(clear >> 8 * byte);
      }
    }
  }

  void add_bytes(DirectGroup& group) {
    std::vector<Nodes> lanes(kLanes);
    for (uint32_t i = 0; i < group.trees; ++i) lanes[i] = inner(group.tree_first + i);
    add_steps<1>(lanes, group);
  }

  // Lanes that are left over go to the trees with most nodes, as their second ones.
  void add_words(DirectGroup& group) {
    constexpr uint32_t kHalf = kLanes / 2;
    std::vector<uint32_t> order(group.trees);
    for (uint32_t i = 0; i < group.trees; ++i) order[i] = i;
    std::ranges::sort(order, std::ranges::greater{}, [&](uint32_t i) {
      return std::pair(ranked_.trees[group.tree_first + i].leaves, group.trees - i);
    });
    group.twice = std::min({group.trees, kLanes - group.trees, kHalf});
    std::vector<Nodes> lanes(kLanes);
    for (uint32_t i = 0; i < group.trees; ++i) {
      const Nodes nodes = inner(group.tree_first + order[i]);
      const uint32_t lane = i < kHalf ? i : group.twice + i;
      group.lanes[order[i]] = static_cast<int8_t>(lane);
      for (size_t n = 0; n < nodes.size(); ++n)
        lanes[lane + (i < group.twice && n % 2 != 0 ? kHalf : 0)].push_back(nodes[n]);
    }
    add_steps<2>(lanes, group);
  }

  void add_values(const DirectGroup& group) {
    const size_t bits = group.words ? kWordLeaves : kByteLeaves;
    out_.values.resize(out_.values.size() + group.trees * bits);
    for (uint32_t i = 0; i < group.trees; ++i) {
      const TreeView& tree = ranked_.trees[group.tree_first + i];
      std::copy_n(ranked_.float_values.data() + tree.leaf_first, tree.leaves,
                  out_.values.data() + group.values_at + i * bits);
    }
  }

  const Ranked& ranked_;
  std::vector<Asked> asked_;  // of each slot
  std::vector<Run> runs_;
  size_t level_at_ = 0;
  DirectLayout out_;
};

}  // namespace

bool fits_direct(const Ranked& ranked) {
  return !ranked.trees.empty() && !ranked.float_values.empty() && ranked.wide.empty() && ranked.categories.empty() &&
         ranked.features <= kDirectFeatures && ranked.trees.size() <= kDirectTrees &&
         std::ranges::none_of(ranked.shorts, &ShortSearch::zero_is_missing) &&
         std::ranges::none_of(ranked.searches, &Search::zero_is_missing) &&
         std::ranges::all_of(ranked.trees, [](const TreeView& tree) { return tree.leaves <= kWordLeaves; }) &&
         run_length(asked_of(ranked)) != 0;
}

DirectLayout lay_out_direct(const Ranked& ranked) {
  return DirectMaker(ranked).run();
}

DirectView DirectLayout::view(const Ranked& ranked, uint32_t outputs) const {
  DirectView view{.groups = groups.data(),
                  .features_of = features_of.data(),
                  .thresholds = thresholds.data(),
                  .missing = missing.data(),
                  .nodes = nodes.data(),
                  .values = values.data(),
                  .trees = ranked.trees.data(),
                  .features = ranked.features,
                  .group_count = static_cast<uint32_t>(groups.size()),
                  .outputs = outputs};
  std::ranges::copy(levels, view.levels);
  return view;
}

size_t DirectLayout::bytes() const {
  return groups.size() * sizeof(DirectGroup) + (features_of.size() + missing.size()) * sizeof(uint32_t) +
         (thresholds.size() + values.size()) * sizeof(float) + nodes.size();
}

}  // namespace clops::serving::forest
