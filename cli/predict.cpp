// `clops predict`: rows in a file to predictions on the terminal.
#include <algorithm>
#include <ostream>

#include "base/file.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/documents.h"
#include "cli/kinds.h"
#include "cli/print.h"
#include "cli/rows.h"

namespace clops::cli {
namespace {

constexpr size_t kRowsPerRequest = 1'000;
constexpr size_t kFileBytesMax = 256u << 20;

struct PredictArguments {
  std::string name, rows, url;
  std::vector<std::string> headers;
  bool each = false;
};

struct Endpoint {
  HttpClient& http;
  std::string url, name;
  Headers headers;
};

Result<Headers> parse_headers(const std::vector<std::string>& texts) {
  Headers headers;
  for (const std::string& text : texts) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0)
      return fail(Code::InvalidArgument, "--header \"" + text + "\": write 'name: value'");
    const size_t value = text.find_first_not_of(' ', colon + 1);
    headers.set(text.substr(0, colon), value == std::string::npos ? "" : text.substr(value));
  }
  return headers;
}

Result<Json> call(const Endpoint& endpoint, const std::string& method, const std::string& path, std::string body) {
  HttpRequest request{.method = method,
                      .url = endpoint.url + "/v2/models/" + url_encode(endpoint.name) + path,
                      .headers = endpoint.headers,
                      .body = std::move(body)};
  if (method == "POST") request.headers.set("Content-Type", "application/json");
  const auto response = endpoint.http.send(request, {});
  if (!response) return fail_in(endpoint.url, response.error());
  const auto json = parse_json(response->body, {.bytes_max = 64u << 20});
  if (response->status == 200) {
    if (!json) return fail_in(endpoint.url, json.error());
    return *json;
  }
  const std::string why = json ? string_at(*json, {"error"}, response->body) : response->body;
  return fail(response->status < 500 ? Code::InvalidArgument : Code::Unavailable,
              "HTTP " + std::to_string(response->status) + ": " + why);
}

// One line a row: who answered, and what.
void add_predictions(const Json& answer, size_t first, std::vector<Row>& lines) {
  const Json* outputs = find_path(answer, {"outputs"});
  if (outputs == nullptr || !outputs->is_array() || outputs->empty()) return;
  const Json* data = find_path(outputs->front(), {"data"});
  const Json* shape = find_path(outputs->front(), {"shape"});
  if (data == nullptr || !data->is_array() || shape == nullptr || !shape->is_array() || shape->empty()) return;
  if (!shape->front().is_number_unsigned()) return;
  const size_t rows = std::max<size_t>(1, shape->front().get<size_t>()), columns = data->size() / rows;
  for (size_t r = 0; r < rows; ++r) {
    std::string values;
    for (size_t c = 0; c < columns; ++c) values += (c == 0 ? "" : " ") + dump_json((*data)[r * columns + c]);
    lines.push_back({std::to_string(first + r + 1), values, string_at(answer, {"parameters", "variant"}),
                     string_at(answer, {"model_version"})});
  }
}

Status predict_with(const Endpoint& endpoint, const Context& context, const PredictArguments& arguments,
                    const std::string& text) {
  std::vector<Row> lines = {{"ROW", "PREDICTION", "VARIANT", "VERSION"}};
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string::npos && text[start] == '{') {  // a request as it is
    CLOPS_ASSIGN(const Json answer, call(endpoint, "POST", "/infer", text));
    add_predictions(answer, 0, lines);
    print_columns(context.out, lines);
    return {};
  }
  const auto rows = parse_rows(text);
  if (!rows) return fail_in(arguments.rows, rows.error());
  CLOPS_ASSIGN(const Json metadata, call(endpoint, "GET", "", ""));
  const Json* inputs = find_path(metadata, {"inputs"});
  const std::string input =
      inputs != nullptr && inputs->is_array() && !inputs->empty() ? string_at(inputs->front(), {"name"}) : "input-0";
  const size_t step = arguments.each ? 1 : kRowsPerRequest;
  for (size_t first = 0; first < rows->count(); first += step) {
    const size_t count = std::min(step, rows->count() - first);
    CLOPS_ASSIGN(const Json answer, call(endpoint, "POST", "/infer", infer_request(*rows, first, count, input)));
    add_predictions(answer, first, lines);
  }
  print_columns(context.out, lines);
  return {};
}

Result<std::string> url_of(Cluster& cluster, const std::string& name) {
  CLOPS_ASSIGN(const Json object, cluster.client().get(*kind_named("md"), {cluster.ns(), name}));
  std::string url = string_at(object, {"status", "url"});
  if (url.empty())
    return fail(Code::Unavailable, "modeldeployment " + name + " has no URL yet: see `clops describe md " + name + "`");
  return url;
}

Status predict(const ClusterOptions& options, const Context& context, const PredictArguments& arguments) {
  std::string text;
  if (arguments.rows == "-") {
    CLOPS_ASSIGN(text, read_all(context.in, kFileBytesMax));
  } else {
    CLOPS_ASSIGN(text, read_file(arguments.rows, kFileBytesMax));
  }
  CLOPS_ASSIGN(Headers headers, parse_headers(arguments.headers));
  if (!arguments.url.empty()) {
    CLOPS_ASSIGN(const std::unique_ptr<HttpClient> http, make_curl_client({.user_agent = "clops-cli"}));
    return predict_with({*http, arguments.url, arguments.name, std::move(headers)}, context, arguments, text);
  }
  std::string url;
  CLOPS_TRY(with_cluster(options, context, [&](Cluster& cluster) -> Status {
    CLOPS_ASSIGN(url, url_of(cluster, arguments.name));
    return {};
  }));
  CLOPS_ASSIGN(const std::unique_ptr<HttpClient> http, make_curl_client({.user_agent = "clops-cli"}));
  const Status done = predict_with({*http, url, arguments.name, std::move(headers)}, context, arguments, text);
  if (!done && done.error().code == Code::Unavailable && url.find(".svc") != std::string::npos) {
    return fail(Code::Unavailable,
                done.error().message +
                    " (the address is the cluster's own: forward a port to it, `kubectl port-forward svc/" +
                    arguments.name + " 8080`, and give --url http://localhost:8080)");
  }
  return done;
}

}  // namespace

void add_predict(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command = root.add_subcommand(
      "predict", "Send rows to a deployment and print predictions: clops predict fraud --rows rows.csv");
  const auto arguments = std::make_shared<PredictArguments>();
  const auto cluster = add_cluster_options(*command);
  command->add_option("NAME", arguments->name, "The ModelDeployment (or, with --url, the model's name there)")
      ->required();
  command
      ->add_option("--rows", arguments->rows,
                   "CSV, JSON ([[1,\"red\"],[3,null]]) or a whole inference request; - is standard input")
      ->required();
  command->add_option("-H,--header", arguments->headers, "A header to send, such as 'x-user-id: 42'; may be repeated");
  command->add_flag("--each", arguments->each, "One request a row, so that the split over variants shows");
  command->add_option("--url", arguments->url,
                      "Where to send, such as http://localhost:8080 (default: the deployment's URL)");
  on_run(*command, context, exit_code,
         [&context, arguments, cluster] { return predict(*cluster, context, *arguments); });
}

}  // namespace clops::cli
