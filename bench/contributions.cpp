// Times the contributions of one engine on one model: part of bench/contributions.sh. Prints one JSON object; writes
// the contributions of 64 rows (half asked one by one, half in a batch) as doubles, for the caller to compare.
//
//   bench_contributions ENGINE LIBRARY MODEL ROWS COLUMNS OUTPUTS ANSWERS SECONDS
//   bench_contributions rows SET MODEL ROWS COLUMNS COUNT BATCH     (COUNT rows and nothing else, for callgrind)
// ENGINE: clops | xgboost | lightgbm. OUTPUTS: raw scores. ROWS: float32, row-major. SECONDS of each measurement.
#include <array>
#include <memory>

#include "bench/engines_rows.h"
#include "serving/engines/tree_shap.h"

namespace clops::bench {
namespace {

serving::TreeShap load_shap(const std::string& path, serving::ShapInstructions instructions) {
  auto shap = serving::TreeShap::make(load_ensemble(path), instructions);
  if (!shap) die(shap.error().message);
  return std::move(*shap);
}

class Clops final : public Peer {
 public:
  Clops(const std::string& model, size_t columns, size_t outputs, size_t rows_max)
      : Peer(columns, outputs),
        shap_(load_shap(model, serving::ShapInstructions::Best)),
        work_(shap_.make_work()),
        answers_(rows_max * outputs * (columns + 1)) {}
  void batch(const float* rows, size_t count) override { shap_.explain(rows, count, *work_, answers_.data()); }
  double answer(size_t i) const override { return answers_[i]; }
  std::string evaluator() const { return shap_.evaluator(); }

 private:
  serving::TreeShap shap_;
  serving::TreeShap::WorkPtr work_;
  std::vector<double> answers_;
};

class Xgboost final
    : public Peer {  // its C interface explains a DMatrix and nothing else: making one is part of a call
 public:
  Xgboost(const Library& library, const std::string& model, size_t columns, size_t outputs)
      : Peer(columns, outputs),
        make_(library.get<Make>("XGDMatrixCreateFromDense")),
        free_(library.get<int (*)(void*)>("XGDMatrixFree")),
        predict_(library.get<Predict>("XGBoosterPredictFromDMatrix")),
        booster_(xgboost::load(library, model)) {}
  void batch(const float* rows, size_t count) override {
    using xgboost::check;
    const std::string described = xgboost::array_interface(rows, count, columns_);
    void* matrix = nullptr;
    check(make_(described.c_str(), R"({"missing":NaN,"nthread":1})", &matrix));
    const uint64_t* shape = nullptr;
    uint64_t dimensions = 0;
    check(predict_(booster_, matrix, kSettings, &shape, &dimensions, &answers_));
    check(free_(matrix));
  }
  double answer(size_t i) const override { return static_cast<double>(answers_[i]); }

 private:
  using Make = int (*)(const char*, const char*, void**);
  using Predict = int (*)(void*, void*, const char*, const uint64_t**, uint64_t*, const float**);
  static constexpr const char* kSettings =
      R"({"type":2,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})";
  Make make_;
  int (*free_)(void*);
  Predict predict_;
  void* booster_;
  const float* answers_ = nullptr;
};

std::unique_ptr<Peer> make_peer(const std::string& engine, const std::string& library, const std::string& model,
                                size_t columns, size_t outputs, size_t rows_max) {
  if (engine == "clops") return std::make_unique<Clops>(model, columns, outputs, rows_max);
  if (engine == "xgboost") return std::make_unique<Xgboost>(Library(library), model, columns, outputs);
  if (engine == "lightgbm")
    return std::make_unique<LightgbmPeer>(Library(library), model, columns, outputs * (columns + 1), rows_max,
                                          LightgbmPeer::Of::Contributions);
  die("no engine " + engine);
}

int run(char** args) {
  const std::string engine = args[1];
  const auto columns = static_cast<size_t>(std::atoi(args[5])), outputs = static_cast<size_t>(std::atoi(args[6]));
  const double seconds = std::atof(args[8]);
  const Rows rows = read_rows(args[4], columns);
  constexpr std::array<size_t, 4> kSizes{1, 100, 1000, 10'000};
  const auto peer = make_peer(engine, args[2], args[3], columns, outputs, kSizes.back());
  write_answers(*peer, rows, 32, outputs * (columns + 1), args[7]);
  double row = 0;
  for (const size_t size : kSizes) {
    // A batch that would take ten times as long as its measurement may costs a row what the batch before it did.
    const bool too_long = row * static_cast<double>(size) > 10 * seconds * 1e6;
    if (!too_long) row = time_batches(*peer, rows, size, seconds, 1, 20'000);
    std::printf("%s\"%zu\": %.4f", size == 1 ? "{" : ", ", size, row);
  }
  if (const auto* clops = dynamic_cast<const Clops*>(peer.get()))
    std::printf(", \"evaluator\": \"%s\"", clops->evaluator().c_str());
  std::printf("}\n");
  std::fflush(stdout);
  std::_Exit(0);  // some peers' own threads do not like to end
}

int count_rows(char** args) {
  const std::string_view set = args[2];
  const auto shap =
      load_shap(args[3], set == "avx2" ? serving::ShapInstructions::Avx2 : serving::ShapInstructions::Best);
  const Rows rows = read_rows(args[4], static_cast<size_t>(std::atoi(args[5])));
  const auto count = static_cast<size_t>(std::atoi(args[6])), batch = static_cast<size_t>(std::atoi(args[7]));
  const auto work = shap.make_work();
  std::vector<double> out(batch * shap.outputs() * (shap.features() + 1));
  for (size_t row = 0; row + batch <= count; row += batch) shap.explain(rows.at(row), batch, *work, out.data());
  return 0;
}

}  // namespace
}  // namespace clops::bench

int main(int count, char** args) {
  if (count == 8 && std::string_view(args[1]) == "rows") return clops::bench::count_rows(args);
  if (count != 9) clops::bench::die("usage: see the top of bench/contributions.cpp");
  return clops::bench::run(args);
}
