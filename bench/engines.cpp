// Times one engine on one model: part of bench/engines.sh. Prints one JSON object; writes the answers to 1,000 rows
// (half asked one by one, half in a batch) as doubles, for the caller to hold against the framework's own.
//
//   bench_engines ENGINE LIBRARY MODEL ROWS COLUMNS OUTPUTS ANSWERS SECONDS
//   SECONDS of each measurement; 0: only the time and the memory that loading takes.
//   bench_engines visits SET MODEL ROWS COLUMNS COUNT BATCH     (COUNT rows and nothing else, for callgrind)
// ENGINE: clops | xgboost | lightgbm | tl2cgen | lleaves | onnxruntime[:OUTPUT]. ROWS: float32, row-major.
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "bench/engines_onnx.h"
#include "bench/engines_rows.h"
#include "serving/engines/forest.h"
#include "serving/engines/row_pool.h"

namespace clops::bench {
namespace {

double resident_kib() {
  std::ifstream status("/proc/self/statm");
  double size = 0, resident = 0;
  status >> size >> resident;
  return resident * 4;
}

// BENCH_INSTRUCTIONS=avx2: as on a processor without AVX-512. The peers go on as they are.
serving::ForestOptions options_asked() {
  const char* asked = std::getenv("BENCH_INSTRUCTIONS");
  if (asked == nullptr) return {};
  if (std::string_view(asked) != "avx2") die("BENCH_INSTRUCTIONS is avx2 or not set");
  return {.instructions = serving::ForestOptions::Instructions::Avx2};
}

serving::Forest load_forest(const std::string& path, const serving::ForestOptions& options) {
  auto forest = serving::Forest::make(load_ensemble(path), options);
  if (!forest) die(forest.error().message);
  return std::move(*forest);
}

class Clops final : public Peer {
 public:
  Clops(const std::string& model, size_t columns, size_t outputs, size_t rows_max)
      : Peer(columns, outputs),
        forest_(load_forest(model, options_asked())),
        work_(forest_.make_work()),
        answers_(rows_max * outputs) {}
  void batch(const float* rows, size_t count) override { forest_.predict(rows, count, work_, answers_.data()); }
  double answer(size_t i) const override { return answers_[i]; }
  const serving::Forest& forest() const { return forest_; }

 private:
  serving::Forest forest_;
  serving::ForestWork work_;
  std::vector<double> answers_;
};

std::unique_ptr<Peer> make_peer(const std::string& engine, const std::string& library, const std::string& model,
                                size_t columns, size_t outputs, size_t rows_max) {
  if (engine == "clops") return std::make_unique<Clops>(model, columns, outputs, rows_max);
  if (engine == "xgboost") return std::make_unique<XgboostPeer>(Library(library), model, columns, outputs);
  if (engine == "lightgbm") return std::make_unique<LightgbmPeer>(Library(library), model, columns, outputs, rows_max);
  if (engine == "tl2cgen") return std::make_unique<Tl2cgenPeer>(Library(library), columns, outputs, rows_max);
  if (engine == "lleaves") return std::make_unique<LleavesPeer>(Library(library), columns, outputs, rows_max);
  if (engine.starts_with("onnxruntime:"))
    return std::make_unique<OnnxPeer>(library, model, columns, outputs, engine.substr(engine.find(':') + 1));
  die("no engine " + engine);
}

// 16 calls to a reading of the clock, each with another row; so many rows that no branch predictor learns them.
std::pair<double, double> time_one(Peer& peer, const Rows& rows, double seconds) {
  constexpr size_t kCalls = 16, kRows = 65536;
  std::vector<double> times;
  const size_t wrap = std::min(rows.count() / kCalls * kCalls, kRows);
  const auto start = Clock::now();
  for (size_t row = 0; times.size() < 1000 || microseconds_since(start) < seconds * 1e6; row = (row + kCalls) % wrap) {
    const auto before = Clock::now();
    for (size_t i = 0; i < kCalls; ++i) peer.one(rows.at(row + i));
    times.push_back(microseconds_since(before) / kCalls);
  }
  return {quantile(times, 0.5), quantile(times, 0.99)};
}

// What two threads do in the time of one, by the engine that servers have: on a batch that its pool shares out in
// chunks, and, to know what the machine gives two at that moment, each on a batch of its own.
struct TwoThreads {
  double shared = 0, apart = 0;
};
class TwoThreadsTimer {
 public:
  TwoThreadsTimer(const std::string& model, const Rows& rows) {
    const formats::Ensemble ensemble = load_ensemble(model);
    // Each on a processor of its own from the beginning: within a few milliseconds the system may leave both on one.
    pin(other_);
    const auto pool = std::make_shared<serving::RowPool>(1);
    pin(here_);
    alone_ = make(ensemble, nullptr);
    shared_ = make(ensemble, pool);
    const auto datatype = alone_->info().inputs[0].datatype;
    rows_.reset(datatype, {static_cast<int64_t>(rows.count()), static_cast<int64_t>(ensemble.features)});
    if (datatype == serving::Datatype::Fp32)
      std::ranges::copy(rows.numbers, rows_.as<float>().begin());
    else
      std::ranges::copy(rows.numbers, rows_.as<double>().begin());
  }

  TwoThreads run() {
    // Each thread has memory of its own, as in a server; what the other one has written last would come from its cache.
    Asker one(*alone_), other(*alone_), both(*shared_);
    std::vector<double> shared, apart;
    for (int round = 0; round < 9; ++round) {
      const double alone = timed([&] { one.ask(rows_); });
      shared.push_back(alone / timed([&] { both.ask(rows_); }));
      apart.push_back(2 * alone / timed([&] {
                        std::thread beside([&] {
                          pin(other_);
                          other.ask(rows_);
                        });
                        one.ask(rows_);
                        beside.join();
                      }));
    }
    return {quantile(shared, 0.5), quantile(apart, 0.5)};
  }

 private:
  struct Asker {
    const serving::Engine& engine;
    std::unique_ptr<serving::Scratch> scratch;
    std::vector<serving::TensorBuffer> outputs;
    explicit Asker(const serving::Engine& asked)
        : engine(asked), scratch(asked.make_scratch()), outputs(asked.info().outputs.size()) {
      for (size_t i = 1; i < outputs.size(); ++i) outputs[i].wanted = false;
    }
    // Several batches on end: a processor that was idle takes a while to come to its speed.
    void ask(const serving::TensorBuffer& rows) {
      const serving::TensorView view = rows.view();
      for (int i = 0; i < 8; ++i)
        if (const Status asked = engine.infer({&view, 1}, *scratch, outputs); !asked) die(asked.error().message);
    }
  };

  static void pin(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  static std::unique_ptr<serving::Engine> make(const formats::Ensemble& model, std::shared_ptr<serving::RowPool> pool) {
    auto engine = serving::make_forest_engine(model, options_asked(), std::move(pool));
    if (!engine) die(engine.error().message);
    return std::move(*engine);
  }
  static double timed(const auto& work) {
    const auto before = Clock::now();
    work();
    return microseconds_since(before);
  }

  const int here_ = sched_getcpu(), other_ = here_ == 0 ? 1 : 0;
  std::unique_ptr<serving::Engine> alone_, shared_;
  serving::TensorBuffer rows_;
};

int run(char** args) {
  const std::string engine = args[1], model = args[3];
  const auto columns = static_cast<size_t>(std::atoi(args[5])), outputs = static_cast<size_t>(std::atoi(args[6]));
  const double seconds = std::atof(args[8]);
  const Rows rows = read_rows(args[4], columns);
  const double kib = resident_kib();
  const auto start = Clock::now();
  const bool only_load = seconds == 0;
  const auto peer = make_peer(engine, args[2], model, columns, outputs, only_load ? 64 : rows.count());
  const double load = microseconds_since(start) / 1000;
  if (only_load) {
    peer->batch(rows.at(0), 64);
    std::printf("{\"load_ms\": %.2f, \"memory_kib\": %.0f}\n", load, resident_kib() - kib);
    std::fflush(stdout);
    std::_Exit(0);
  }
  write_answers(*peer, rows, 500, outputs, args[7]);
  time_one(*peer, rows, 0);
  const auto [one, late] = time_one(*peer, rows, seconds);
  std::printf("{\"one\": %.4f, \"one_p99\": %.4f", one, late);
  for (const size_t size : {size_t{100}, size_t{1000}, size_t{100'000}})
    std::printf(", \"%zu\": %.5f", size, time_batches(*peer, rows, size, seconds, 3, 2000));
  if (const auto* clops = dynamic_cast<const Clops*>(peer.get())) {
    const TwoThreads two = TwoThreadsTimer(model, rows).run();
    std::printf(", \"two_threads\": %.3f, \"two_apart\": %.3f, \"evaluator\": \"%s\"", two.shared, two.apart,
                clops->forest().explanation().c_str());
  }
  std::printf("}\n");
  std::fflush(stdout);
  std::_Exit(0);  // some peers' own threads do not like to end
}

// The one function whose instructions callgrind counts: loading measures kernels by the clock, never twice alike.
extern "C" [[gnu::noipa]] void counted_visits(const serving::Forest& forest, const Rows& rows, size_t count,
                                              size_t batch) {
  std::vector<double> out(batch * forest.out_columns());
  serving::ForestWork work = forest.make_work();
  for (size_t row = 0; row + batch <= count; row += batch) forest.predict(rows.at(row), batch, work, out.data());
}

// The kernels that AVX2 would choose here, named: callgrind knows no AVX-512 and its clock would choose otherwise.
int visits(char** args) {
  serving::ForestOptions options{.instructions = serving::ForestOptions::Instructions::Avx2};
  const std::string single = args[2];
  using Single = serving::ForestOptions::Single;
  for (const Single each : {Single::Heap, Single::Bits, Single::Walk})
    if (to_string(each) == single) options.single = each;
  const auto batch = static_cast<size_t>(std::atoi(args[7]));
  if (batch > 1) {
    options.batch = serving::ForestOptions::Batch::Planes;
    if (!serving::Forest::make(load_ensemble(args[3]), options)) options.batch = serving::ForestOptions::Batch::Masks;
  }
  const serving::Forest forest = load_forest(args[3], options);
  if (single == "?") {
    std::printf("%s\n", std::string(to_string(forest.chosen().single)).c_str());
    return 0;
  }
  const Rows rows = read_rows(args[4], static_cast<size_t>(std::atoi(args[5])));
  counted_visits(forest, rows, static_cast<size_t>(std::atoi(args[6])), batch);
  return 0;
}

}  // namespace
}  // namespace clops::bench

int main(int count, char** args) {
  if (count == 8 && std::string_view(args[1]) == "visits") return clops::bench::visits(args);
  if (count != 9) clops::bench::die("usage: see the top of bench/engines.cpp");
  return clops::bench::run(args);
}
