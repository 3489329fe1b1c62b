// The libraries that bench/engines.sh measures beside clops, called through their C interfaces as their authors mean
// them to be: everything that can be set up before the first call is. Each is opened while running.
//
// Thread rule: one thread. Errors: a text on stderr and exit 2, which the table shows as a refusal.
#pragma once

#include <dlfcn.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace clops::bench {

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

class Peer {
 public:
  Peer(size_t columns, size_t outputs) : columns_(columns), outputs_(outputs) {}
  virtual ~Peer() = default;
  virtual void one(const float* row) { batch(row, 1); }  // the answer is kept
  virtual void batch(const float* rows, size_t count) = 0;
  [[nodiscard]] virtual double answer(size_t i) const = 0;

 protected:
  size_t columns_, outputs_;
};

class Library {
 public:
  explicit Library(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) die(dlerror());
  }
  template <class Function>
  Function get(const char* name) const {
    void* at = dlsym(handle_, name);
    if (at == nullptr) die(std::string("no symbol ") + name);
    return reinterpret_cast<Function>(at);
  }

 private:
  void* handle_;
};

namespace xgboost {

inline void check(int failed) {
  if (failed != 0) die("XGBoost refuses");
}
inline void* load(const Library& library, const std::string& model) {
  void* booster = nullptr;
  check(library.get<int (*)(const void* const*, uint64_t, void**)>("XGBoosterCreate")(nullptr, 0, &booster));
  check(library.get<int (*)(void*, const char*)>("XGBoosterLoadModel")(booster, model.c_str()));
  check(library.get<int (*)(void*, const char*, const char*)>("XGBoosterSetParam")(booster, "nthread", "1"));
  return booster;
}
inline std::string array_interface(const float* rows, size_t count, size_t columns) {
  return "{\"data\":[" + std::to_string(reinterpret_cast<uintptr_t>(rows)) + ",true],\"shape\":[" +
         std::to_string(count) + "," + std::to_string(columns) + "],\"typestr\":\"<f4\",\"version\":3}";
}

}  // namespace xgboost

class XgboostPeer final : public Peer {
 public:
  XgboostPeer(const Library& library, const std::string& model, size_t columns, size_t outputs)
      : Peer(columns, outputs), predict_(library.get<Predict>("XGBoosterPredictFromDense")), row_(columns) {
    booster_ = xgboost::load(library, model);
    row_description_ = xgboost::array_interface(row_.data(), 1, columns);
  }
  void one(const float* row) override {
    std::memcpy(row_.data(), row, columns_ * sizeof(float));
    call(row_description_);
  }
  void batch(const float* rows, size_t count) override { call(xgboost::array_interface(rows, count, columns_)); }
  double answer(size_t i) const override { return static_cast<double>(answers_[i]); }

 private:
  using Predict = int (*)(void*, const char*, const char*, void*, const uint64_t**, uint64_t*, const float**);
  void call(const std::string& description) {
    const uint64_t* shape = nullptr;
    uint64_t dimensions = 0;
    xgboost::check(predict_(booster_, description.c_str(), kSettings, nullptr, &shape, &dimensions, &answers_));
  }
  static constexpr const char* kSettings =
      R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"cache_id":0,"missing":NaN})";
  Predict predict_;
  void* booster_ = nullptr;
  std::vector<float> row_;
  std::string row_description_;
  const float* answers_ = nullptr;
};

class LightgbmPeer final : public Peer {  // single rows through its fast interface
 public:
  enum class Of : int { Predictions = 0, Contributions = 3 };
  // `outputs`: numbers a row.
  LightgbmPeer(const Library& library, const std::string& model, size_t columns, size_t outputs, size_t rows_max,
               Of what = Of::Predictions)
      : Peer(columns, outputs),
        what_(static_cast<int>(what)),
        fast_(library.get<Fast>("LGBM_BoosterPredictForMatSingleRowFast")),
        many_(library.get<Many>("LGBM_BoosterPredictForMat")),
        answers_(rows_max * outputs) {
    int iterations = 0;
    check(library.get<int (*)(const char*, int*, void**)>("LGBM_BoosterCreateFromModelfile")(model.c_str(), &iterations,
                                                                                             &booster_));
    check(library.get<int (*)(void*, int, int, int, int, int32_t, const char*, void**)>(
        "LGBM_BoosterPredictForMatSingleRowFastInit")(booster_, what_, 0, -1, 0, static_cast<int32_t>(columns),
                                                      "num_threads=1", &set_up_));
  }
  void one(const float* row) override { check(fast_(set_up_, row, &length_, answers_.data())); }
  void batch(const float* rows, size_t count) override {
    check(many_(booster_, rows, 0, static_cast<int32_t>(count), static_cast<int32_t>(columns_), 1, what_, 0, -1,
                "num_threads=1", &length_, answers_.data()));
  }
  double answer(size_t i) const override { return answers_[i]; }

 private:
  using Fast = int (*)(void*, const void*, int64_t*, double*);
  using Many = int (*)(void*, const void*, int, int32_t, int32_t, int, int, int, int, const char*, int64_t*, double*);
  static void check(int failed) {
    if (failed != 0) die("LightGBM refuses");
  }
  const int what_;
  Fast fast_;
  Many many_;
  void* booster_ = nullptr;
  void* set_up_ = nullptr;
  int64_t length_ = 0;
  std::vector<double> answers_;
};

class Tl2cgenPeer final : public Peer {  // compiled code: predict(entries, margins only?, answers) once a row
 public:
  Tl2cgenPeer(const Library& library, size_t columns, size_t outputs, size_t rows_max)
      : Peer(columns, outputs),
        predict_(library.get<void*>("predict")),
        narrow_in_(std::strcmp(library.get<const char* (*)()>("get_threshold_type")(), "float32") == 0),
        narrow_out_(std::strcmp(library.get<const char* (*)()>("get_leaf_output_type")(), "float32") == 0),
        floats_(columns),
        doubles_(columns),
        narrow_(rows_max * outputs),
        wide_(rows_max * outputs) {}
  void batch(const float* rows, size_t count) override {
    for (size_t i = 0; i < count; ++i) row(rows + i * columns_, i);
  }
  double answer(size_t i) const override { return narrow_out_ ? static_cast<double>(narrow_[i]) : wide_[i]; }

 private:
  union Float {
    int missing;
    float value;
  };
  union Double {
    int missing;
    double value;
  };
  template <class Entry>
  void fill(std::vector<Entry>& entries, const float* row) {
    for (size_t k = 0; k < columns_; ++k) {
      entries[k].value = row[k];
      if (std::isnan(row[k])) entries[k].missing = -1;
    }
  }
  void row(const float* row, size_t i) {
    void* out = narrow_out_ ? static_cast<void*>(narrow_.data() + i * outputs_) : wide_.data() + i * outputs_;
    std::memset(out, 0, (narrow_out_ ? sizeof(float) : sizeof(double)) * outputs_);
    narrow_in_ ? fill(floats_, row) : fill(doubles_, row);
    void* in = narrow_in_ ? static_cast<void*>(floats_.data()) : doubles_.data();
    reinterpret_cast<void (*)(void*, int, void*)>(predict_)(in, 0, out);
  }
  void* predict_;
  bool narrow_in_, narrow_out_;
  std::vector<Float> floats_;
  std::vector<Double> doubles_;
  std::vector<float> narrow_;
  std::vector<double> wide_;
};

class LleavesPeer final : public Peer {  // forest_root(rows, answers, first, end) of the object it compiled
 public:
  LleavesPeer(const Library& library, size_t columns, size_t outputs, size_t rows_max)
      : Peer(columns, outputs),
        root_(library.get<Root>("forest_root")),
        rows_(rows_max * columns),
        answers_(rows_max * outputs) {}
  void batch(const float* rows, size_t count) override {
    for (size_t i = 0; i < count * columns_; ++i) rows_[i] = static_cast<double>(rows[i]);
    std::memset(answers_.data(), 0, count * outputs_ * sizeof(double));
    root_(rows_.data(), answers_.data(), 0, static_cast<int>(count));
  }
  double answer(size_t i) const override { return answers_[i]; }

 private:
  using Root = void (*)(double*, double*, int, int);
  Root root_;
  std::vector<double> rows_, answers_;
};

}  // namespace clops::bench
