#include "checkpoint/tokenizer/formats/foreign_tokenizer.hpp"

#include <array>

#include "core/files/regular_file.hpp"
#include "core/text/shell_words.hpp"

// Tokenizers in other formats. They are recognised by the names of their files, to name the command
// that converts them; of their content, only a Git LFS pointer is recognised.

namespace lensbench {

std::string explain_foreign_tokenizer(const std::filesystem::path& directory) {
  constexpr std::array kFiles = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
                                 "spm.model", "qwen.tiktoken"};
  for (const char* name : kFiles) {
    std::error_code error;
    if (!std::filesystem::exists(directory / name, error)) continue;
    refuse_lfs_pointer_file(directory / name);
    return directory.string() + ": the tokenizer " + name +
           " is not supported; write a tokenizer.json next to it with " +
           python_command("from transformers import AutoTokenizer as T",
                          "T.from_pretrained(a[0]).save_pretrained(a[0])", {directory.string()}) +
           " (which needs the Python packages sentencepiece and tiktoken), or give token ids";
  }
  return "";
}

}  // namespace lensbench
