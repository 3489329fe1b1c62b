#include "base/time.h"

#include <cstdio>

namespace clops {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

std::string render(WallTime time, bool micros) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day ymd{day};
  const std::chrono::hh_mm_ss hms{time - day};
  char text[48];
  int n = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(ymd.year()),
                        static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                        static_cast<int>(hms.hours().count()), static_cast<int>(hms.minutes().count()),
                        static_cast<int>(hms.seconds().count()));
  if (micros) {
    n += std::snprintf(text + n, sizeof text - static_cast<size_t>(n), ".%06d",
                       static_cast<int>(duration_cast<microseconds>(hms.subseconds()).count()));
  }
  return std::string(text, static_cast<size_t>(n)) + "Z";
}

bool digits(std::string_view text, size_t at, size_t count, int* out) {
  if (at + count > text.size()) return false;
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  *out = value;
  return true;
}

}  // namespace

TimePoint SystemClock::now() const {
  return TimePoint{duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

WallTime SystemClock::wall() const {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

std::string to_rfc3339(WallTime time) {
  return render(time, false);
}
std::string to_rfc3339_micro(WallTime time) {
  return render(time, true);
}

Result<WallTime> from_rfc3339(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::InvalidArgument, "not an RFC 3339 time: \"" + std::string(text.substr(0, 64)) + "\"");
  };
  int y, mo, d, h, mi, s;
  if (text.size() < 20 || !digits(text, 0, 4, &y) || text[4] != '-' || !digits(text, 5, 2, &mo) || text[7] != '-' ||
      !digits(text, 8, 2, &d) || (text[10] != 'T' && text[10] != 't') || !digits(text, 11, 2, &h) || text[13] != ':' ||
      !digits(text, 14, 2, &mi) || text[16] != ':' || !digits(text, 17, 2, &s)) {
    return bad();
  }
  const std::chrono::year_month_day ymd{std::chrono::year{y}, std::chrono::month{static_cast<unsigned>(mo)},
                                        std::chrono::day{static_cast<unsigned>(d)}};
  if (!ymd.ok() || h > 23 || mi > 59 || s > 60) return bad();
  size_t at = 19;
  int64_t micros = 0;
  if (text[at] == '.') {
    int64_t scale = 100'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
      micros += (text[at] - '0') * scale;
  }
  std::chrono::minutes offset{0};
  if (at + 1 == text.size() && (text[at] == 'Z' || text[at] == 'z')) {
  } else if (int oh, om; at + 6 == text.size() && (text[at] == '+' || text[at] == '-') &&
                         digits(text, at + 1, 2, &oh) && text[at + 3] == ':' && digits(text, at + 4, 2, &om)) {
    offset = std::chrono::minutes{(oh * 60 + om) * (text[at] == '-' ? -1 : 1)};
  } else {
    return bad();
  }
  return WallTime{std::chrono::sys_days{ymd}} + std::chrono::hours{h} + std::chrono::minutes{mi} +
         std::chrono::seconds{s} + microseconds{micros} - offset;
}

}  // namespace clops
