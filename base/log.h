// Structured log lines, and the one door to spdlog. A Log is passed by reference from cmd/; there is no global logger.
//
// Thread rule: safe from any thread. Secrets never get here: callers log names and digests, never keys, tokens or
// bodies.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace clops {

enum class Level { Debug, Info, Warn, Error };

struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <class T>
    requires std::is_arithmetic_v<T>
  Field(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
  std::string_view key;
  std::string value;
};

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(Level level, std::string_view message, std::initializer_list<Field> fields = {}) = 0;
  void debug(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Debug, m, f); }
  void info(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Info, m, f); }
  void warn(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Warn, m, f); }
  void error(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Error, m, f); }
};

// Lines `time level program message key=value ...` on standard error; values with spaces or quotes are quoted.
[[nodiscard]] std::unique_ptr<Log> make_stderr_log(std::string_view program, Level least);
[[nodiscard]] std::unique_ptr<Log> make_null_log();

}  // namespace clops
