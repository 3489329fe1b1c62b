#include "operator/watch/decoder.h"

#define SIMDJSON_EXCEPTIONS 0  // so that a conversion that would throw does not compile
#include <simdjson.h>

#include <map>

#include "operator/kube/status.h"

namespace clops::op::watch {
namespace {

using simdjson::dom::element;

constexpr size_t kPageBytesMax = 256u << 20;

// What to leave out, as a tree of keys: a node without children is left out whole.
struct Drop {
  std::map<std::string, Drop, std::less<>> keys;
};

void add_pointer(Drop& root, std::string_view pointer) {
  Drop* at = &root;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const size_t end = std::min(pointer.find('/'), pointer.size());
    std::string key;
    for (size_t i = 0; i < end; ++i) {  // RFC 6901: ~1 is '/', ~0 is '~'
      if (pointer[i] == '~' && i + 1 < end) {
        key += pointer[++i] == '1' ? '/' : '~';
      } else {
        key += pointer[i];
      }
    }
    at = &at->keys[key];
    pointer.remove_prefix(end);
  }
}

void print_string(std::string& out, std::string_view text) {
  out += dump_json(Json(text));
}

void print(std::string& out, const element& value, const Drop* drop) {
  simdjson::dom::object object;
  if (!drop || value.get(object) != simdjson::SUCCESS) {
    out += simdjson::minify(value);
    return;
  }
  out += '{';
  bool first = true;
  for (const auto [key, field] : object) {
    const auto it = drop->keys.find(key);
    if (it != drop->keys.end() && it->second.keys.empty()) continue;
    if (!std::exchange(first, false)) out += ',';
    print_string(out, key);
    out += ':';
    print(out, field, it == drop->keys.end() ? nullptr : &it->second);
  }
  out += '}';
}

std::string text_at(const element& value, std::string_view key) {
  std::string_view text;
  return value[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

bool bool_of(const element& value, std::string_view key) {
  bool is = false;
  return value[key].get(is) == simdjson::SUCCESS && is;
}

void read_map(const element& meta, std::string_view field, const Drop* drop, std::map<std::string, std::string>& out) {
  simdjson::dom::object map;
  if (meta[field].get(map) != simdjson::SUCCESS) return;
  for (const auto [key, value] : map) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS || (drop && drop->keys.contains(key))) continue;
    out.emplace(std::string(key), std::string(text));
  }
}

ObjectMeta read_meta(const element& meta, const Drop& drop) {
  ObjectMeta out;
  out.name = text_at(meta, "name");
  out.ns = text_at(meta, "namespace");
  out.uid = text_at(meta, "uid");
  out.resource_version = text_at(meta, "resourceVersion");
  if (int64_t generation = 0; meta["generation"].get(generation) == simdjson::SUCCESS) out.generation = generation;
  out.creation_timestamp = text_at(meta, "creationTimestamp");
  out.deletion_timestamp = text_at(meta, "deletionTimestamp");
  const auto annotations = drop.keys.find("annotations");
  read_map(meta, "labels", nullptr, out.labels);
  read_map(meta, "annotations", annotations == drop.keys.end() ? nullptr : &annotations->second, out.annotations);
  simdjson::dom::array owners;
  if (meta["ownerReferences"].get(owners) == simdjson::SUCCESS) {
    for (const element owner : owners) {
      out.owners.push_back({.api_version = text_at(owner, "apiVersion"),
                            .kind = text_at(owner, "kind"),
                            .name = text_at(owner, "name"),
                            .uid = text_at(owner, "uid"),
                            .controller = bool_of(owner, "controller"),
                            .block_owner_deletion = bool_of(owner, "blockOwnerDeletion")});
    }
  }
  return out;
}

}  // namespace

struct Decoder::Impl {
  ResourceType type;
  Drop drop;
  Drop no_meta;
  std::string head;  // {"apiVersion":..,"kind":.. — items of a list come without
  simdjson::dom::parser parser{kPageBytesMax};

  Result<ObjectPtr> object(const element& value) const {
    element meta;
    if (value["metadata"].get(meta) != simdjson::SUCCESS || !meta.is_object()) {
      return fail(Code::DataLoss, "an object of " + type.plural + " without metadata");
    }
    const auto in_meta = drop.keys.find("metadata");
    ObjectMeta decoded = read_meta(meta, in_meta == drop.keys.end() ? no_meta : in_meta->second);
    if (decoded.name.empty()) return fail(Code::DataLoss, "an object of " + type.plural + " without a name");
    std::string text = head;
    std::string rest;
    print(rest, value, &drop);
    if (rest.size() > 2) text += ',';
    text.append(rest, 1);
    text.shrink_to_fit();
    return std::make_shared<const Object>(std::move(decoded), std::move(text));
  }
};

Decoder::Decoder(const InformerSpec& spec) : impl_(std::make_unique<Impl>()) {
  impl_->type = spec.type;
  impl_->head =
      "{\"apiVersion\":" + dump_json(Json(spec.type.api_version())) + ",\"kind\":" + dump_json(Json(spec.type.kind));
  for (const char* pointer : {"/apiVersion", "/kind", "/metadata/managedFields",
                              "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"}) {
    add_pointer(impl_->drop, pointer);
  }
  for (const std::string& pointer : spec.drop) add_pointer(impl_->drop, pointer);
}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;

Result<Frame> Decoder::frame(std::string_view line) {
  element root;
  if (const auto error = impl_->parser.parse(line.data(), line.size()).get(root)) {
    return fail(Code::DataLoss, std::string("a watch frame that is not JSON: ") + simdjson::error_message(error));
  }
  element value;
  if (root["object"].get(value) != simdjson::SUCCESS || !value.is_object())
    return fail(Code::DataLoss, "a watch frame without an object");
  const std::string kind = text_at(root, "type");
  Frame out;
  if (kind == "ERROR") {
    int64_t code = 0;
    if (value["code"].get(code) != simdjson::SUCCESS) code = 500;
    out.error = kube::decode_status(static_cast<int>(code), std::string(simdjson::minify(value)));
    return out;
  }
  element meta;
  if (value["metadata"].get(meta) != simdjson::SUCCESS)
    return fail(Code::DataLoss, "a watch frame whose object has no metadata");
  out.resource_version = text_at(meta, "resourceVersion");
  if (kind == "BOOKMARK") {
    out.kind = FrameKind::Bookmark;
    return out;
  }
  if (kind == "ADDED") {
    out.kind = FrameKind::Added;
  } else if (kind == "MODIFIED") {
    out.kind = FrameKind::Modified;
  } else if (kind == "DELETED") {
    out.kind = FrameKind::Deleted;
  } else {
    return fail(Code::DataLoss, "a watch frame of unknown type \"" + kind.substr(0, 40) + "\"");
  }
  CLOPS_ASSIGN(out.object, impl_->object(value));
  return out;
}

Result<Page> Decoder::page(std::string_view body) {
  // On demand, the page is only indexed; each object is parsed (and checked) by itself, so that a page of 500 costs no
  // tree of 500.
  simdjson::ondemand::parser pages(kPageBytesMax);
  const simdjson::padded_string padded(body);
  simdjson::ondemand::document document;
  const auto bad = [](simdjson::error_code error) {
    return fail(Code::DataLoss, std::string("a list that is not JSON: ") + simdjson::error_message(error));
  };
  if (const auto error = pages.iterate(padded).get(document)) return bad(error);
  simdjson::ondemand::object root;
  if (const auto error = document.get_object().get(root)) return bad(error);
  Page out;
  for (auto field : root) {
    std::string_view key;
    if (const auto error = field.unescaped_key().get(key)) return bad(error);
    if (key == "metadata") {
      std::string_view raw;
      simdjson::ondemand::object meta_object;
      if (const auto error = field.value().get_object().get(meta_object)) return bad(error);
      if (const auto error = meta_object.raw_json().get(raw)) return bad(error);
      element meta;
      if (const auto error = impl_->parser.parse(raw.data(), raw.size()).get(meta)) return bad(error);
      out.resource_version = text_at(meta, "resourceVersion");
      out.continue_token = text_at(meta, "continue");
    } else if (key == "items") {
      simdjson::ondemand::value items_value;
      if (const auto error = field.value().get(items_value)) return bad(error);
      bool none = false;
      if (const auto error = items_value.is_null().get(none)) return bad(error);
      if (none) continue;
      simdjson::ondemand::array items;
      if (const auto error = items_value.get_array().get(items)) return bad(error);
      for (auto item : items) {
        simdjson::ondemand::object object;
        std::string_view raw;
        if (const auto error = item.get_object().get(object)) return bad(error);
        if (const auto error = object.raw_json().get(raw)) return bad(error);
        element value;
        if (const auto error = impl_->parser.parse(raw.data(), raw.size()).get(value)) return bad(error);
        CLOPS_ASSIGN(ObjectPtr decoded, impl_->object(value));
        out.objects.push_back(std::move(decoded));
      }
    }
  }
  if (out.resource_version.empty()) return fail(Code::DataLoss, "a list without a resourceVersion");
  return out;
}

}  // namespace clops::op::watch
