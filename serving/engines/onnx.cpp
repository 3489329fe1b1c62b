#include "serving/engines/onnx.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "base/file.h"
#include "formats/model_file.h"
#include "formats/onnx.h"
#include "serving/engines/onnx_runtime.h"

namespace clops::serving {
namespace {

int element_of(Datatype type) {
  switch (type) {
    case Datatype::Bool:
      return ort::kBool;
    case Datatype::Uint8:
      return ort::kUint8;
    case Datatype::Uint16:
      return ort::kUint16;
    case Datatype::Uint32:
      return ort::kUint32;
    case Datatype::Uint64:
      return ort::kUint64;
    case Datatype::Int8:
      return ort::kInt8;
    case Datatype::Int16:
      return ort::kInt16;
    case Datatype::Int32:
      return ort::kInt32;
    case Datatype::Int64:
      return ort::kInt64;
    case Datatype::Fp16:
      return ort::kFloat16;
    case Datatype::Bf16:
      return ort::kBfloat16;
    case Datatype::Fp32:
      return ort::kFloat;
    case Datatype::Fp64:
      return ort::kDouble;
    case Datatype::Bytes:
      break;
  }
  return ort::kString;
}

// Values of one call, freed with it.
class OnnxScratch final : public Scratch {
 public:
  explicit OnnxScratch(std::shared_ptr<const ort::Runtime> runtime) : runtime_(std::move(runtime)) {}
  OnnxScratch(const OnnxScratch&) = delete;
  OnnxScratch& operator=(const OnnxScratch&) = delete;
  ~OnnxScratch() override { clear(); }
  void clear() {
    for (std::vector<ort::Value*>* const values : {&inputs, &outputs}) {
      for (ort::Value* const value : *values)
        if (value != nullptr) runtime_->functions().release_value(value);
      values->clear();
    }
    output_names.clear();
  }
  std::vector<ort::Value*> inputs, outputs;
  std::vector<const char*> output_names;
  std::vector<int64_t> shape;
  std::vector<size_t> offsets;
  std::string text;

 private:
  std::shared_ptr<const ort::Runtime> runtime_;
};

class OnnxEngine final : public Engine {
 public:
  OnnxEngine(std::shared_ptr<const ort::Runtime> runtime, ort::Session* session, EngineInfo info,
             std::vector<std::vector<std::string>> dimensions)
      : runtime_(std::move(runtime)),
        f_(runtime_->functions()),
        session_(session),
        info_(std::move(info)),
        dimensions_(std::move(dimensions)) {
    for (const TensorSpec& input : info_.inputs) input_names_.push_back(input.name.c_str());
  }
  OnnxEngine(const OnnxEngine&) = delete;
  OnnxEngine& operator=(const OnnxEngine&) = delete;
  ~OnnxEngine() override { f_.release_session(session_); }

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<OnnxScratch>(runtime_); }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    auto& work = static_cast<OnnxScratch&>(scratch);
    const Status done = run(inputs, work, outputs);
    work.clear();
    return done;
  }

 private:
  Status run(std::span<const TensorView> inputs, OnnxScratch& work, std::span<TensorBuffer> outputs) const {
    CLOPS_TRY(check_dimensions(inputs));
    for (const TensorView& input : inputs) CLOPS_TRY(give(input, work.inputs.emplace_back()));
    for (size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].wanted) work.output_names.push_back(info_.outputs[i].name.c_str());
    work.outputs.resize(work.output_names.size());
    if (const Status ran =
            runtime_->check(f_.run(session_, nullptr, input_names_.data(), work.inputs.data(), work.inputs.size(),
                                   work.output_names.data(), work.output_names.size(), work.outputs.data()));
        !ran)
      return fail_in("the model cannot compute this", ran.error());
    size_t next = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].wanted) continue;
      if (const Status taken = take(work.outputs[next++], info_.outputs[i], work, outputs[i]); !taken)
        return fail_in("output \"" + info_.outputs[i].name + "\"", taken.error());
    }
    return {};
  }

  // Dimensions of one name are of one size: the runtime would broadcast some that differ, silently.
  Status check_dimensions(std::span<const TensorView> inputs) const {
    for (size_t i = 1; i < inputs.size(); ++i) {
      for (size_t d = 0; d < std::min(dimensions_[i].size(), inputs[i].shape.size()); ++d) {
        const std::string& name = dimensions_[i][d];
        if (name.empty()) continue;
        for (size_t before = 0; before < i; ++before) {
          const auto at = std::ranges::find(dimensions_[before], name);
          const auto place = static_cast<size_t>(at - dimensions_[before].begin());
          if (at == dimensions_[before].end() || inputs[before].shape[place] == inputs[i].shape[d]) continue;
          return fail(Code::InvalidArgument, "inputs \"" + info_.inputs[before].name + "\" and \"" +
                                                 info_.inputs[i].name + "\" differ in dimension \"" + name +
                                                 "\": " + std::to_string(inputs[before].shape[place]) + " and " +
                                                 std::to_string(inputs[i].shape[d]));
        }
      }
    }
    return {};
  }

  // The runtime only reads what it is given, though its interface has no const.
  Status give(const TensorView& input, ort::Value*& value) const {
    const int type = element_of(input.datatype);
    if (input.datatype != Datatype::Bytes) {
      return runtime_->check(f_.create_tensor_over(runtime_->memory(), const_cast<void*>(input.data),
                                                   input.count * size_of(input.datatype), input.shape.data(),
                                                   input.shape.size(), type, &value));
    }
    CLOPS_TRY(
        runtime_->check(f_.create_tensor(runtime_->allocator(), input.shape.data(), input.shape.size(), type, &value)));
    const std::span<const std::string_view> texts = input.as<std::string_view>();
    for (size_t i = 0; i < texts.size(); ++i) {
      char* to = nullptr;
      CLOPS_TRY(runtime_->check(f_.text_buffer(value, i, texts[i].size(), &to)));
      std::memcpy(to, texts[i].data(), texts[i].size());
    }
    return {};
  }

  Status take(ort::Value* value, const TensorSpec& spec, OnnxScratch& work, TensorBuffer& out) const {
    int is_tensor = 0;
    if (value != nullptr) CLOPS_TRY(runtime_->check(f_.is_tensor(value, &is_tensor)));
    if (is_tensor == 0) return fail(Code::Internal, "is no tensor");
    CLOPS_TRY(read_shape(value, spec, work));
    out.reset(spec.datatype, work.shape);
    if (out.count() == 0) return {};
    if (spec.datatype == Datatype::Bytes) return take_texts(value, work, out);
    void* data = nullptr;
    CLOPS_TRY(runtime_->check(f_.tensor_data(value, &data)));
    std::memcpy(out.data(), data, out.count() * size_of(spec.datatype));
    return {};
  }

  Status read_shape(const ort::Value* value, const TensorSpec& spec, OnnxScratch& work) const {
    ort::ShapeInfo* info = nullptr;
    CLOPS_TRY(runtime_->check(f_.shape_info(value, &info)));
    int type = 0;
    size_t rank = 0;
    Status status = runtime_->check(f_.element_type(info, &type));
    if (status) status = runtime_->check(f_.rank(info, &rank));
    if (status) {
      work.shape.resize(rank);
      status = runtime_->check(f_.dimensions(info, work.shape.data(), rank));
    }
    f_.release_shape_info(info);
    if (status && type != element_of(spec.datatype))
      return fail(Code::Internal, "is of another datatype than declared");
    return status;
  }

  Status take_texts(const ort::Value* value, OnnxScratch& work, TensorBuffer& out) const {
    size_t bytes = 0;
    CLOPS_TRY(runtime_->check(f_.texts_length(value, &bytes)));
    work.text.resize(bytes);
    work.offsets.resize(out.count() + 1);
    CLOPS_TRY(runtime_->check(f_.texts(value, work.text.data(), bytes, work.offsets.data(), out.count())));
    work.offsets.back() = bytes;
    for (size_t i = 0; i < out.count(); ++i) {
      out.set_text(i, std::string_view(work.text).substr(work.offsets[i], work.offsets[i + 1] - work.offsets[i]));
    }
    return {};
  }

  const std::shared_ptr<const ort::Runtime> runtime_;
  const ort::Functions& f_;
  ort::Session* const session_;
  const EngineInfo info_;
  const std::vector<std::vector<std::string>> dimensions_;  // per input, their names
  std::vector<const char*> input_names_;
};

Result<TensorSpec> spec_of(const formats::OnnxTensor& tensor) {
  CLOPS_ASSIGN(const Datatype type, datatype_from(tensor.datatype));
  return TensorSpec{.name = tensor.name, .datatype = type, .shape = tensor.shape, .any_shape = tensor.any_shape};
}

class OnnxEngineFactory final : public EngineFactory {
 public:
  explicit OnnxEngineFactory(OnnxOptions options) : options_(std::move(options)) {}

  bool accepts(std::string_view format) const override { return format == "onnx"; }

  Result<std::unique_ptr<Engine>> load(std::string_view path) const override {
    CLOPS_ASSIGN(const std::filesystem::path file, formats::find_model_file(std::filesystem::path(path)));
    CLOPS_ASSIGN(std::string bytes, read_file(file, formats::kModelBytesMax));
    CLOPS_ASSIGN(const formats::OnnxModel model, formats::read_onnx(bytes));
    CLOPS_ASSIGN(const auto runtime, runtime_of());
    EngineInfo info{.platform = "onnxruntime_onnx", .framework = model.framework, .inputs = {}, .outputs = {}};
    std::vector<std::vector<std::string>> dimensions;
    for (const formats::OnnxTensor& input : model.inputs) {
      CLOPS_ASSIGN(TensorSpec spec, spec_of(input));
      info.inputs.push_back(std::move(spec));
      dimensions.push_back(input.dimensions);
    }
    for (const formats::OnnxTensor& output : model.outputs) {
      CLOPS_ASSIGN(TensorSpec spec, spec_of(output));
      info.outputs.push_back(std::move(spec));
    }
    info.bytes = bytes.size();
    info.exact_batches = false;  // its kernels sum in an order that the number of rows decides
    info.evaluator =
        "ONNX Runtime " + runtime->version() + ", " +
        (options_.threads == 1 ? std::string("one thread") : std::to_string(options_.threads) + " threads");
    if (model.zipmaps > 0) bytes = formats::without_zipmaps(bytes);
    CLOPS_ASSIGN(ort::Session* const session, open_session(*runtime, model, file, bytes));
    return std::make_unique<OnnxEngine>(runtime, session, std::move(info), std::move(dimensions));
  }

 private:
  Result<std::shared_ptr<const ort::Runtime>> runtime_of() const {
    const std::lock_guard lock(mutex_);
    if (runtime_ == nullptr) {
      CLOPS_ASSIGN(runtime_, ort::Runtime::open(options_.libraries));
    }
    return runtime_;
  }

  Result<ort::Session*> open_session(const ort::Runtime& runtime, const formats::OnnxModel& model,
                                     const std::filesystem::path& file, const std::string& bytes) const {
    const ort::Functions& f = runtime.functions();
    ort::SessionOptions* options = nullptr;
    CLOPS_TRY(runtime.check(f.create_session_options(&options)));
    ort::Session* session = nullptr;
    const Status opened = open_with(runtime, model, file, bytes, *options, session);
    f.release_options(options);
    if (opened) return session;
    const Code code = opened.error().code;
    return fail(code == Code::Internal ? Code::InvalidArgument : code,
                "ONNX Runtime " + runtime.version() + " refuses the model: " + opened.error().message);
  }

  Status open_with(const ort::Runtime& runtime, const formats::OnnxModel& model, const std::filesystem::path& file,
                   const std::string& bytes, ort::SessionOptions& options, ort::Session*& session) const {
    const ort::Functions& f = runtime.functions();
    CLOPS_TRY(runtime.check(f.set_intra_threads(&options, options_.threads)));
    CLOPS_TRY(runtime.check(f.set_inter_threads(&options, 1)));
    CLOPS_TRY(runtime.check(f.add_config(&options, "session.intra_op.allow_spinning", "0")));
    CLOPS_TRY(runtime.check(f.add_config(&options, "session.inter_op.allow_spinning", "0")));
    if (model.external_files.empty())
      return runtime.check(f.create_session_from_array(runtime.env(), bytes.data(), bytes.size(), &options, &session));
    // Weights are looked for beside the file, so it is given by its path.
    for (const std::string& name : model.external_files) {
      std::error_code error;
      if (!std::filesystem::is_regular_file(file.parent_path() / name, error))
        return fail(Code::InvalidArgument, "its weights' file " + name + " is not beside it");
    }
    if (model.zipmaps > 0)
      return fail(Code::Unsupported, "weights in other files together with a ZipMap: export with zipmap=False");
    return runtime.check(f.create_session(runtime.env(), file.c_str(), &options, &session));
  }

  const OnnxOptions options_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const ort::Runtime> runtime_;  // guarded by mutex_; open from the first load on
};

}  // namespace

std::unique_ptr<EngineFactory> make_onnx_engine_factory(OnnxOptions options) {
  return std::make_unique<OnnxEngineFactory>(std::move(options));
}

std::vector<std::string> onnx_runtime_places(std::string_view named) {
  if (!named.empty()) return {std::string(named)};
  std::vector<std::string> places;
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    places.push_back((program.parent_path() / "libonnxruntime.so.1").string());
    places.push_back((program.parent_path().parent_path() / "lib/libonnxruntime.so.1").string());
  }
  places.emplace_back("libonnxruntime.so.1");
  places.emplace_back("/usr/local/lib/libonnxruntime.so.1");
  return places;
}

}  // namespace clops::serving
