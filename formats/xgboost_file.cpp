#include "formats/xgboost_file.h"

namespace clops::formats {
namespace {

// Sets of categories may take this much, and this many times the file: 2^24 categories of one feature fit.
constexpr size_t kCategoryWords = 4u << 20, kCategoryWordsPerByte = 16;

class FileReader {
 public:
  FileReader(DocumentReader& reader, size_t file_bytes)
      : reader_(reader), budget_{kCategoryWords + kCategoryWordsPerByte * file_bytes} {}

  Result<XgboostFile> read() {
    CLOPS_TRY(each_key([&](const std::string& key) -> Status {
      if (key == "learner") return learner();
      if (key == "version") return version();
      return reader_.skip();
    }));
    CLOPS_TRY(reader_.end());
    return std::move(file_);
  }

 private:
  // read(key) reads or skips the value of each key.
  template <class Read>
  Status each_key(const Read& read) {
    std::string key;
    CLOPS_TRY(reader_.begin_object());
    while (true) {
      CLOPS_ASSIGN(const bool more, reader_.next_key(key));
      if (!more) return {};
      if (Status status = read(key); !status) return status;
    }
  }

  template <class Read>
  Status each_item(const Read& read) {
    CLOPS_TRY(reader_.begin_array());
    while (true) {
      CLOPS_ASSIGN(const bool more, reader_.next_item());
      if (!more) return {};
      if (Status status = read(); !status) return status;
    }
  }

  Status text(std::string& into) {
    CLOPS_ASSIGN(into, reader_.string());
    return {};
  }

  Status texts(std::vector<std::string>& into) {
    CLOPS_ASSIGN(into, reader_.strings());
    return {};
  }

  Status version() {
    std::vector<int32_t> numbers;
    CLOPS_TRY(reader_.integers(numbers));
    for (size_t i = 0; i < numbers.size() && i < file_.version.size(); ++i) file_.version[i] = numbers[i];
    return {};
  }

  Status learner() {
    file_.has_learner = true;
    return each_key([&](const std::string& key) -> Status {
      if (key == "gradient_booster") return booster();
      if (key == "learner_model_param") return param();
      if (key == "objective") {
        return each_key([&](const std::string& field) -> Status {
          return field == "name" ? text(file_.objective) : reader_.skip();
        });
      }
      if (key == "feature_names") return texts(file_.feature_names);
      if (key == "feature_types") return texts(file_.feature_types);
      if (key == "attributes") return attributes();
      return unknown_field("learner", key);
    });
  }

  Status attributes() {
    return each_key([&](const std::string& key) -> Status {
      std::string* into = key == "best_iteration" ? &file_.best_iteration
                          : key == "scikit_learn" ? &file_.scikit_learn
                                                  : nullptr;
      CLOPS_ASSIGN(const DocumentReader::Kind kind, reader_.kind());
      return into != nullptr && kind == DocumentReader::Kind::String ? text(*into) : reader_.skip();
    });
  }

  Status param() {
    file_.has_param = true;
    return each_key([&](const std::string& key) -> Status {
      if (key == "base_score") return text(file_.base_score);
      if (key == "num_class") return text(file_.num_class);
      if (key == "num_feature") return text(file_.num_feature);
      if (key == "num_target") return text(file_.num_target);
      if (key == "boost_from_average") return reader_.skip();
      return unknown_field("learner_model_param", key);
    });
  }

  Status booster() {
    return each_key([&](const std::string& key) -> Status {
      if (key == "name") return text(file_.booster);
      if (key == "model") return model();
      if (key == "weight_drop") return weight_drop();
      if (key == "gbtree") {  // of dart to 3.2; its own name is always gbtree
        return each_key([&](const std::string& inner) -> Status {
          if (inner == "model") return model();
          return inner == "name" ? reader_.skip() : unknown_field("gradient_booster.gbtree", inner);
        });
      }
      return unknown_field("gradient_booster", key);
    });
  }

  Status weight_drop() {
    if (file_.weight_drop) return fail(Code::InvalidArgument, "weight_drop is given twice");
    return reader_.reals(file_.weight_drop.emplace());
  }

  Status model() {
    if (file_.has_model) return fail(Code::InvalidArgument, "gradient_booster has two models");
    file_.has_model = true;
    return each_key([&](const std::string& key) -> Status {
      if (key == "trees") return trees();
      if (key == "cats") return cats();
      if (key == "weight_drop") return weight_drop();
      if (key == "tree_info") return reader_.integers(file_.tree_info);
      if (key == "iteration_indptr") return reader_.integers(file_.iteration_indptr.emplace());
      if (key == "weights") return reader_.reals(file_.linear_weights.emplace());
      if (key == "boosted_rounds") return reader_.skip();
      if (key == "gbtree_model_param" || key == "param") {
        return each_key([&](const std::string& field) -> Status {
          if (field == "num_trees") return text(file_.num_trees);
          return field == "num_parallel_tree" ? text(file_.num_parallel_tree) : reader_.skip();
        });
      }
      return unknown_field("gradient_booster.model", key);
    });
  }

  Status trees() {
    XgboostTree raw;
    return each_item([&]() -> Status {
      const auto place = [&] { return "tree " + std::to_string(file_.trees.size()); };
      if (const Status status = read_xgboost_tree(reader_, raw); !status) return fail_in(place(), status.error());
      auto tree = convert(raw, budget_);
      if (!tree) return fail_in(place(), tree.error());
      file_.trees.push_back(std::move(*tree));
      return {};
    });
  }

  Status cats() {
    return each_key([&](const std::string& key) -> Status {
      if (key == "enc") return each_item([&] { return categories(file_.categories.emplace_back()); });
      if (key == "feature_segments" || key == "sorted_idx") return reader_.skip();
      return unknown_field("cats", key);
    });
  }

  Status categories(XgboostCategories& into) {
    return each_key([&](const std::string& key) -> Status {
      if (key == "offsets") return reader_.integers(into.offsets);
      if (key == "values") {
        return each_item([&]() -> Status {
          CLOPS_ASSIGN(const int64_t value, reader_.integer());
          into.values.push_back(value);
          return {};
        });
      }
      if (key == "type") {
        CLOPS_ASSIGN(into.type, reader_.integer());
        return {};
      }
      return unknown_field("cats.enc", key);
    });
  }

  DocumentReader& reader_;
  CategoryBudget budget_;
  XgboostFile file_;
};

}  // namespace

Result<XgboostFile> read_xgboost_file(DocumentReader& reader, size_t file_bytes) {
  return FileReader(reader, file_bytes).read();
}

}  // namespace clops::formats
