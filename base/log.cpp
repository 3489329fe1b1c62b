#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace clops {
namespace {

std::string quoted(std::string_view value) {
  if (!value.empty() && value.find_first_of(" \"=\n\t\r") == std::string_view::npos) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\r') {
      out += "\\r";
      continue;
    }
    out += c;
  }
  return out + '"';
}

class SpdLog final : public Log {
 public:
  SpdLog(std::string_view program, Level least)
      : logger_(std::string(program), std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n %v", spdlog::pattern_time_type::utc);
    logger_.set_level(convert(least));
    logger_.flush_on(spdlog::level::debug);
  }
  void write(Level level, std::string_view message, std::initializer_list<Field> fields) override {
    const auto to = convert(level);
    if (!logger_.should_log(to)) return;
    std::string line(message);
    for (const Field& field : fields) line += ' ' + std::string(field.key) + '=' + quoted(field.value);
    logger_.log(to, spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  static spdlog::level::level_enum convert(Level level) {
    switch (level) {
      case Level::Debug:
        return spdlog::level::debug;
      case Level::Info:
        return spdlog::level::info;
      case Level::Warn:
        return spdlog::level::warn;
      case Level::Error:
        return spdlog::level::err;
    }
    return spdlog::level::info;
  }
  spdlog::logger logger_;
};

class NullLog final : public Log {
 public:
  void write(Level, std::string_view, std::initializer_list<Field>) override {}
};

}  // namespace

std::unique_ptr<Log> make_stderr_log(std::string_view program, Level least) {
  return std::make_unique<SpdLog>(program, least);
}
std::unique_ptr<Log> make_null_log() {
  return std::make_unique<NullLog>();
}

}  // namespace clops
