// Times the contributions of one engine on one model: part of bench/contributions.sh. Prints one JSON object; writes
// the contributions of 64 rows (half asked one by one, half in a batch) as doubles, for the caller to compare.
//
//   bench_contributions ENGINE LIBRARY MODEL ROWS COLUMNS OUTPUTS ANSWERS SECONDS
//   bench_contributions rows SET MODEL ROWS COLUMNS COUNT BATCH     (COUNT rows and nothing else, for callgrind)
// ENGINE: clops | xgboost | lightgbm. OUTPUTS: raw scores. ROWS: float32, row-major. SECONDS of each measurement.
#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>

#include "bench/engines_peers.h"
#include "formats/model_file.h"
#include "serving/engines/tree_shap.h"

namespace clops::bench {
namespace {

using Clock = std::chrono::steady_clock;
double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

std::vector<float> read_floats(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) die("cannot read " + path);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
  return numbers;
}

serving::TreeShap load_shap(const std::string& path, serving::ShapInstructions instructions) {
  const auto model = formats::load_model(path);
  if (!model) die(model.error().message);
  const auto* ensemble = std::get_if<formats::Ensemble>(&*model);
  if (ensemble == nullptr) die("not a tree ensemble");
  auto shap = serving::TreeShap::make(*ensemble, instructions);
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
        predict_(library.get<Predict>("XGBoosterPredictFromDMatrix")) {
    check(library.get<int (*)(const void* const*, uint64_t, void**)>("XGBoosterCreate")(nullptr, 0, &booster_));
    check(library.get<int (*)(void*, const char*)>("XGBoosterLoadModel")(booster_, model.c_str()));
    check(library.get<int (*)(void*, const char*, const char*)>("XGBoosterSetParam")(booster_, "nthread", "1"));
  }
  void batch(const float* rows, size_t count) override {
    const std::string described = "{\"data\":[" + std::to_string(reinterpret_cast<uintptr_t>(rows)) +
                                  ",true],\"shape\":[" + std::to_string(count) + "," + std::to_string(columns_) +
                                  "],\"typestr\":\"<f4\",\"version\":3}";
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
  static void check(int failed) {
    if (failed != 0) die("XGBoost refuses");
  }
  static constexpr const char* kSettings =
      R"({"type":2,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})";
  Make make_;
  int (*free_)(void*);
  Predict predict_;
  void* booster_ = nullptr;
  const float* answers_ = nullptr;
};

class Lightgbm final : public Peer {  // single rows through its fast interface
 public:
  Lightgbm(const Library& library, const std::string& model, size_t columns, size_t outputs, size_t rows_max)
      : Peer(columns, outputs),
        fast_(library.get<Fast>("LGBM_BoosterPredictForMatSingleRowFast")),
        many_(library.get<Many>("LGBM_BoosterPredictForMat")),
        answers_(rows_max * outputs * (columns + 1)) {
    int iterations = 0;
    check(library.get<int (*)(const char*, int*, void**)>("LGBM_BoosterCreateFromModelfile")(model.c_str(), &iterations,
                                                                                             &booster_));
    check(library.get<int (*)(void*, int, int, int, int, int32_t, const char*, void**)>(
        "LGBM_BoosterPredictForMatSingleRowFastInit")(booster_, kContributions, 0, -1, 0, static_cast<int32_t>(columns),
                                                      "num_threads=1", &set_up_));
  }
  void one(const float* row) override { check(fast_(set_up_, row, &length_, answers_.data())); }
  void batch(const float* rows, size_t count) override {
    check(many_(booster_, rows, 0, static_cast<int32_t>(count), static_cast<int32_t>(columns_), 1, kContributions, 0,
                -1, "num_threads=1", &length_, answers_.data()));
  }
  double answer(size_t i) const override { return answers_[i]; }

 private:
  static constexpr int kContributions = 3;
  using Fast = int (*)(void*, const void*, int64_t*, double*);
  using Many = int (*)(void*, const void*, int, int32_t, int32_t, int, int, int, int, const char*, int64_t*, double*);
  static void check(int failed) {
    if (failed != 0) die("LightGBM refuses");
  }
  Fast fast_;
  Many many_;
  void* booster_ = nullptr;
  void* set_up_ = nullptr;
  int64_t length_ = 0;
  std::vector<double> answers_;
};

std::unique_ptr<Peer> make_peer(const std::string& engine, const std::string& library, const std::string& model,
                                size_t columns, size_t outputs, size_t rows_max) {
  if (engine == "clops") return std::make_unique<Clops>(model, columns, outputs, rows_max);
  if (engine == "xgboost") return std::make_unique<Xgboost>(Library(library), model, columns, outputs);
  if (engine == "lightgbm") return std::make_unique<Lightgbm>(Library(library), model, columns, outputs, rows_max);
  die("no engine " + engine);
}

struct Rows {
  const std::vector<float>& numbers;
  size_t columns;
  [[nodiscard]] size_t count() const { return numbers.size() / columns; }
  [[nodiscard]] const float* at(size_t row) const { return numbers.data() + row * columns; }
};

void write_answers(Peer& peer, const Rows& rows, size_t width, const std::string& path) {
  std::vector<double> answers;
  for (size_t row = 0; row < 32; ++row) {
    peer.one(rows.at(row));
    for (size_t i = 0; i < width; ++i) answers.push_back(peer.answer(i));
  }
  peer.batch(rows.at(32), 32);
  for (size_t i = 0; i < 32 * width; ++i) answers.push_back(peer.answer(i));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(answers.data()),
             static_cast<std::streamsize>(answers.size() * sizeof(double)));
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Microseconds a row; other rows each call.
double time_batches(Peer& peer, const Rows& rows, size_t size, double seconds) {
  std::vector<double> times;
  const auto start = Clock::now();
  for (size_t row = 0; times.empty() || (microseconds_since(start) < seconds * 1e6 && times.size() < 20'000);
       row = row + 2 * size > rows.count() ? 0 : row + size) {
    const auto before = Clock::now();
    if (size == 1)
      peer.one(rows.at(row));
    else
      peer.batch(rows.at(row), size);
    times.push_back(microseconds_since(before) / static_cast<double>(size));
  }
  return median(times);
}

int run(char** args) {
  const std::string engine = args[1];
  const auto columns = static_cast<size_t>(std::atoi(args[5])), outputs = static_cast<size_t>(std::atoi(args[6]));
  const double seconds = std::atof(args[8]);
  const std::vector<float> numbers = read_floats(args[4]);
  const Rows rows{numbers, columns};
  constexpr std::array<size_t, 4> kSizes{1, 100, 1000, 10'000};
  const auto peer = make_peer(engine, args[2], args[3], columns, outputs, kSizes.back());
  write_answers(*peer, rows, outputs * (columns + 1), args[7]);
  double row = 0;
  for (const size_t size : kSizes) {
    // A batch that would take ten times as long as its measurement may costs a row what the batch before it did.
    const bool too_long = row * static_cast<double>(size) > 10 * seconds * 1e6;
    if (!too_long) row = time_batches(*peer, rows, size, seconds);
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
  const std::vector<float> numbers = read_floats(args[4]);
  const Rows rows{numbers, static_cast<size_t>(std::atoi(args[5]))};
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
