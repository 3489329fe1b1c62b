#include "formats/onnx.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "formats/protobuf.h"

namespace clops::formats {
namespace {

constexpr int kGraphDepthMax = 16;  // of graphs within graphs (If, Loop)
constexpr std::string_view kMl = "ai.onnx.ml";

// Field numbers of onnx.proto.
namespace model_field {
constexpr uint32_t kIrVersion = 1, kProducer = 2, kProducerVersion = 3, kGraph = 7, kOpset = 8;
}
namespace graph_field {
constexpr uint32_t kNode = 1, kInitializer = 5, kInput = 11, kOutput = 12, kSparse = 15;
}
namespace node_field {
constexpr uint32_t kInput = 1, kOutput = 2, kOp = 4, kAttribute = 5, kDomain = 7;
}
namespace attribute_field {
constexpr uint32_t kName = 1, kTensor = 5, kGraph = 6, kInts = 8, kStrings = 9, kTensors = 10, kGraphs = 11;
}
namespace tensor_field {
constexpr uint32_t kName = 8, kExternal = 13, kLocation = 14;
}

std::unexpected<Error> damaged(std::string_view where) {
  return fail(Code::InvalidArgument, "the ONNX file is damaged or truncated (in " + std::string(where) + ")");
}

std::string_view datatype_of(int64_t element) {
  static constexpr std::string_view kNames[] = {"",      "FP32",  "UINT8", "INT8", "UINT16", "INT16",  "INT32",
                                                "INT64", "BYTES", "BOOL",  "FP16", "FP64",   "UINT32", "UINT64"};
  if (element == 16) return "BF16";
  return element > 0 && element < 14 ? kNames[element] : std::string_view();
}

// One ValueInfoProto: a tensor, or what it is instead.
struct Value {
  OnnxTensor tensor;
  enum class Kind : uint8_t { Tensor, Maps, Other } kind = Kind::Other;  // Maps: a sequence of maps
  std::string is = "no tensor";
};

Status read_shape(std::string_view bytes, OnnxTensor& out) {
  ProtobufReader shape(bytes);
  out.any_shape = false;
  while (shape.next()) {
    if (!shape.is_bytes(1)) continue;
    if (out.shape.size() == 64) return damaged("a shape of more than 64 dimensions");
    int64_t size = -1;
    std::string name;
    ProtobufReader dimension(shape.bytes());
    while (dimension.next()) {
      if (dimension.is_varint(1)) size = std::max<int64_t>(dimension.integer(), -1);
      if (dimension.is_bytes(2)) name = dimension.bytes();
    }
    if (!dimension.ok()) return damaged("a shape");
    out.shape.push_back(size);
    out.dimensions.push_back(std::move(name));
  }
  return shape.ok() ? Status() : damaged("a shape");
}

Status read_tensor_type(std::string_view bytes, Value& out) {
  ProtobufReader type(bytes);
  out.tensor.any_shape = true;
  int64_t element = 0;
  while (type.next()) {
    if (type.is_varint(1)) element = type.integer();
    if (type.is_bytes(2)) CLOPS_TRY(read_shape(type.bytes(), out.tensor));
  }
  if (!type.ok()) return damaged("a tensor's type");
  out.tensor.datatype = datatype_of(element);
  out.kind = out.tensor.datatype.empty() ? Value::Kind::Other : Value::Kind::Tensor;
  out.is = "a tensor of ONNX's element type " + std::to_string(element);
  return {};
}

Result<Value> read_value(std::string_view bytes) {
  Value out;
  ProtobufReader info(bytes);
  while (info.next()) {
    if (info.is_bytes(1)) out.tensor.name = info.bytes();
    if (!info.is_bytes(2)) continue;
    ProtobufReader type(info.bytes());
    while (type.next()) {
      if (type.is_bytes(1)) {
        CLOPS_TRY(read_tensor_type(type.bytes(), out));
      } else if (type.is_bytes(4)) {
        out.is = "a sequence";
        ProtobufReader sequence(type.bytes());
        while (sequence.next()) {
          ProtobufReader element(sequence.is_bytes(1) ? sequence.bytes() : std::string_view());
          while (element.next())
            if (element.is_bytes(5)) out.kind = Value::Kind::Maps, out.is = "a sequence of maps";
          if (!element.ok()) return damaged("a sequence's type");
        }
        if (!sequence.ok()) return damaged("a sequence's type");
      } else if (type.is_bytes(5)) {
        out.is = "a map";
      }
    }
    if (!type.ok()) return damaged("a type");
  }
  if (!info.ok()) return damaged("an input or output");
  return out;
}

struct Node {
  std::string_view op, domain, first_input, first_output;
  size_t inputs = 0, outputs = 0;
};
Result<Node> read_node(std::string_view bytes) {
  Node out;
  ProtobufReader node(bytes);
  while (node.next()) {
    if (node.is_bytes(node_field::kInput) && out.inputs++ == 0) out.first_input = node.bytes();
    if (node.is_bytes(node_field::kOutput) && out.outputs++ == 0) out.first_output = node.bytes();
    if (node.is_bytes(node_field::kOp)) out.op = node.bytes();
    if (node.is_bytes(node_field::kDomain)) out.domain = node.bytes();
  }
  if (!node.ok()) return damaged("a node");
  return out;
}
bool is_zipmap(const Node& node) {
  return node.op == "ZipMap" && node.domain == kMl && node.inputs == 1 && node.outputs == 1;
}

// The labels of a ZipMap, in the order of its input's columns.
Result<std::vector<std::string>> zipmap_labels(std::string_view bytes) {
  std::vector<std::string> labels;
  ProtobufReader node(bytes);
  while (node.next()) {
    if (!node.is_bytes(node_field::kAttribute)) continue;
    std::string_view name;
    std::vector<std::string> found;
    ProtobufReader attribute(node.bytes());
    while (attribute.next()) {
      if (attribute.is_bytes(attribute_field::kName)) name = attribute.bytes();
      if (attribute.is_bytes(attribute_field::kStrings)) found.emplace_back(attribute.bytes());
      if (attribute.is_varint(attribute_field::kInts)) found.push_back(std::to_string(attribute.integer()));
      if (!attribute.is_bytes(attribute_field::kInts)) continue;
      std::string_view left = attribute.bytes();  // packed
      while (!left.empty()) {
        uint64_t value = 0;
        if (!take_varint(left, value)) return damaged("a ZipMap");
        found.push_back(std::to_string(static_cast<int64_t>(value)));
      }
    }
    if (!attribute.ok()) return damaged("a ZipMap");
    if (name.starts_with("classlabels_")) labels = std::move(found);
  }
  if (!node.ok()) return damaged("a ZipMap");
  return labels;
}

class OnnxReader {
 public:
  Result<OnnxModel> read(std::string_view bytes) {
    std::string_view graph;
    bool has_graph = false;
    std::string version;
    ProtobufReader model(bytes);
    while (model.next()) {
      if (model.is_varint(model_field::kIrVersion)) out_.ir_version = model.integer();
      if (model.is_bytes(model_field::kProducer)) out_.framework = model.bytes();
      if (model.is_bytes(model_field::kProducerVersion)) version = model.bytes();
      if (model.is_bytes(model_field::kOpset)) CLOPS_TRY(read_opset(model.bytes()));
      if (!model.is_bytes(model_field::kGraph)) continue;
      if (std::exchange(has_graph, true)) return damaged("the model: two graphs");
      graph = model.bytes();
    }
    if (!model.ok()) return damaged("the model");
    if (!has_graph) return fail(Code::InvalidArgument, "the ONNX file has no graph (truncated?)");
    if (out_.framework.empty()) out_.framework = "onnx";
    if (!version.empty()) out_.framework += " " + version;
    CLOPS_TRY(read_graph(graph));
    return std::move(out_);
  }

 private:
  Status read_opset(std::string_view bytes) {
    std::string domain;
    int64_t version = 0;
    ProtobufReader opset(bytes);
    while (opset.next()) {
      if (opset.is_bytes(1)) domain = opset.bytes();
      if (opset.is_varint(2)) version = opset.integer();
    }
    if (!opset.ok()) return damaged("an opset");
    out_.opsets.push_back((domain.empty() ? "ai.onnx" : domain) + " " + std::to_string(version));
    return {};
  }

  Status read_graph(std::string_view bytes) {
    std::set<std::string_view> constants;  // initializers that older files list among the inputs too
    std::vector<std::string_view> inputs, outputs;
    ProtobufReader graph(bytes);
    while (graph.next()) {
      if (graph.is_bytes(graph_field::kNode)) CLOPS_TRY(note_zipmap(graph.bytes()));
      if (graph.is_bytes(graph_field::kInitializer)) constants.insert(name_of(graph.bytes(), tensor_field::kName));
      if (graph.is_bytes(graph_field::kInput)) inputs.push_back(graph.bytes());
      if (graph.is_bytes(graph_field::kOutput)) outputs.push_back(graph.bytes());
    }
    if (!graph.ok()) return damaged("the graph");
    CLOPS_TRY(scan_graph(bytes, 0));
    for (const std::string_view input : inputs) {
      CLOPS_ASSIGN(Value value, read_value(input));
      if (constants.contains(value.tensor.name)) continue;
      if (value.kind != Value::Kind::Tensor)
        return fail(Code::Unsupported, "input '" + value.tensor.name + "' is " + value.is +
                                           ", which a request cannot carry: export the model with tensors as inputs");
      out_.inputs.push_back(std::move(value.tensor));
    }
    for (const std::string_view output : outputs) {
      CLOPS_ASSIGN(Value value, read_value(output));
      CLOPS_TRY(add_output(std::move(value)));
    }
    if (out_.inputs.empty() || out_.outputs.empty())
      return fail(Code::Unsupported, "the model has no input or no output: there is nothing to ask it");
    return {};
  }

  Status add_output(Value value) {
    const auto zipmap = zipmaps_.find(value.tensor.name);
    if (value.kind == Value::Kind::Maps && zipmap != zipmaps_.end()) {
      value.tensor.datatype = "FP32";
      value.tensor.any_shape = false;
      value.tensor.labels = zipmap->second;
      value.tensor.shape = {-1, static_cast<int64_t>(zipmap->second.size())};
      value.tensor.dimensions.assign(2, "");
      ++out_.zipmaps;
    } else if (value.kind != Value::Kind::Tensor) {
      return fail(Code::Unsupported,
                  "output '" + value.tensor.name + "' is " + value.is +
                      ", which an answer cannot carry: export the model with tensors as outputs (skl2onnx: "
                      "options={'zipmap': False})");
    }
    out_.outputs.push_back(std::move(value.tensor));
    return {};
  }

  Status note_zipmap(std::string_view bytes) {
    CLOPS_ASSIGN(const Node node, read_node(bytes));
    if (!is_zipmap(node)) return {};
    CLOPS_ASSIGN(zipmaps_[std::string(node.first_output)], zipmap_labels(bytes));
    return {};
  }

  static std::string_view name_of(std::string_view bytes, uint32_t number) {
    std::string_view name;
    for (ProtobufReader reader(bytes); reader.next();)
      if (reader.is_bytes(number)) name = reader.bytes();
    return name;
  }

  // Counts nodes and looks for weights that lie in other files, in every graph within the graph.
  Status scan_graph(std::string_view bytes, int depth) {
    if (depth > kGraphDepthMax) return fail(Code::InvalidArgument, "graphs are nested too deeply");
    ProtobufReader graph(bytes);
    while (graph.next()) {
      if (graph.is_bytes(graph_field::kInitializer)) CLOPS_TRY(scan_tensor(graph.bytes()));
      if (graph.is_bytes(graph_field::kSparse)) {
        ProtobufReader sparse(graph.bytes());
        while (sparse.next())
          if (sparse.is_bytes(1) || sparse.is_bytes(2)) CLOPS_TRY(scan_tensor(sparse.bytes()));
        if (!sparse.ok()) return damaged("a sparse tensor");
      }
      if (!graph.is_bytes(graph_field::kNode)) continue;
      ++out_.nodes;
      ProtobufReader node(graph.bytes());
      while (node.next())
        if (node.is_bytes(node_field::kAttribute)) CLOPS_TRY(scan_attribute(node.bytes(), depth));
      if (!node.ok()) return damaged("a node");
    }
    return graph.ok() ? Status() : damaged("a graph");
  }

  Status scan_attribute(std::string_view bytes, int depth) {
    ProtobufReader attribute(bytes);
    while (attribute.next()) {
      if (attribute.is_bytes(attribute_field::kTensor) || attribute.is_bytes(attribute_field::kTensors))
        CLOPS_TRY(scan_tensor(attribute.bytes()));
      if (attribute.is_bytes(attribute_field::kGraph) || attribute.is_bytes(attribute_field::kGraphs))
        CLOPS_TRY(scan_graph(attribute.bytes(), depth + 1));
    }
    return attribute.ok() ? Status() : damaged("an attribute");
  }

  Status scan_tensor(std::string_view bytes) {
    std::optional<std::string> location;
    bool external = false;
    ProtobufReader tensor(bytes);
    while (tensor.next()) {
      if (tensor.is_varint(tensor_field::kLocation)) external = tensor.integer() == 1;
      if (!tensor.is_bytes(tensor_field::kExternal)) continue;
      std::string_view key, value;
      ProtobufReader entry(tensor.bytes());
      while (entry.next()) {
        if (entry.is_bytes(1)) key = entry.bytes();
        if (entry.is_bytes(2)) value = entry.bytes();
      }
      if (!entry.ok()) return damaged("a tensor");
      if (key == "location") location = value;
    }
    if (!tensor.ok()) return damaged("a tensor");
    if (!external && !location) return {};
    const std::filesystem::path path(location.value_or(""));
    const bool inside = !path.empty() && path.is_relative() && std::ranges::find(path, "..") == path.end() &&
                        path.native().find('\0') == std::string::npos;
    if (!inside)
      return fail(Code::Unsupported,
                  "weights lie in '" + path.string().substr(0, 200) +
                      "', outside the model's own folder: save the model with its weights beside it");
    if (std::ranges::find(out_.external_files, path.string()) == out_.external_files.end())
      out_.external_files.push_back(path.string());
    return {};
  }

  OnnxModel out_;
  std::map<std::string, std::vector<std::string>, std::less<>> zipmaps_;  // by output
};

// A ValueInfoProto of a float tensor of any rows and so many columns.
std::string float_tensor(std::string_view name, size_t columns) {
  std::string any, some, shape, type, wrapped, out;
  append_varint_field(some, 1, columns);
  append_bytes_field(shape, 1, any);
  append_bytes_field(shape, 1, some);
  append_varint_field(type, 1, 1);
  append_bytes_field(type, 2, shape);
  append_bytes_field(wrapped, 1, type);
  append_bytes_field(out, 1, name);
  append_bytes_field(out, 2, wrapped);
  return out;
}

std::string graph_without_zipmaps(std::string_view bytes) {
  std::map<std::string, size_t, std::less<>> columns;  // of each ZipMap's output
  for (ProtobufReader graph(bytes); graph.next();) {
    if (!graph.is_bytes(graph_field::kNode)) continue;
    const auto node = read_node(graph.bytes());
    if (node && is_zipmap(*node)) columns[std::string(node->first_output)] = zipmap_labels(graph.bytes())->size();
  }
  std::string out;
  out.reserve(bytes.size());
  for (ProtobufReader graph(bytes); graph.next();) {
    if (graph.is_bytes(graph_field::kNode)) {
      const auto node = read_node(graph.bytes());
      if (node && is_zipmap(*node)) {
        std::string identity;
        append_bytes_field(identity, node_field::kInput, node->first_input);
        append_bytes_field(identity, node_field::kOutput, node->first_output);
        append_bytes_field(identity, node_field::kOp, "Identity");
        append_bytes_field(out, graph_field::kNode, identity);
        continue;
      }
    } else if (graph.is_bytes(graph_field::kOutput)) {
      const auto value = read_value(graph.bytes());
      const auto zipmap = value ? columns.find(value->tensor.name) : columns.end();
      if (zipmap != columns.end()) {
        append_bytes_field(out, graph_field::kOutput, float_tensor(zipmap->first, zipmap->second));
        continue;
      }
    }
    out += graph.whole();
  }
  return out;
}

}  // namespace

bool looks_like_onnx(std::string_view bytes) {
  // Field 1 (ir_version) as a small varint, then a producer, a domain, a version, a text, a graph or an opset.
  return bytes.size() > 4 && bytes[0] == '\x08' && bytes[1] > 0 && bytes[1] < 32 &&
         std::string_view("\x12\x1a\x22\x28\x32\x3a\x42").find(bytes[2]) != std::string_view::npos;
}

Result<OnnxModel> read_onnx(std::string_view bytes) {
  return OnnxReader().read(bytes);
}

std::string without_zipmaps(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  bool has_default_opset = false;
  for (ProtobufReader model(bytes); model.next();) {
    if (model.is_bytes(model_field::kGraph)) {
      append_bytes_field(out, model_field::kGraph, graph_without_zipmaps(model.bytes()));
      continue;
    }
    if (model.is_bytes(model_field::kOpset)) {
      std::string_view domain;
      for (ProtobufReader opset(model.bytes()); opset.next();)
        if (opset.is_bytes(1)) domain = opset.bytes();
      has_default_opset = has_default_opset || domain.empty() || domain == "ai.onnx";
    }
    out += model.whole();
  }
  if (!has_default_opset) {  // Identity is one of its operators
    std::string opset;
    append_varint_field(opset, 2, 13);
    append_bytes_field(out, model_field::kOpset, opset);
  }
  return out;
}

}  // namespace clops::formats
