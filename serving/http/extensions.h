// The protocol's extensions beside infer: model repository, statistics, model configuration; and what this server
// answers to those that it does not do (501).
//
// Thread rule: functions for the serving thread that owns the ModelService. Errors: answered.
#pragma once

#include <string_view>

#include "serving/http/model_call.h"

namespace clops::serving::http {

// What server metadata lists.
inline constexpr std::string_view kExtensions =
    R"(["binary_tensor_data","classification","model_configuration","model_repository","parameters","statistics"])";

// `path`: what follows "/v2/repository/". False: not answerable yet (HttpService::serve).
[[nodiscard]] bool answer_repository(ModelService& models, std::string_view path, const Request& request,
                                     Answer& answer);
// Empty model: all; empty version: all of the model's.
void answer_statistics(ModelService& models, std::string_view model, std::string_view version, Answer& answer);
void answer_configuration(ModelService& models, std::string_view model, std::string_view version, Answer& answer);
// True when `path`, from "/v2/" on or from a model's name on, belongs to an extension that is not done here.
[[nodiscard]] bool is_known_elsewhere(std::string_view path);
void answer_not_done(Answer& answer);

}  // namespace clops::serving::http
