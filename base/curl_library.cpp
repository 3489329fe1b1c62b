#include "base/curl_library.h"

#include <dlfcn.h>

#include <string>

namespace clops {
namespace {

Result<CurlLibrary> open_library() {
  void* const library = ::dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return fail(Code::Unavailable, std::string("libcurl cannot be opened: ") + ::dlerror());
  CurlLibrary out;
  decltype(&curl_global_init) global_init = nullptr;
  const char* missing = nullptr;
  const auto take = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) missing = name;
  };
  take(global_init, "curl_global_init");
  take(out.easy_init, "curl_easy_init");
  take(out.easy_cleanup, "curl_easy_cleanup");
  take(out.easy_setopt, "curl_easy_setopt");
  take(out.easy_getinfo, "curl_easy_getinfo");
  take(out.easy_strerror, "curl_easy_strerror");
  take(out.free, "curl_free");
  take(out.multi_init, "curl_multi_init");
  take(out.multi_cleanup, "curl_multi_cleanup");
  take(out.multi_setopt, "curl_multi_setopt");
  take(out.multi_add_handle, "curl_multi_add_handle");
  take(out.multi_remove_handle, "curl_multi_remove_handle");
  take(out.multi_perform, "curl_multi_perform");
  take(out.multi_poll, "curl_multi_poll");
  take(out.multi_wakeup, "curl_multi_wakeup");
  take(out.multi_info_read, "curl_multi_info_read");
  take(out.slist_append, "curl_slist_append");
  take(out.slist_free_all, "curl_slist_free_all");
  take(out.url, "curl_url");
  take(out.url_cleanup, "curl_url_cleanup");
  take(out.url_get, "curl_url_get");
  take(out.url_set, "curl_url_set");
  if (missing != nullptr) return fail(Code::Unavailable, std::string("libcurl is too old: it has no ") + missing);
  // Once a process; libcurl offers nothing smaller.
  if (const CURLcode ready = global_init(CURL_GLOBAL_DEFAULT); ready != CURLE_OK)
    return fail(Code::Internal, out.easy_strerror(ready));
  return out;
}

}  // namespace

Result<const CurlLibrary*> curl_library() {
  static const Result<CurlLibrary> library = open_library();
  if (!library) return std::unexpected(library.error());
  return &*library;
}

}  // namespace clops
