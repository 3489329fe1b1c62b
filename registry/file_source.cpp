#include "registry/file_source.h"

#include <vector>

#include "base/http.h"
#include "registry/hashed_file.h"
#include "registry/uri.h"

namespace clops::registry {
namespace fs = std::filesystem;
namespace {

Code code_of(const std::error_code& error) {
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return Code::NotFound;
  return error == std::errc::permission_denied ? Code::PermissionDenied : Code::Unavailable;
}

std::unexpected<Error> failed(const fs::path& path, const std::error_code& error) {
  return fail(code_of(error), path.string() + ": " + error.message());
}

// Copies one file or folder into a deposit. `inside` (may be empty) is the folder that nothing may lead out of.
class Copy {
 public:
  Copy(const Clock& clock, TimePoint deadline, const fs::path& inside, Deposit& deposit)
      : clock_(clock), deadline_(deadline), inside_(inside), deposit_(deposit) {}

  Result<bool> run(const fs::path& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    if (error) return failed(path, error);
    CLOPS_TRY(check_inside(path, real));
    const fs::file_status status = fs::status(real, error);
    if (error) return failed(path, error);
    if (fs::is_directory(status)) {
      CLOPS_TRY(visit_folder(
          real, [this](const fs::path& file, const std::string& name) { return one(file, name); },
          [this](const fs::path& named, const fs::path& end) { return check_inside(named, end); }));
      return true;
    }
    if (!fs::is_regular_file(status))
      return fail(Code::InvalidArgument, path.string() + ": is neither a file nor a folder");
    CLOPS_TRY(one(real, path.filename().string()));
    return false;
  }

 private:
  Status check_inside(const fs::path& named, const fs::path& real) const {
    if (inside_.empty()) return {};
    const fs::path relative = real.lexically_relative(inside_);
    if (!relative.empty() && *relative.begin() != "..") return {};
    return fail(Code::PermissionDenied, named.string() + ": leads out of the claim's folder");
  }

  Status one(const fs::path& path, const std::string& name) {
    CLOPS_TRY(deposit_.add_file(name));
    return read_in_pieces(path, [&](std::string_view bytes) -> Status {
      if (clock_.now() >= deadline_) return fail(Code::DeadlineExceeded, path.string() + ": reading took too long");
      return deposit_.write(bytes);
    });
  }

  const Clock& clock_;
  const TimePoint deadline_;
  const fs::path inside_;
  Deposit& deposit_;
};

class FileSource final : public ModelSource {
 public:
  explicit FileSource(const Clock& clock) : clock_(clock) {}
  Result<bool> fetch(std::string_view text, const FetchLimits&, TimePoint deadline, Deposit& deposit) const override {
    CLOPS_ASSIGN(const Uri uri, parse_uri(text));
    if (!uri.authority.empty() && uri.authority != "localhost")
      return fail(Code::InvalidArgument, "a file URI has three slashes: file:///PATH");
    if (uri.path.empty()) return fail(Code::InvalidArgument, "the URI has no path");
    return Copy(clock_, deadline, {}, deposit).run(url_decode(uri.path));
  }

 private:
  const Clock& clock_;
};

class PvcSource final : public ModelSource {
 public:
  PvcSource(std::map<std::string, std::string> claims, const Clock& clock)
      : claims_(std::move(claims)), clock_(clock) {}
  Result<bool> fetch(std::string_view text, const FetchLimits&, TimePoint deadline, Deposit& deposit) const override {
    CLOPS_ASSIGN(const Uri uri, parse_uri(text));
    const auto claim = claims_.find(uri.authority);
    if (claim == claims_.end())
      return fail(Code::NotFound, "PersistentVolumeClaim '" + uri.authority + "' is not mounted here");
    std::error_code error;
    const fs::path root = fs::canonical(claim->second, error);
    if (error) return failed(claim->second, error);
    const fs::path inner = fs::path(url_decode(uri.path)).relative_path();
    for (const fs::path& part : inner)
      if (part == "..") return fail(Code::InvalidArgument, "'..' has no place in a URI's path");
    return Copy(clock_, deadline, root, deposit).run(root / inner);
  }

 private:
  const std::map<std::string, std::string> claims_;
  const Clock& clock_;
};

}  // namespace

Status visit_folder(const fs::path& root, const FolderVisit& each, const LinkCheck& check) {
  std::error_code error;
  bool any = false;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (path.filename().string().starts_with("..")) {
      it.disable_recursion_pending();
      continue;
    }
    if (it.depth() > 32) return fail(Code::InvalidArgument, path.string() + ": folders nested deeper than 32");
    std::error_code entry_error;
    const bool link = it->is_symlink(entry_error);
    const fs::path real = link ? fs::canonical(path, entry_error) : path;
    if (entry_error) return failed(path, entry_error);
    if (link && check) CLOPS_TRY(check(path, real));
    if (!fs::is_regular_file(real, entry_error)) continue;
    CLOPS_TRY(each(real, path.lexically_relative(root).string()));
    any = true;
  }
  if (error) return failed(root, error);
  if (!any) return fail(Code::NotFound, root.string() + ": the folder has no files");
  return {};
}

std::unique_ptr<ModelSource> make_file_source(const Clock& clock) {
  return std::make_unique<FileSource>(clock);
}
std::unique_ptr<ModelSource> make_pvc_source(std::map<std::string, std::string> claims, const Clock& clock) {
  return std::make_unique<PvcSource>(std::move(claims), clock);
}

}  // namespace clops::registry
