#include "cli/documents.h"

#include <algorithm>
#include <filesystem>
#include <istream>

#include "base/file.h"
#include "base/yaml.h"

namespace clops::cli {
namespace {

namespace fs = std::filesystem;
constexpr size_t kFileBytesMax = 4u << 20;
constexpr size_t kFilesMax = 1'000;

Status add_text(const std::string& where, std::string_view text, std::vector<Document>& out) {
  auto documents = parse_yaml(text, kFileBytesMax);  // JSON is YAML
  if (!documents) return fail_in(where, documents.error());
  for (Json& document : *documents) {
    if (!document.is_object())
      return fail(Code::InvalidArgument, where + ": a document is not an object with apiVersion and kind");
    const Json* items = find_path(document, {"items"});
    if (string_at(document, {"kind"}).ends_with("List") && items != nullptr && items->is_array()) {
      for (const Json& item : *items) out.push_back({where, item});
    } else {
      out.push_back({where, std::move(document)});
    }
  }
  return {};
}

Result<std::vector<fs::path>> files_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return fail(Code::NotFound, path.string() + ": no such file or folder");
  if (!fs::is_directory(status)) return std::vector<fs::path>{path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string kind = entry.path().extension();
    if (kind == ".yaml" || kind == ".yml" || kind == ".json") files.push_back(entry.path());
    if (files.size() > kFilesMax)
      return fail(Code::TooLarge, path.string() + ": more than " + std::to_string(kFilesMax) + " files");
  }
  if (error) return fail(Code::Unavailable, path.string() + ": " + error.message());
  if (files.empty()) return fail(Code::NotFound, path.string() + ": holds no *.yaml, *.yml or *.json");
  std::ranges::sort(files);
  return files;
}

}  // namespace

Result<std::string> read_all(std::istream& in, size_t bytes_max) {
  std::string text;
  char buffer[16'384];
  while (in.read(buffer, sizeof buffer), in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (text.size() > bytes_max)
      return fail(Code::TooLarge, "standard input: more than " + std::to_string(bytes_max) + " bytes");
  }
  return text;
}

Result<std::vector<Document>> read_documents(const std::vector<std::string>& paths, const Context& context) {
  std::vector<Document> out;
  for (const std::string& path : paths) {
    if (path == "-") {
      CLOPS_ASSIGN(const std::string text, read_all(context.in, kFileBytesMax));
      CLOPS_TRY(add_text("standard input", text, out));
      continue;
    }
    CLOPS_ASSIGN(const std::vector<fs::path> files, files_of(path));
    for (const fs::path& file : files) {
      CLOPS_ASSIGN(const std::string text, read_file(file, kFileBytesMax));
      CLOPS_TRY(add_text(file.string(), text, out));
    }
  }
  if (out.empty()) return fail(Code::InvalidArgument, "nothing to do: no document in " + paths.front());
  return out;
}

}  // namespace clops::cli
