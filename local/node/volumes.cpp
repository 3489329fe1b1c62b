#include "local/node/volumes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "base/file.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;

std::unexpected<Error> disk(const fs::path& path, const std::error_code& error) {
  return fail(Code::Unavailable, path.string() + ": " + error.message());
}

// Never synced: it is made again from its object whenever the pod starts.
Status write_plain(const fs::path& path, const std::string& content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Code::Unavailable, path.string() + ": " + std::strerror(errno));
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  ::close(fd);
  if (done != content.size()) return fail(Code::Unavailable, path.string() + ": " + std::strerror(errno));
  return {};
}

bool safe_relative(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.starts_with("..")) return false;
  for (const auto& part : fs::path(path)) {
    if (part == "..") return false;
  }
  return true;
}

Files current_files(const fs::path& data) {
  Files out;
  std::error_code error;
  for (fs::recursive_directory_iterator it(data, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    if (auto content = read_file(it->path())) out[it->path().lexically_relative(data).string()] = std::move(*content);
  }
  return out;
}

// A link is replaced by renaming a new one over it: there is never a moment without it.
Status link_over(const fs::path& link, const std::string& target) {
  std::error_code error;
  const fs::path beside = link.string() + "..new";
  fs::remove(beside, error);
  fs::create_symlink(target, beside, error);
  if (!error) fs::rename(beside, link, error);
  return error ? Status(disk(link, error)) : Status{};
}

Status add_keys(const crds::VolumePart& part, const Result<Files>& data, const char* kind, Files& files) {
  if (!data) {
    if (part.optional && data.error().code == Code::NotFound) return {};
    return std::unexpected(data.error());
  }
  if (part.items.empty()) {
    for (const auto& [key, value] : *data) files[key] = value;
    return {};
  }
  for (const auto& item : part.items) {
    const auto found = data->find(item.key);
    if (found != data->end())
      files[item.path] = found->second;
    else if (!part.optional)
      return fail(Code::NotFound, std::string(kind) + " \"" + part.name + "\" has no key " + item.key);
  }
  return {};
}

}  // namespace

Result<bool> write_payload(const fs::path& folder, const Files& files) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return disk(folder, error);
  const fs::path link = folder / "..data";
  const bool first = !fs::exists(link, error);
  if (!first && current_files(link) == files) return false;
  const std::string old = first ? "" : fs::read_symlink(link, error).string();
  std::string fresh;
  for (int i = 1; fresh.empty(); ++i) {
    const std::string name = "..v" + std::to_string(i);
    if (name != old && fs::create_directory(folder / name, error)) fresh = name;
    if (error) return disk(folder / name, error);
    if (i == 16) return fail(Code::Unavailable, folder.string() + ": old states of the volume cannot be removed");
  }
  std::set<std::string> tops;
  for (const auto& [path, content] : files) {
    if (!safe_relative(path)) return fail(Code::InvalidArgument, "\"" + path + "\" is not a path inside a volume");
    fs::create_directories((folder / fresh / path).parent_path(), error);
    CLOPS_TRY(write_plain(folder / fresh / path, content));
    tops.insert(fs::path(path).begin()->string());
  }
  CLOPS_TRY(link_over(link, fresh));
  for (const std::string& top : tops) {
    if (!fs::is_symlink(folder / top, error)) CLOPS_TRY(link_over(folder / top, "..data/" + top));
  }
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name != "..data" && name != fresh && !tops.contains(name)) stale.push_back(entry.path());
  }
  for (const auto& path : stale) fs::remove_all(path, error);
  return true;
}

Result<fs::path> materialise(const crds::Volume& volume, const fs::path& volumes_dir, const VolumeSources& sources) {
  using Kind = crds::VolumePart::Kind;
  std::error_code error;
  if (volume.parts.size() == 1 && volume.parts[0].kind == Kind::Claim) {
    CLOPS_TRY(sources.check_claim(volume.parts[0].name));
    const fs::path folder = sources.claims_dir / volume.parts[0].name;
    fs::create_directories(folder, error);
    if (error) return disk(folder, error);
    return folder;
  }
  const fs::path folder = volumes_dir / volume.name;
  if (volume.parts.size() == 1 && volume.parts[0].kind == Kind::EmptyDir) {
    fs::create_directories(folder, error);
    if (error) return disk(folder, error);
    return folder;
  }
  Files files;
  for (const auto& part : volume.parts) {
    switch (part.kind) {
      case Kind::ConfigMap:
        CLOPS_TRY(add_keys(part, sources.lookup.config_map(part.name), "ConfigMap", files));
        break;
      case Kind::Secret:
        CLOPS_TRY(add_keys(part, sources.lookup.secret(part.name), "Secret", files));
        break;
      case Kind::Token:
        files[part.name] = sources.token;
        break;
      case Kind::DownwardApi:
        for (const auto& item : part.items) {
          CLOPS_ASSIGN(files[item.path], field_value(item.key, sources.facts));
        }
        break;
      case Kind::EmptyDir:
      case Kind::Claim:
        return fail(Code::InvalidArgument,
                    "volume \"" + volume.name + "\": a projection cannot hold an emptyDir or a claim");
    }
  }
  CLOPS_TRY(write_payload(folder, files));
  return folder;
}

}  // namespace clops::local
