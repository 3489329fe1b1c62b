#include "cli/inspect.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>

#include "base/json.h"
#include "formats/model_file.h"
#include "registry/inspection.h"
#include "serving/engines/factories.h"
#include "serving/lifecycle/model_loader.h"
#include "serving/lifecycle/trial.h"

namespace clops::cli {
namespace {

struct Options {
  std::string path, format = "auto", output = "text";
};

std::string tensor(const formats::TensorDescription& tensor) {
  std::string text = tensor.name + " " + tensor.datatype + " [";
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + (tensor.shape[i] < 0 ? std::string("rows") : std::to_string(tensor.shape[i]));
  return text + "]";
}

// Pieces, each with what separates it from the next, as many to a line as fit under a heading.
void print_wrapped(std::ostream& out, std::string_view heading, const std::vector<std::string>& pieces) {
  out << std::left << std::setw(11) << heading;
  size_t width = 11;
  for (const std::string& piece : pieces) {
    if (width + piece.size() > 100) {
      out << "\n           ";
      width = 11;
    }
    out << piece;
    width += piece.size();
  }
  out << '\n';
}

// Columns as a request gives them.
void print_columns(std::ostream& out, std::vector<std::string> names) {
  for (size_t i = 0; i + 1 < names.size(); ++i) names[i] += ", ";
  print_wrapped(out, "columns", names);
}

void print_text(std::ostream& out, std::string_view heading, const std::string& text) {
  std::vector<std::string> pieces;
  std::istringstream words(text);
  for (std::string word; words >> word;) pieces.push_back(word + ' ');
  print_wrapped(out, heading, pieces);
}

// What a request brings for categories: their names, or the codes that they stand for.
void print_categories(std::ostream& out, const formats::Summary& model) {
  constexpr size_t kShown = 50;
  for (size_t i = 0; i < model.category_names.size(); ++i) {
    const std::vector<std::string>& names = model.category_names[i];
    if (names.empty()) continue;
    std::string text = (model.feature_names.empty() ? "column " + std::to_string(i) : model.feature_names[i]) + ":";
    for (size_t code = 0; code < std::min(names.size(), kShown); ++code)
      text += (code == 0 ? " " : ", ") + std::to_string(code) + " = " + dump_json(names[code]);
    if (names.size() > kShown) text += ", ... (" + std::to_string(names.size()) + ")";
    print_text(out, "codes", text);
  }
  if (model.category_names.empty()) return;
  const bool refused = model.unknown_category == formats::UnknownCategory::Refused;
  print_text(out, "names",
             std::string("a request brings the name as text, or its code as a number; any other name is ") +
                 (refused ? "refused" : "a missing value"));
}

void print(std::ostream& out, const formats::Summary& model, const Json& document) {
  out << "format     " << model.format << " (" << model.framework << ")\n"
      << "digest     " << string_at(document, {"digest"}) << "\n"
      << "bytes      " << int_at(document, {"bytes"}) << "\n";
  if (!model.objective.empty()) out << "objective  " << model.objective << "\n";
  if (model.trees != 0)
    out << "trees      " << model.trees << ", up to " << model.depth_max << " deep, " << model.nodes << " nodes\n";
  for (const auto& input : model.inputs) out << "input      " << tensor(input) << "\n";
  for (const auto& output : model.outputs) out << "output     " << tensor(output) << "\n";
  for (const auto& [what, text] : model.details) out << std::left << std::setw(11) << what << text << "\n";
  if (!model.feature_names.empty()) print_columns(out, model.feature_names);
  print_categories(out, model);
  for (const std::string& note : model.notes) out << "note       " << note << "\n";
}

// Microseconds a row of `count` rows of zeros and empty texts, at best of several calls; nothing where the model does
// not take such rows.
std::optional<double> row_us(const serving::Engine& engine, int64_t count) {
  for (const serving::TensorSpec& spec : engine.info().required())
    if (spec.any_shape || (!spec.shape.empty() && spec.shape[0] >= 0 && spec.shape[0] != count)) return {};
  serving::Trial trial(engine);
  trial.fill(count, serving::Trial::Rows::Zeros);
  std::chrono::duration<double, std::micro> best{1e12};
  for (int call = 0; call < 20; ++call) {
    const auto began = std::chrono::steady_clock::now();
    if (!trial.infer()) return {};
    best = std::min<decltype(best)>(best, std::chrono::steady_clock::now() - began);
  }
  return best.count() / static_cast<double>(count);
}

// Where the engine itself measured nothing: trees did, over rows that differ.
void print_cost(std::ostream& out, const serving::Engine& engine) {
  constexpr int64_t kRows = 256;
  const std::optional<double> alone = row_us(engine, 1), beside = row_us(engine, kRows);
  std::ostringstream text;
  text << std::setprecision(3);
  if (alone) text << "a row alone " << *alone << " us";
  if (beside) text << (alone ? "; " : "") << "a row of " << kRows << " " << *beside << " us";
  text << (alone || beside ? " (measured now, one thread, rows of zeros)" : "not measured: it takes no rows of zeros");
  print_text(out, "cost", text.str());
}

// What evaluates it on this machine, and what a row costs: measured as a server does when it loads the model.
void print_engine(std::ostream& out, const Context& context, const std::string& path, const std::string& format) {
  const auto factories = serving::make_engine_factories(context.env("CLOPS_ONNXRUNTIME").value_or(""));
  const auto engine = serving::load_engine(factories, path, format);
  print_text(out, "engine", engine ? (*engine)->info().evaluator : "none here: " + engine.error().message);
  if (engine && (*engine)->info().trees == 0) print_cost(out, **engine);
  if (engine && (*engine)->info().bytes != 0) out << "memory     " << (*engine)->info().bytes << " bytes\n";
}

Status inspect(const Options& options, const Context& context) {
  std::ostream& out = context.out;
  const std::string line = registry::inspect_path(options.path, options.format);
  CLOPS_ASSIGN(const Json document, parse_json(line));
  const bool ok = bool_at(document, {"ok"});
  if (options.output == "json") out << line << '\n';
  if (!ok) {
    const std::string reason = string_at(document, {"reason"});
    return fail(reason == "NotFound" ? Code::NotFound : Code::InvalidArgument, string_at(document, {"message"}));
  }
  if (options.output == "json") return {};
  CLOPS_ASSIGN(const formats::Model model, formats::load_model(options.path, options.format));
  print(out, formats::summarize(model), document);
  print_engine(out, context, options.path, string_at(document, {"format"}));
  return {};
}

}  // namespace

void add_inspect(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command = root.add_subcommand("inspect", "Say what a model file is, or why it cannot be served");
  const auto options = std::make_shared<Options>();
  command->add_option("model", options->path, "Model file, or a folder with one model in it")->required();
  command->add_option("--format", options->format, "Expected format: xgboost, lightgbm, skops, onnx, mlflow or auto")
      ->capture_default_str();
  command->add_option("-o,--output", options->output, "text, or json: the line clops-server inspect prints")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  on_run(*command, context, exit_code, [options, &context] { return inspect(*options, context); });
}

}  // namespace clops::cli
