#include "report/summary/archive_tokens.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace lensbench {

TokenText token_texts_of(const ArchiveReader& archive) {
  std::map<std::int64_t, std::string> texts;
  const Dataset vocabulary = archive.vocabulary();
  if (vocabulary.contains("id") && vocabulary.contains("text")) {
    const at::Tensor ids = vocabulary["id"].tensor.to(at::kLong).contiguous();
    const auto& stored = vocabulary["text"].strings;
    for (std::int64_t i = 0; i < std::min(ids.numel(), std::ssize(stored)); ++i)
      texts[ids.data_ptr<std::int64_t>()[i]] = stored[static_cast<std::size_t>(i)];
  }
  return [texts = std::move(texts)](std::int64_t id) {
    const auto found = texts.find(id);
    return found == texts.end() ? "<" + std::to_string(id) + ">" : found->second;
  };
}

}  // namespace lensbench
