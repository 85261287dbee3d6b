#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "archive/diff.hpp"
#include "report/page/cases.hpp"
#include "report/page/fill.hpp"
#include "report/page/reading/case_pictures.hpp"

namespace lensbench::page {

/// What the user asks of a page.
struct PageRequest {
  std::vector<std::string> cases;  ///< as of `named_cases`; empty: the default ones
  std::size_t max_bytes = std::size_t{2} << 20;
  std::int64_t top_k = 5;
  std::string title;  ///< empty: that of the archive
};

/// Everything that the index of a page says, apart from the blocks.
struct PageContent {
  PageRequest request;
  std::vector<PageRun> runs;
  std::vector<std::vector<CaseColumn>> columns;  ///< columns by run
  std::optional<ArchiveDifference> difference;   ///< difference between two archives
  Filled filled;
  std::vector<std::string> pictures;     ///< by run: elements for the static part
  std::vector<CasePictures> of_cases{};  ///< by run: pictures that its cases are about
};

/// A note about what a page does not have, and the command that shows it.
struct LeftOut {
  std::string what, command;
};
std::vector<LeftOut> left_out(const PageContent& content);

/// Block data in the order of their numbers.
class BlockList {
 public:
  /// \param form  form of the blocks that it makes; those that are added must have it, too
  explicit BlockList(Form form = Form::packed) : form_(form) {}

  nlohmann::json add(const std::vector<std::string>& texts) {
    return add(text_block(texts, form_));
  }
  nlohmann::json add(const at::Tensor& values) {
    return add(number_block(values, Precision::exact, form_));
  }
  /// Keeps the data of a block. \return its head with the number
  nlohmann::json add(Block block);
  const std::vector<std::string>& data() const { return data_; }
  std::vector<std::string> take() { return std::move(data_); }

 private:
  Form form_;
  std::vector<std::string> data_;
};

/// The index; its blocks are added to `blocks`.
nlohmann::json page_index(const PageContent& content, BlockList& blocks);

/// Name of the program with its version.
std::string generator();
/// Name of the model of a request, for headings; empty if the request does not name one.
std::string model_name(const RunSource& source);
/// Commands that verify, repeat and show an archive.
nlohmann::json commands_of(const RunSource& source);
/// Names and values of a JSON object, by `json_text`.
nlohmann::json name_value_pairs(const nlohmann::json& facts);
/// A text as it is, another value as JSON text, in which U+FFFD replaces what is not valid UTF-8.
std::string json_text(const nlohmann::json& value);

}  // namespace lensbench::page
