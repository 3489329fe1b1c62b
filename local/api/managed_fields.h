// metadata.managedFields: who owns which field, kept up by every write, and server-side apply on top of it.
//
// Thread rule: free functions over values. Objects are whole; `schema` is that of the whole object.
#pragma once

#include <string>

#include "base/json.h"
#include "local/api/error.h"
#include "local/api/field_set.h"

namespace clops::local {

struct WriterIdentity {
  std::string manager, api_version, subresource, time;  // time: RFC 3339, now
  FieldSet reset;                                       // what a write through this subresource cannot change
  bool builtin = false;                                 // see as_typed() in schema.h
};

// The object to store when `after` is written over `before` (null: created) by an update or patch.
[[nodiscard]] Json note_update(const Json& schema, const Json& before, Json after, const WriterIdentity& writer);

// The object to store when `applied` is applied over `live` (null: created). 409 when another manager owns a field that
// would change, unless forced. Fields this manager applied before and no longer does are taken out, unless another owns
// them.
[[nodiscard]] Outcome<Json> server_side_apply(const Json& schema, const Json& live, const Json& applied, bool force,
                                              const WriterIdentity& writer);

// When only the times in managedFields differ from `before`, the old ones are kept, so that an apply without effect
// writes nothing.
void settle_times(const Json& before, Json& after);

// The scale subresource has managedFields of its own: of the object's, those that own its count of replicas (a field at
// `path`), and back again.
[[nodiscard]] Json scale_owners(const Json& object, const FieldSet& path);
void take_scale_owners(Json& object, const Json& scale, const FieldSet& path, const std::string& api_version);

}  // namespace clops::local
