#include "tests/unit/house/rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

namespace clops::house {
namespace {

using Names = std::vector<std::string_view>;

// ARCHITECTURE.md's table. An entry ending in '*' is a prefix; otherwise a room ("base/") or one header.
const std::map<std::string_view, Names>& room_table() {
  static const std::map<std::string_view, Names> table = {
      {"base", {}},
      {"formats", {"base/*"}},
      {"analysis", {"base/*"}},
      {"crds", {"base/*"}},
      {"operator", {"base/*", "crds/meta.h"}},
      {"registry", {"base/*", "formats/*"}},
      {"controllers", {"base/*", "analysis/*", "crds/*", "operator/*"}},
      {"serving",
       {"base/*", "formats/*", "analysis/*", "registry/*", "crds/serving_config*", "crds/bucket_layout.h",
        "crds/scaling_hint*", "crds/steps*"}},
      {"api", {"base/*", "crds/*", "operator/kube/*", "registry/*"}},
      {"local", {"base/*", "crds/meta.h", "crds/workload.h"}},
      {"cli",
       {"base/*", "formats/*", "analysis/*", "crds/*", "operator/*", "registry/*", "serving/*", "api/*", "local/*"}},
      {"cmd", {"*"}},
      {"tests", {"*"}},
      {"bench", {"*"}},
  };
  return table;
}

// Inside a room: files whose path starts with `from` never include a path that starts with `to`, except under `unless`.
struct Ban {
  std::string_view from, to, unless, why;
};
constexpr std::array kBans = {
    Ban{"serving/http/", "serving/grpc/", "", "the front ends do not know each other"},
    Ban{"serving/grpc/", "serving/http/", "", "the front ends do not know each other"},
    Ban{"serving/http/", "serving/engines/", "", "a front end sees engines through serving/protocol only"},
    Ban{"serving/grpc/", "serving/engines/", "", "a front end sees engines through serving/protocol only"},
    Ban{"serving/engines/", "serving/", "serving/protocol/", "an engine includes nothing of serving but protocol"},
    Ban{"serving/http/", "base/json.h", "", "the request path decodes without building a tree"},
    Ban{"serving/grpc/", "base/json.h", "", "the request path decodes without building a tree"},
    Ban{"serving/protocol/", "base/json.h", "", "the request path decodes without building a tree"},
    Ban{"serving/routing/", "base/json.h", "", "the request path decodes without building a tree"},
    Ban{"serving/engines/", "base/json.h", "", "the request path decodes without building a tree"},
};

// Controllers decide in files of these names, at any depth: values in, values out.
constexpr std::array<std::string_view, 5> kPureStems = {"plan", "rollout", "traffic", "scaling", "status"};
constexpr std::array<std::string_view, 9> kImpureHeaders = {"base/log.h",  "base/executor.h", "base/http_client.h",
                                                            "base/file.h", "base/json.h",     "operator/manager.h",
                                                            "thread",      "mutex",           "future"};

// A library's headers (by prefix of the include) and the files that may name them ('*' = prefix, else suffix rules
// below).
struct Door {
  std::string_view header;
  Names files;
};
const std::vector<Door>& doors() {
  static const std::vector<Door> table = {
      {"nlohmann/", {"base/json.h"}},
      {"curl/", {"base/curl_library.h"}},
      {"boost/", {"base/http_server_beast.cpp"}},
      {"yaml-cpp/", {"base/yaml.cpp"}},
      {"spdlog/", {"base/log.cpp"}},
      {"fmt/", {"base/log.cpp"}},
      {"openssl/", {"base/digest*.cpp", "base/tls*.cpp"}},
      {"zlib.h", {"base/*.cpp", "formats/zip.cpp"}},
      {"zstd.h", {"base/compression.cpp"}},
      {"nghttp2/", {"serving/grpc/http2.cpp", "tests/support/http2_frames.cpp"}},
      {"sqlite3.h", {"local/store*.cpp"}},
      {"simdjson.h", {"formats/*.cpp", "operator/*.cpp", "serving/*.cpp"}},
      {"xxhash.h", {"serving/routing/*.cpp", "serving/routing/*.h"}},
      {"CLI/", {"cli/command_line.h", "cmd/*.cpp", "cmd/*_flags.h"}},
      {"gtest/", {"tests/*"}},
      {"gmock/", {"tests/*"}},
      {"rapidcheck", {"tests/*"}},
      {"benchmark/", {"bench/*"}},
  };
  return table;
}

// What the system offers: no library of others, so no door.
bool is_system(std::string_view header) {
  static const std::set<std::string_view> posix = {"unistd.h", "fcntl.h",   "poll.h",    "signal.h",    "spawn.h",
                                                   "sched.h",  "dirent.h",  "dlfcn.h",   "netdb.h",     "errno.h",
                                                   "malloc.h", "strings.h", "pthread.h", "termios.h",   "time.h",
                                                   "pwd.h",    "syslog.h",  "glob.h",    "immintrin.h", "limits.h"};
  if (posix.contains(header)) return true;
  for (std::string_view prefix : {"sys/", "net/", "netinet/", "arpa/", "linux/"}) {
    if (header.starts_with(prefix)) return true;
  }
  return header.find('/') == std::string_view::npos && header.find('.') == std::string_view::npos;  // <vector>
}

bool matches(std::string_view text, std::string_view pattern) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return text == pattern;
  const std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  return text.size() >= head.size() + tail.size() && text.starts_with(head) && text.ends_with(tail);
}

bool matches_any(std::string_view text, const Names& patterns) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) { return matches(text, pattern); });
}

bool is_code(std::string_view path) {
  return path.ends_with(".h") || path.ends_with(".cpp");
}

std::string_view room_of(std::string_view path) {
  return path.substr(0, path.find('/'));
}

template <class Each>  // each(line number, line)
void for_lines(std::string_view text, Each each) {
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    each(++number, text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string at(const SourceFile& file, int line, std::string_view what) {
  return file.path + ":" + std::to_string(line) + ": " + std::string(what);
}

struct Include {
  std::string_view header;
  bool quoted = false;
};

std::optional<Include> include_of(std::string_view line) {
  const size_t hash = line.find_first_not_of(" \t");
  if (hash == std::string_view::npos || line[hash] != '#') return std::nullopt;
  size_t word = line.find_first_not_of(" \t", hash + 1);
  if (word == std::string_view::npos || !line.substr(word).starts_with("include")) return std::nullopt;
  const size_t open = line.find_first_of("<\"", word);
  if (open == std::string_view::npos) return std::nullopt;
  const bool quoted = line[open] == '"';
  const size_t close = line.find(quoted ? '"' : '>', open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  return Include{line.substr(open + 1, close - open - 1), quoted};
}

std::string_view stem_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.find('.'));
}

bool is_pure(std::string_view path) {
  if (!path.starts_with("controllers/")) return false;
  const std::string_view stem = stem_of(path);
  return std::ranges::any_of(kPureStems, [&](std::string_view pure) {
    return stem == pure || (stem.starts_with(pure) && stem[pure.size()] == '_');
  });
}

void check_ours(const SourceFile& file, int line, std::string_view header, Complaints& out) {
  const std::string_view room = room_of(file.path);
  const auto allowed = room_table().find(room);
  if (header.find('/') == std::string_view::npos || !room_table().contains(room_of(header))) {
    out.push_back(at(file, line, "\"" + std::string(header) + "\" is not a path from the root of the repo"));
    return;
  }
  if (allowed == room_table().end()) {
    out.push_back(at(file, line, "folder " + std::string(room) + " is not in the table of rooms"));
    return;
  }
  if (room_of(header) != room && !matches_any(header, allowed->second)) {
    out.push_back(at(file, line, std::string(room) + " may not include " + std::string(header)));
  }
  for (const Ban& ban : kBans) {
    const bool own_folder = header.starts_with(ban.from);
    const bool excepted = !ban.unless.empty() && header.starts_with(ban.unless);
    if (file.path.starts_with(ban.from) && header.starts_with(ban.to) && !own_folder && !excepted) {
      out.push_back(at(file, line, std::string(header) + ": " + std::string(ban.why)));
    }
  }
}

void check_theirs(const SourceFile& file, int line, std::string_view header, Complaints& out) {
  for (const Door& door : doors()) {
    if (!header.starts_with(door.header)) continue;
    if (!matches_any(file.path, door.files)) {
      out.push_back(at(file, line, "<" + std::string(header) + "> has one door: " + std::string(door.files.front())));
    }
    return;
  }
  if (!is_system(header)) {
    out.push_back(at(file, line, "<" + std::string(header) + "> belongs to a library without a door: give it one"));
  }
}

// Words are spelled apart so that this file does not complain of itself.
const std::vector<std::pair<std::string, std::string>>& unfinished_words() {
  static const std::vector<std::pair<std::string, std::string>> words = {
      {std::string("TO") + "DO", "finish it or leave it out"},
      {std::string("FIX") + "ME", "fix it"},
      {std::string("XX") + "X", "say what is meant"},
      {std::string("for n") + "ow", "say what is so, and why"},
      {std::string("ha") + "ck", "do it properly or say why not"},
      {std::string("st") + "ub", "finish it or leave it out"},
  };
  return words;
}

bool is_word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool contains_word(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const bool starts = at == 0 || !is_word_char(line[at - 1]);
    const bool ends = at + word.size() == line.size() || !is_word_char(line[at + word.size()]);
    if (starts && ends) return true;
  }
  return false;
}

// What code outside some folders may not say.
struct BannedCall {
  std::string text;
  Names allowed_in;
  std::string_view only_in;  // empty = everywhere
  std::string_view why;
};
const std::vector<BannedCall>& banned_calls() {
  static const std::vector<BannedCall> calls = {
      {std::string("sleep") + "_for",
       {"tests/support/*"},
       "tests/",
       "a test waits on a condition: tests/support/eventually.h"},
      {std::string("sleep") + "_until", {}, "tests/", "a test waits on a condition with a deadline, never a guess"},
      {std::string("GTEST") + "_SKIP", {}, "tests/", "a test that is skipped cannot fail"},
      {std::string("System") + "Clock",
       {"cmd/*", "tests/*", "bench/*", "base/time*"},
       "",
       "only cmd/ makes the system clock: take a const Clock&"},
      {std::string("get") + "env",
       {"cmd/*", "tests/*", "bench/*"},
       "",
       "only cmd/ reads the environment: take what is needed as a value"},
  };
  return calls;
}

constexpr int kHeaderLines = 250, kSourceLines = 600, kMainLines = 150, kFunctionLines = 85, kTestFunctionLines = 120;

int lines_max(std::string_view path) {
  if (path.starts_with("cmd/")) return kMainLines;
  return path.ends_with(".h") ? kHeaderLines : kSourceLines;
}

bool opens_function(std::string_view line) {
  if (line.empty() || line[0] == ' ' || line[0] == '#' || line[0] == '/' || !line.ends_with('{')) return false;
  return std::ranges::none_of(Names{"namespace", "struct", "class", "enum", "union"},
                              [&](std::string_view word) { return line.starts_with(word); });
}

// With our clang-format a function at namespace level opens with a line that ends in '{' and closes with '}' in column
// 0. The lines of raw strings are data, not code.
void check_function_lengths(const SourceFile& file, Complaints& out) {
  const int lines_max = file.path.starts_with("tests/") ? kTestFunctionLines : kFunctionLines;
  int opened = 0, lines = 0;
  std::string_view head;
  std::string raw_end;
  for_lines(file.text, [&](int number, std::string_view line) {
    if (!raw_end.empty()) {
      if (line.find(raw_end) != std::string_view::npos) raw_end.clear();
      return;
    }
    if (const size_t raw = line.find("R\""); raw != std::string_view::npos) {
      const size_t open = line.find('(', raw);
      const std::string end =
          open == std::string_view::npos ? "" : ")" + std::string(line.substr(raw + 2, open - raw - 2)) + "\"";
      if (!end.empty() && line.find(end, open) == std::string_view::npos) raw_end = end;
    }
    if (line == "}" && opened != 0) {
      if (lines > lines_max) {
        out.push_back(at(file, opened,
                         "a function of " + std::to_string(lines) + " lines; at most " + std::to_string(lines_max) +
                             ": " + std::string(head)));
      }
      opened = 0;
    } else if (opens_function(line)) {
      opened = number;
      head = line;
      lines = 0;
    } else {
      ++lines;
    }
  });
}

}  // namespace

const std::vector<std::string_view>& rooms() {
  static const std::vector<std::string_view> names = {
      "base", "formats", "analysis", "crds", "operator", "registry", "controllers", "serving", "api", "local", "cli"};
  return names;
}

Complaints check_includes(const SourceFile& file) {
  Complaints out;
  if (!is_code(file.path)) return out;
  for_lines(file.text, [&](int number, std::string_view line) {
    const auto include = include_of(line);
    if (!include) return;
    if (include->quoted) {
      check_ours(file, number, include->header, out);
    } else {
      check_theirs(file, number, include->header, out);
    }
    if (is_pure(file.path) && std::ranges::find(kImpureHeaders, include->header) != kImpureHeaders.end()) {
      out.push_back(at(file, number, std::string(include->header) + ": a planner takes values and returns values"));
    }
    const bool decoder = include->header.starts_with("simdjson") && file.path.ends_with(".h");
    if (decoder) out.push_back(at(file, number, "simdjson stays in the .cpp of a decoder"));
  });
  return out;
}

Complaints check_sizes(const SourceFile& file) {
  Complaints out;
  if (!is_code(file.path)) return out;
  int lines = 0;
  for_lines(file.text, [&](int number, std::string_view) { lines = number; });
  if (lines > lines_max(file.path)) {
    out.push_back(at(file, lines,
                     std::to_string(lines) + " lines; at most " + std::to_string(lines_max(file.path)) +
                         ": split it by what it is about"));
  }
  check_function_lengths(file, out);
  return out;
}

Complaints check_words(const SourceFile& file) {
  Complaints out;
  for_lines(file.text, [&](int number, std::string_view line) {
    for (const auto& [word, advice] : unfinished_words()) {
      if (contains_word(line, word)) out.push_back(at(file, number, "\"" + word + "\": " + advice));
    }
    if (!is_code(file.path)) return;
    for (const BannedCall& call : banned_calls()) {
      if (!file.path.starts_with(call.only_in) || matches_any(file.path, call.allowed_in)) continue;
      if (contains_word(line, call.text)) out.push_back(at(file, number, call.text + ": " + std::string(call.why)));
    }
  });
  return out;
}

Complaints check_room_readme(std::string_view room, const std::string* text) {
  const std::string path = std::string(room) + "/README.md";
  if (text == nullptr)
    return {path + ":1: missing: say what belongs, what does not, what it may include, where its I/O is"};
  int lines = 0;
  for_lines(*text, [&](int, std::string_view line) { lines += line.empty() ? 0 : 1; });
  if (lines > 3) return {};
  return {path + ":1: says too little: what belongs, what does not, what it may include, where its I/O is"};
}

Complaints check_invariants(std::string_view architecture, const std::vector<SourceFile>& tests,
                            const std::vector<WaitingInvariant>& waiting) {
  Complaints out;
  constexpr std::string_view kTitle = "## Named invariants";
  const size_t title = architecture.find(kTitle);
  if (title == std::string_view::npos) return {"ARCHITECTURE.md:1: no section \"Named invariants\""};
  std::set<std::string> named;
  std::string word;
  for (char c : architecture.substr(title + kTitle.size())) {
    if (is_word_char(c)) {
      word += c;
    } else if (!word.empty()) {
      if (word.find('_') != std::string::npos) named.insert(word);
      word.clear();
    }
  }
  if (word.find('_') != std::string::npos) named.insert(word);
  const auto has_test = [&](std::string_view name) {
    return std::ranges::any_of(tests, [&](const SourceFile& file) {
      return file.text.find(", " + std::string(name) + ")") != std::string::npos ||
             file.text.find(", " + std::string(name) + ",") != std::string::npos ||
             file.text.find("case_" + std::string(name) + "()") != std::string::npos;
    });
  };
  for (const WaitingInvariant& wait : waiting) {
    if (!named.contains(std::string(wait.name)))
      out.push_back("ARCHITECTURE.md:1: does not name " + std::string(wait.name));
  }
  for (const std::string& name : named) {
    const bool waits = std::ranges::any_of(waiting, [&](const WaitingInvariant& wait) { return wait.name == name; });
    if (has_test(name) && waits) out.push_back("ARCHITECTURE.md:1: " + name + " has its test: it no longer waits");
    if (!has_test(name) && !waits) out.push_back("ARCHITECTURE.md:1: no test is named " + name);
  }
  return out;
}

}  // namespace clops::house
