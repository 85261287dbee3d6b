#include "archive/run/case_file_cache.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <lensbench/error.hpp>
#include <utility>

namespace lensbench {
namespace {

bool is_described_alike(const Variable& a, const Variable& b) {
  const bool same_type = a.is_text() || b.is_text()
                             ? a.is_text() == b.is_text()
                             : a.tensor.scalar_type() == b.tensor.scalar_type();
  return same_type && a.name == b.name && a.dims == b.dims && a.units == b.units &&
         a.long_name == b.long_name && a.coordinate == b.coordinate && a.holds == b.holds &&
         a.attributes == b.attributes;
}

bool is_outline_of(const Dataset& outline, const Dataset& dataset) {
  const auto &a = outline.variables(), &b = dataset.variables();
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), is_described_alike);
}

/// Values one after the other, in the order in which they are taken again.
class Values {
 public:
  void put(const void* from, std::size_t bytes) {
    const auto* first = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), first, first + bytes);
  }
  void put(std::uint64_t number) { put(&number, sizeof number); }
  std::vector<std::byte> take() {
    bytes_.shrink_to_fit();
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
};

class ValueReader {
 public:
  explicit ValueReader(const std::vector<std::byte>& bytes) : next_(bytes.data()) {}
  void get(void* to, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, next_, bytes);
    next_ += bytes;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    get(&value, sizeof value);
    return value;
  }

 private:
  const std::byte* next_;
};

std::size_t bytes_of(const Attribute& attribute) {
  std::size_t bytes = sizeof attribute;
  if (const auto* text = std::get_if<std::string>(&attribute)) bytes += text->size();
  if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute))
    for (const std::string& text : *texts) bytes += sizeof text + text.size();
  return bytes;
}

}  // namespace

/// One dataset: its outline, and what differs between cases.
struct CaseFileCache::Packed {
  std::shared_ptr<const Dataset> outline;
  std::vector<std::byte> values;
  std::map<std::string, Attribute> attributes;
  std::vector<Receipt> receipts;

  Dataset unpack() const {
    Dataset dataset;
    ValueReader reader(values);
    for (Variable variable : outline->variables()) {
      if (variable.is_text()) {
        variable.strings.resize(reader.number());
        for (std::string& text : variable.strings) {
          text.resize(reader.number());
          reader.get(text.data(), text.size());
        }
      } else {
        std::vector<std::int64_t> shape(variable.dims.size());
        for (std::int64_t& length : shape) length = static_cast<std::int64_t>(reader.number());
        variable.tensor = at::empty(shape, variable.tensor.scalar_type());
        reader.get(variable.tensor.data_ptr(), variable.tensor.nbytes());
      }
      dataset.add(std::move(variable));
    }
    dataset.attributes = attributes;
    dataset.receipts = receipts;
    return dataset;
  }

  std::size_t bytes() const {
    constexpr std::size_t kNode = 64;
    std::size_t sum = sizeof(Packed) + kNode + values.size();
    for (const auto& [name, value] : attributes) sum += kNode + name.size() + bytes_of(value);
    for (const Receipt& receipt : receipts)
      sum += sizeof receipt + receipt.name.size() + receipt.note.size();
    return sum;
  }
};

struct CaseFileCache::Contents {
  std::map<std::string, Packed> datasets;
  CaseCosts costs;

  std::size_t bytes() const {
    constexpr std::size_t kNode = 64;
    std::size_t sum = sizeof(Contents) + costs.session.size() +
                      costs.tools.size() * (kNode + sizeof(Cost)) +
                      costs.profile.size() * sizeof(ProfileEntry);
    for (const auto& [name, dataset] : datasets) sum += kNode + name.size() + dataset.bytes();
    return sum;
  }
};

CaseFileCache::CaseFileCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}
CaseFileCache::~CaseFileCache() = default;

Dataset outline_of(const Dataset& dataset) {
  Dataset result;
  for (const Variable& variable : dataset.variables()) {
    Variable empty = variable;
    empty.strings.clear();
    if (!variable.is_text())
      empty.tensor = at::empty(std::vector<std::int64_t>(variable.dims.size(), 0),
                               variable.tensor.scalar_type());
    result.add(std::move(empty));
  }
  return result;
}

CaseFileCache::Packed CaseFileCache::pack(const std::string& name, const Dataset& dataset) {
  auto& outline = outlines_[name];
  if (outline == nullptr || !is_outline_of(*outline, dataset))
    outline = std::make_shared<const Dataset>(outline_of(dataset));
  Values values;
  for (const Variable& variable : dataset.variables()) {
    for (const std::int64_t length : variable.shape())
      values.put(static_cast<std::uint64_t>(length));
    for (const std::string& text : variable.strings) {
      values.put(text.size());
      values.put(text.data(), text.size());
    }
    if (!variable.is_text()) values.put(variable.tensor.data_ptr(), variable.tensor.nbytes());
  }
  return {outline, values.take(), dataset.attributes, dataset.receipts};
}

void CaseFileCache::keep(std::int64_t index, const std::map<std::string, Dataset>& saved,
                         const CaseCosts& costs) {
  forget(index);
  auto contents = std::make_unique<Contents>();
  contents->costs = costs;
  for (const auto& [name, dataset] : saved) contents->datasets.emplace(name, pack(name, dataset));
  const std::size_t bytes = contents->bytes();
  if (bytes > most_bytes_ - bytes_) {
    most_bytes_ = bytes_;  // later files are not decoded in vain
    return;
  }
  bytes_ += bytes;
  kept_.emplace(index, std::move(contents));
}

void CaseFileCache::forget(std::int64_t index) {
  if (last_index_ == index) {
    last_.reset();
    last_index_ = -1;
  }
  const auto found = kept_.find(index);
  if (found == kept_.end()) return;
  bytes_ -= found->second->bytes();
  kept_.erase(found);
}

const CaseFileReader& CaseFileCache::open(std::int64_t index, const std::filesystem::path& file) {
  if (last_index_ != index) {
    last_.reset();  // before the next file is in memory
    last_index_ = -1;
    last_ = std::make_unique<CaseFileReader>(file.string());
    last_index_ = index;
    taken_.clear();
    ++opened_;
  }
  return *last_;
}

/// Contents of a case file, which is read if necessary; null if they do not fit.
const CaseFileCache::Contents* CaseFileCache::find(std::int64_t index,
                                                   const std::filesystem::path& file) {
  if (const auto found = kept_.find(index); found != kept_.end()) return found->second.get();
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error || size > most_bytes_ - bytes_) return nullptr;
  const CaseFileReader& reader = open(index, file);
  std::map<std::string, Dataset> saved;
  for (const std::string& name : reader.names()) saved[name] = reader.read(name);
  const CaseCosts costs = reader.costs();
  keep(index, saved, costs);
  const auto found = kept_.find(index);
  return found == kept_.end() ? nullptr : found->second.get();
}

Dataset CaseFileCache::read(std::int64_t index, const std::filesystem::path& file,
                            const std::string& name) {
  if (const Contents* contents = find(index, file)) {
    const auto found = contents->datasets.find(name);
    if (found == contents->datasets.end())
      throw InputError(file.string() + ": does not contain a dataset '" + name + "'");
    return found->second.unpack();
  }
  // A large variable has its memory in common with the open file, so a dataset is read from it
  // once.
  if (last_index_ == index && taken_.contains(name)) forget(index);
  const CaseFileReader& reader = open(index, file);
  taken_.insert(name);
  return reader.read(name);
}

CaseCosts CaseFileCache::costs(std::int64_t index, const std::filesystem::path& file) {
  if (const Contents* contents = find(index, file)) return contents->costs;
  return open(index, file).costs();
}

}  // namespace lensbench
