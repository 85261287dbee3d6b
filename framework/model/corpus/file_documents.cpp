#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/files/text_lines.hpp"
#include "core/text/json.hpp"
#include "model/corpus/documents.hpp"

namespace lensbench {
namespace {

/// A document as text or as ids.
struct Document {
  std::string text;
  std::vector<std::int64_t> ids;
};

std::vector<std::int64_t> ids_of(const nlohmann::json& value, const std::string& where) {
  if (!value.is_array()) throw InputError(where + ": 'ids' is not an array of numbers");
  std::vector<std::int64_t> ids;
  for (const auto& id : value) {
    if (!id.is_number_integer())
      throw InputError(where + ": 'ids' holds " + id.dump() + "; expected integers");
    ids.push_back(id.get<std::int64_t>());
  }
  return ids;
}

/// Whether a text is empty or has blanks, tabs and other ASCII white space alone. Its tokens would
/// count as text although nothing was written.
bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\n\v\f\r") == std::string::npos;
}

/// Document of a JSON line: `text` (or `prompt`, as in files of prompts) or `ids`, never both.
Document document_of(const std::string& line, const std::string& where) {
  // A document may be a whole book.
  const auto object = parse_json(line, where, {.max_bytes = std::size_t{1} << 30});
  if (!object.is_object()) throw InputError(where + ": expected one JSON object on each line");
  Document document;
  for (const char* key : {"text", "prompt"}) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    if (!found->is_string()) throw InputError(where + ": '" + key + "' is not a string");
    if (!document.text.empty())
      throw InputError(where + ": has both 'text' and 'prompt'; give one of them");
    document.text = found->get<std::string>();
  }
  if (const auto found = object.find("ids"); found != object.end())
    document.ids = ids_of(*found, where);
  if (document.text.empty() == document.ids.empty())
    throw InputError(where + ": needs either 'text' or 'ids'");
  if (document.ids.empty() && is_blank(document.text))
    throw InputError(where +
                     ": the text has white space alone (expected words); write a text, or remove "
                     "the line");
  return document;
}

/// Documents are read again each time: only the places of their lines are kept, so that a corpus
/// may be larger than memory.
class FileDocuments final : public CorpusDocuments {
 public:
  // The constructor reads the whole file once for the places of its lines.
  FileDocuments(const Model& model, const std::string& path, std::optional<bool> prepend_bos)
      : model_(model), prepend_bos_(prepend_bos), path_(path), lines_(path, "document") {
    for (std::string line; lines_.next(line);)
      if (!is_blank(line)) places_.push_back({lines_.offset(), lines_.number()});
    if (places_.empty())
      throw InputError(path + ": the file lacks documents; write one on each line");
  }

  std::int64_t count() const override { return std::ssize(places_); }

  Tokens tokens(std::int64_t document) override {
    const Place& place = places_[static_cast<std::size_t>(document)];
    lines_.seek(place.offset, place.number);
    std::string line;
    if (!lines_.next(line))
      throw InputError(source(document) +
                       ": the line is missing; the file changed while it was read");
    Document found = lines_.json() ? document_of(line, lines_.where()) : Document{line, {}};
    try {
      return found.ids.empty() ? to_tokens(model_, found.text, prepend_bos_)
                               : tokens_from_ids(model_, std::move(found.ids));
    } catch (const UsageError& error) {
      // A text that the tokenizer refuses is a fault of the file, not of the command.
      throw InputError(source(document) + ": " + error.what());
    }
  }

  // Place for messages, as FILE:LINE.
  std::string source(std::int64_t document) const override {
    return path_ + ":" + std::to_string(places_[static_cast<std::size_t>(document)].number);
  }

 private:
  struct Place {
    std::int64_t offset, number;
  };
  const Model& model_;
  std::optional<bool> prepend_bos_;
  std::string path_;
  TextLines lines_;
  std::vector<Place> places_;
};

}  // namespace

std::unique_ptr<CorpusDocuments> file_documents(const Model& model, const std::string& path,
                                                const CorpusOptions& options) {
  return std::make_unique<FileDocuments>(model, path, options.prepend_bos);
}

}  // namespace lensbench
